"""Reports read by a child process: whatever they hold, there is an answer."""

import io
import tarfile
from collections.abc import AsyncIterator

import pytest

from tidemill.core.reports import LARGEST, LONGEST_TEXT
from tidemill.work.junit.child import Answer
from tidemill.work.junit.reading import read_reports
from tidemill.work.masking import Mask

pytestmark = pytest.mark.anyio

GOOD = b"<testsuite><testcase name='a'/></testsuite>"


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


async def read(files: dict[str, bytes], *secrets: str) -> Answer:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return await read_reports(pieces(out.getvalue()), Mask(secrets))


async def test_all_reports_are_added_up() -> None:
    """One that is none is a warning, and the others count."""
    answer = await read({"a.xml": GOOD, "bad\udcff.xml": b"<x>", "b.xml": GOOD})
    assert (answer.reported.files, answer.reported.tests) == (2, 2)
    assert answer.warnings == ("bad?.xml: it is no test report: its root is 'x'",)


async def test_secrets_are_masked_and_texts_are_cut() -> None:
    """Also one that stands where a text is cut."""
    text = b"x" * (LONGEST_TEXT - 3) + b"sesame open" + b"y" * 100
    case = (
        b"<testcase name='sesame open' classname='c'><failure message='sesame open!'>"
        + text
        + b"</failure></testcase>"
    )
    answer = await read({"a.xml": b"<testsuite>" + case + b"</testsuite>"}, "sesame open")
    (failed,) = answer.reported.failed
    assert (failed.name, failed.message) == ("***", "***!")
    assert failed.text == "x" * (LONGEST_TEXT - 3) + "***"


async def test_there_is_an_end_to_what_is_kept() -> None:
    """Of many failures with long texts."""
    case = b"<testcase name='a'><failure>" + b"x" * 20_000 + b"</failure></testcase>"
    answer = await read({"a.xml": b"<testsuite>" + case * 400 + b"</testsuite>"})
    assert answer.reported.failures == 400
    assert sum(len(failed.text) for failed in answer.reported.failed) <= LARGEST


@pytest.mark.parametrize("data", [b"", b"x" * 100_000, b"\0" * 100_000])
async def test_what_is_no_archive_is_a_warning_or_empty(data: bytes) -> None:
    """And no failure."""
    answer = await read_reports(pieces(data), Mask(()))
    assert answer.reported.tests == 0


async def test_a_report_that_takes_the_child_down_is_a_warning() -> None:
    """A name of 100 MB does not fit into its memory."""
    huge = (
        b"<testsuite name='"
        + b"x" * (60 << 20)
        + b"'><testcase name='"
        + b"y" * (3 << 20)
        + b"'/></testsuite>"
    )
    answer = await read({"huge.xml": huge, "larger.xml": b" " * ((64 << 20) + 1)})
    assert answer.warnings
    assert answer.reported.tests <= 1


async def test_a_source_that_breaks_is_not_swallowed() -> None:
    """The step that reads must know that its pod is gone."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 100
        raise ConnectionAbortedError("the pod is gone")

    with pytest.raises(ConnectionAbortedError):
        await read_reports(broken(), Mask(()))
