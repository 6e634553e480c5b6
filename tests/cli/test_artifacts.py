"""`tidemill artifact` against a real server."""

import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.conftest import Tidemill
from tests.system.server import Project, User, Work
from tidemill.cli.artifacts import resumed
from tidemill.errors import Unavailable

HOST = {"type": "host"}
KEEP = {"artifacts": {"contents": [{"source_dir": "dist"}]}}


def task(name: str, command: str) -> dict[str, object]:
    return {"name": name, "runtime": HOST, "steps": [{"run": f"mkdir dist; cd dist; {command}"}, KEEP]}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, alice: User) -> Project:
    """A project whose run 1 has kept files of two tasks."""
    tasks = [
        task("a/b", "mkdir sub; echo one > sub/own; echo a > both"),
        task("c", "echo c > both"),
    ]
    work = Work(tmp_path_factory.mktemp("kept"), alice.project("kept"))
    work.commit({".tidemill/config.yml": json.dumps({"runs": [{"name": "run", "tasks": tasks}]})})
    work.push()
    assert work.project.finished(1)["result"] == "success"
    return work.project


def test_artifacts_are_listed(kept: Project, as_alice: User, tidemill: Tidemill) -> None:
    """As a table, of one task, as JSON."""
    lines = tidemill("artifact", "list", kept.path, "1").out.splitlines()
    assert lines[0].split() == ["TASK", "PATH", "SIZE", "EXPIRES"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["a/b", "both", "2"],
        ["a/b", "sub/own", "4"],
        ["c", "both", "2"],
    ]
    (only,) = json.loads(tidemill("artifact", "list", kept.path, "1", "--task", "c", "-o", "json").out)
    assert (only["path"], only["task_name"]) == ("both", "c")


def test_one_is_downloaded(
    kept: Project, as_alice: User, tidemill: Tidemill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its own name, under another, to stdout; which is meant must be clear."""
    monkeypatch.chdir(tmp_path)
    assert tidemill("artifact", "get", kept.path, "1", "sub/own").code == 0
    assert (tmp_path / "own").read_text() == "one\n"
    assert tidemill("artifact", "get", kept.path, "1", "both", "--task", "c", "--to", "x").code == 0
    assert (tmp_path / "x").read_text() == "c\n"
    answer = tidemill("artifact", "get", kept.path, "1", "sub/own", "--to", "-")
    assert (answer.out, answer.err) == ("one\n", "")
    assert "name one with --task: a/b, c" in tidemill("artifact", "get", kept.path, "1", "both").complaint
    assert "there are: both, sub/own" in tidemill("artifact", "get", kept.path, "1", "none").complaint
    assert tidemill("artifact", "get", kept.path, "1", "both", "--archive", "tar").code == 2
    assert tidemill("artifact", "get", kept.path, "1", "--archive", "tar").code == 2


def test_all_are_downloaded(kept: Project, as_alice: User, tidemill: Tidemill, tmp_path: Path) -> None:
    """Into a directory, where nothing is replaced, or as an archive."""
    to = str(tmp_path / "all")
    assert tidemill("artifact", "get", kept.path, "1", "--to", to).code == 0
    files = {str(path.relative_to(to)): path.read_text() for path in Path(to).rglob("*") if path.is_file()}
    assert files == {"a-b/both": "a\n", "a-b/sub/own": "one\n", "c/both": "c\n"}
    again = tidemill("artifact", "get", kept.path, "1", "--to", to)
    assert (again.code, "exists already" in again.err) == (1, True)
    assert (
        tidemill(
            "artifact", "get", kept.path, "1", "--archive", "tar", "--task", "c", "--to", f"{to}.tar"
        ).code
        == 0
    )
    with tarfile.open(f"{to}.tar") as archive:
        assert archive.getnames() == ["both"]


class Cut:
    """A file whose connection is cut after so many bytes each time; 0 is not at all."""

    def __init__(self, content: bytes, *cuts: int) -> None:
        self.content = content
        self.cuts = list(cuts)
        self.asked: list[int] = []

    async def open_at(self, start: int) -> AsyncIterator[bytes]:
        self.asked.append(start)
        return self._chunks(start, self.cuts.pop(0))

    async def _chunks(self, start: int, most: int) -> AsyncIterator[bytes]:
        if most >= 0:
            yield self.content[start : start + most] if most else self.content[start:]
        if most:
            raise Unavailable("the answer was cut")


@pytest.mark.anyio
async def test_a_download_that_is_cut_goes_on() -> None:
    """From where it was, more than once; one that never begins is not waited for."""
    cut = Cut(b"0123456789", 3, 4, 0)
    assert b"".join([chunk async for chunk in resumed(cut.open_at)]) == cut.content
    assert cut.asked == [0, 3, 7]
    away = Cut(b"", -1)
    with pytest.raises(Unavailable):
        [chunk async for chunk in resumed(away.open_at)]
    assert away.asked == [0]
