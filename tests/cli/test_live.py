"""Views of a run: a tree that is redrawn, and lines for who is not a terminal."""

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from rich.console import Console

from tidemill.cli.live import LiveView, PlainView, RunState, TaskState, view

BEGAN = datetime(2026, 7, 30, 12, 0, tzinfo=UTC)
LINT = TaskState(
    id="1", name="lint", status="success", started_at=BEGAN, ended_at=BEGAN + timedelta(seconds=2)
)
UNIT = TaskState(id="2", name="unit", status="running", level=1, needs=("1",), started_at=BEGAN)
BUILD = TaskState(id="3", name="build", status="failed", level=1, needs=("1",), note="exit 3")
DEPLOY = TaskState(id="4", name="deploy", status="notstarted", level=2, needs=("2", "3"))
RUN = RunState(
    number=7,
    name="check",
    phase="running",
    result="unknown",
    started_at=BEGAN,
    tasks=(DEPLOY, UNIT, LINT, BUILD),
)


class Screen:
    """A terminal that is looked at after the view has closed."""

    def __init__(self, width: int) -> None:
        self.written = io.StringIO()
        self.console = Console(
            file=self.written, force_terminal=True, width=width, height=40, color_system=None
        )
        self.view = LiveView(self.console)

    def last(self) -> list[str]:
        """The lines of the last frame."""
        self.view.close()
        frame = self.written.getvalue().rsplit("\x1b[2K", 1)[-1]
        return [line.rstrip() for line in re.sub(r"\x1b\[\?25[hl]", "", frame).splitlines() if line.strip()]


@pytest.fixture(params=[100, 50, 20])
def screen(request: pytest.FixtureRequest) -> Iterator[Screen]:
    made = Screen(request.param)
    yield made
    made.view.close()


def test_a_graph_is_drawn_as_a_tree() -> None:
    """Each task hangs under what it waits for, with mark, note, times and the newest lines."""
    screen = Screen(100)
    screen.view.update(RUN)
    for number in range(9):
        screen.view.line(UNIT, f"line {number}")
    screen.view.line(LINT, "not shown: this task is fine")
    heading, *tree = screen.last()
    assert heading.startswith("run #7 check  running  ")
    assert tree[0] == "└── ✔ lint  2.0 s"
    assert tree[1] == "    ├── ✘ build  exit 3"
    assert tree[2].startswith("    └── ● unit  ")
    assert [line.split("line ")[1] for line in tree[3:9]] == ["3", "4", "5", "6", "7", "8"]
    assert tree[9] == "        └── ○ deploy  needs build, unit"


def test_every_width_is_drawn(screen: Screen) -> None:
    """A narrow terminal gets the same tree without a line that is too long."""
    screen.view.update(RUN)
    screen.view.line(UNIT, "x" * 500)
    lines = screen.last()
    assert all(len(line) <= screen.console.width for line in lines)
    text = " ".join(lines)
    for task in RUN.tasks:
        assert task.name in text


def test_a_run_that_is_not_there_yet_is_waited_for() -> None:
    """Before the first state there is a sentence."""
    assert Screen(80).last() == ["waiting for the run …"]


def test_a_server_that_is_away_is_said() -> None:
    """The heading says that the server does not answer, until the next state."""
    screen = Screen(100)
    screen.view.update(RUN)
    screen.view.away()
    screen.view._live.refresh()
    assert "the server does not answer, trying again" in screen.written.getvalue()
    screen.view.update(RUN)
    assert "does not answer" not in screen.last()[0]


def test_markup_of_a_name_is_shown_literally() -> None:
    """What looks like rich's markup is text."""
    screen = Screen(100)
    task = msgspec.structs.replace(LINT, name="[red]x[/red]", status="running", note="[bold]")
    screen.view.update(msgspec.structs.replace(RUN, name="[blink]y[/blink]", tasks=(task,)))
    screen.view.line(task, "[/nothing] [link=http://evil.invalid]z[/link]")
    text = "\n".join(screen.last())
    for literal in ("[red]x[/red]", "[bold]", "[blink]y[/blink]", "[/nothing]", "z[/link]"):
        assert literal in text


def test_a_log_cannot_reach_the_terminal() -> None:
    """A line's escape sequences, links and directions are gone from what is written."""
    screen = Screen(100)
    screen.view.update(RUN)
    screen.view.line(UNIT, "\x1b]8;;http://evil.invalid\x1b\\a\x1b]8;;\x1b\\\x1b[2Jb\x00\u202ec")
    assert screen.last()[4].endswith("abc")
    assert "evil" not in screen.written.getvalue()


@pytest.mark.parametrize("state", ["finished", "cancelled", "setuperror", "queued"])
def test_every_phase_is_drawn(state: str) -> None:
    """The heading says result or phase; an unknown status of a task is drawn too."""
    screen = Screen(80)
    task = msgspec.structs.replace(LINT, status="new-one")
    screen.view.update(msgspec.structs.replace(RUN, phase=state, tasks=(task,)))
    heading, line = screen.last()
    assert state in heading
    assert "? lint" in line


def test_lines_are_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Off a terminal each change is one line, and what did not change is not repeated."""
    plain = view()
    assert isinstance(plain, PlainView)
    plain.update(RUN)
    plain.update(RUN)
    plain.line(UNIT, "\x1b[31mred\x1b[0m [red]x[/red]")
    plain.update(msgspec.structs.replace(RUN, phase="finished", result="failed"))
    plain.close()
    assert capsys.readouterr().out.splitlines() == [
        "run #7 check: running",
        "unit: running",
        "lint: success 2.0 s",
        "build: failed exit 3",
        "unit | red [red]x[/red]",
        "run #7 check: failed",
    ]


def test_a_failure_that_is_ignored_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """It has a mark of its own and keeps its newest lines; the run's result is followed by their number."""
    warned = msgspec.structs.replace(BUILD, status="warning")
    noted = msgspec.structs.replace(LINT, note="1 warning")
    run = msgspec.structs.replace(RUN, phase="finished", result="success", warnings=2, tasks=(noted, warned))
    screen = Screen(100)
    screen.view.update(run)
    screen.view.line(warned, "it broke")
    heading, *tree = screen.last()
    assert heading.startswith("run #7 check  success, 2 warnings  ")
    assert tree == ["└── ✔ lint  2.0 s  1 warning", "    └── ! build  exit 3", "          it broke"]
    PlainView().update(run)
    assert capsys.readouterr().out.splitlines() == [
        "lint: success 2.0 s 1 warning",
        "build: warning exit 3",
        "run #7 check: success, 2 warnings",
    ]
