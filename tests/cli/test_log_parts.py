"""Parts of logs on the command line, from a real server."""

import re
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.conftest import Tidemill, completed
from tests.cli.scissors import Scissors
from tests.system.server import Project, User, Work, config
from tidemill.cli.log_parts import Wanted, wanted
from tidemill.errors import BadRequest

SCRIPT = """echo '::group::Numbers'
i=1; while [ $i -le 3000 ]; do echo line $i; i=$((i+1)); done
echo '::endgroup::'
printf 'the end'"""
LINES = ["::group::Numbers", *(f"line {number}" for number in range(1, 3001)), "::endgroup::", "the end"]


@pytest.fixture(scope="module")
def project(alice: User, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A run that is over and has printed that, without a terminal."""
    work = Work(tmp_path_factory.mktemp("parts") / "work", alice.project(f"parts{uuid4().hex[:8]}"))
    work.commit(config("", steps=[{"run": {"name": "print", "command": SCRIPT, "tty": False}}]))
    work.push()
    work.project.finished(1)
    return work.project


@pytest.fixture
def here(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of this process ask that server."""
    monkeypatch.setenv("TIDEMILL_GATEWAY_URL", alice.server.url)
    monkeypatch.setenv("TIDEMILL_TOKEN", alice.token)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--lines", "2-4"], LINES[1:4]),
        (["--lines", "3002"], LINES[3001:3002]),
        (["--lines", "3002-"], LINES[3001:]),
        (["--lines", "9000-"], []),
        (["--lines", "3000-9000", "-f"], LINES[2999:]),
        (["--tail", "2"], LINES[-2:]),
        (["--tail", "0"], []),
        (["--tail", "99999"], LINES),
        (["--since", "1h"], LINES),
        (["--since", "2099-01-01T00:00:00Z"], []),
    ],
)
def test_parts_are_printed(
    tidemill: Tidemill, project: Project, options: list[str], expected: list[str]
) -> None:
    """By `run log` and by `log get`, with nothing beside them."""
    for command in (["run", "log"], ["log", "get"]):
        answer = tidemill(*command, project.path, "1", *options)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.splitlines() == expected


@pytest.mark.usefixtures("here")
def test_lines_are_printed_with_their_times(tidemill: Tidemill, project: Project) -> None:
    """In UTC, to the millisecond."""
    answer = tidemill("run", "log", project.path, "1", "--timestamps", "--lines", "2-3")
    for line, expected in zip(answer.out.splitlines(), LINES[1:3], strict=True):
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ " + expected, line)


@pytest.mark.usefixtures("here")
def test_groups_are_listed(tidemill: Tidemill, project: Project) -> None:
    """With the lines they are."""
    answer = tidemill("run", "log", project.path, "1", "--groups")
    heading, row = answer.out.splitlines()
    assert heading.split() == ["GROUP", "LINES", "TOOK"]
    assert row.split()[:2] == ["Numbers", "1-3002"]
    assert '"last_line": 3002' in tidemill("run", "log", project.path, "1", "--groups", "-o", "json").out


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "options",
    [
        ["--lines", "x"],
        ["--lines", "5-3"],
        ["--lines", "0"],
        ["--lines", "1", "--tail", "1"],
        ["--since", "yesterday"],
        ["--since", "5x"],
        ["--since", "2026-13-01T00:00:00Z"],
        ["--tail", "-1"],
    ],
)
def test_what_means_nothing_is_said(tidemill: Tidemill, project: Project, options: list[str]) -> None:
    """And nothing is printed."""
    answer = tidemill("run", "log", project.path, "1", *options)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err


@pytest.mark.parametrize(
    "options", [["--timestamps"], ["--lines", "2-2900", "--timestamps"], ["--tail", "2999"]]
)
def test_parts_come_whole_over_broken_connections(alice: User, project: Project, options: list[str]) -> None:
    """Each line once, though no connection lasts."""
    with Scissors(alice.server.url, bytes=9000) as line:
        environment = {"TIDEMILL_GATEWAY_URL": line.url, "TIDEMILL_TOKEN": alice.token}
        answer = completed("run", "log", project.path, "1", *options, environment=environment)
    expected = {"--timestamps": LINES, "--lines": LINES[1:2900], "--tail": LINES[-2999:]}[options[0]]
    stamp = 25 if "--timestamps" in options else 0
    assert (answer.code, answer.err) == (0, "")
    assert [text[stamp:] for text in answer.out.splitlines()] == expected
    assert line.cuts >= 2


def test_an_earlier_attempt_is_named(alice: User, tidemill: Tidemill, tmp_path: Path, here: None) -> None:
    """Where there are several, which one is shown is said beside it."""
    work = Work(tmp_path / "work", alice.project(f"again{uuid4().hex[:8]}"))
    work.commit(config("echo tried; exit 1", retry={"attempts": 2, "on": ["failed"]}))
    work.push()
    work.project.finished(1)
    answer = tidemill("run", "log", work.project.path, "1")
    assert (answer.err, answer.out) == ("attempt 2 of 2\n", "tried\r\n")
    answer = tidemill("run", "log", work.project.path, "1", "--attempt", "1")
    assert (answer.err, answer.out) == ("attempt 1 of 2\n", "tried\r\n")


def test_options_mean_lines() -> None:
    """One, some, or all that follow."""
    common = {"tail": None, "since": "", "follow": False, "timestamps": False}
    assert wanted(lines="7", **common) == Wanted(line=7, lines=1)
    assert wanted(lines="7-", **common) == Wanted(line=7)
    assert wanted(lines="7-9", **common) == Wanted(line=7, lines=3)
    assert wanted(lines="", **common) == Wanted()
    with pytest.raises(BadRequest):
        wanted(lines="7--9", **common)
