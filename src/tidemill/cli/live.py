"""A run drawn while it happens: a tree of tasks with states, times and the newest log lines."""

import sys
from datetime import UTC, datetime
from typing import Protocol

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from tidemill.cli.output import duration, inert

TAIL_LINES = 6
AWAY = "the server does not answer, trying again"
MARKS = {
    "notstarted": ("○", "dim"),
    "running": ("●", "cyan"),
    "success": ("✔", "green"),
    "failed": ("✘", "red"),
    "warning": ("!", "yellow"),
    "stopped": ("■", "yellow"),
    "skipped": ("↷", "dim"),
    "cancelled": ("⊘", "yellow"),
}
"""Of a task by its status; one that has failed in a run that ignores it is a warning."""
_NOTE = {"warning": "yellow", "success": "yellow"}
"""Colours of notes; of those that tell of failures, red."""


class TaskState(msgspec.Struct, frozen=True, kw_only=True):
    """What the view shows of one task."""

    id: str
    name: str
    status: str
    needs: tuple[str, ...] = ()
    """Ids of the tasks it depends on."""
    level: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    note: str = ""
    attempt: int = 1


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """What the view shows of a run."""

    number: int
    name: str
    phase: str
    result: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    tasks: tuple[TaskState, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: int = 0
    """Failures that are ignored."""

    @property
    def is_final(self) -> bool:
        return self.phase in ("finished", "cancelled", "setuperror")

    @property
    def verdict(self) -> str:
        """For a person: the result where there is one, else the phase; and how much of it is ignored."""
        has_result = self.phase in ("finished", "running") and self.result != "unknown"
        return with_warnings(self.result if has_result else self.phase, self.warnings)


class View(Protocol):
    """Whoever shows a run."""

    def update(self, run: RunState) -> None:
        """The run has changed."""
        ...

    def line(self, task: TaskState, text: str) -> None:
        """A task's step printed a line."""
        ...

    def away(self) -> None:
        """The server does not answer and is asked again; the next update tells that it does."""
        ...

    def close(self) -> None:
        """The run is final and drawn for the last time."""
        ...


class LiveView:
    """A tree that is redrawn in place; for a terminal."""

    def __init__(self, console: Console) -> None:
        self._run: RunState | None = None
        self._is_away = False
        self._tails: dict[str, tuple[str, ...]] = {}  # tuples: another thread draws them
        self._live = Live(console=console, refresh_per_second=12, get_renderable=self._draw)
        self._live.start()

    def update(self, run: RunState) -> None:
        self._run, self._is_away = run, False

    def line(self, task: TaskState, text: str) -> None:
        self._tails[task.id] = (*self._tails.get(task.id, ()), inert(text))[-TAIL_LINES:]

    def away(self) -> None:
        self._is_away = True

    def close(self) -> None:
        self._live.stop()

    def _draw(self) -> RenderableType:
        if self._run is None:
            return Text("waiting for the run …", style="dim")
        run = self._run
        tree = Tree(self._heading(run), guide_style="dim")
        nodes: dict[str, Tree] = {}
        for task in sorted(run.tasks, key=lambda task: (task.level, task.name)):
            needed = [other for other in run.tasks if other.id in task.needs]
            parent = max(needed, key=lambda other: (other.level, other.name), default=None)
            node = nodes.get(parent.id, tree) if parent else tree
            nodes[task.id] = node.add(self._task(run, task))
        return tree

    def _heading(self, run: RunState) -> Text:
        took = duration(run.started_at, run.ended_at, datetime.now(UTC))
        heading = Text.assemble(
            (f"run #{run.number} ", "bold"), run.name, "  ", (run.verdict, _style(run.result)), "  ", took
        )
        return heading.append(f"  {AWAY}", style="yellow") if self._is_away else heading

    def _task(self, run: RunState, task: TaskState) -> RenderableType:
        mark, style = MARKS.get(task.status, ("?", ""))
        took = duration(task.started_at, task.ended_at, datetime.now(UTC))
        line = Text.assemble((f"{mark} ", style), task.name)
        for text, colour in ((took, "dim"), (task.note, _NOTE.get(task.status, "red"))):
            line.append(f"  {text}" if text else "", style=colour)
        if len(task.needs) > 1:
            names = [other.name for other in run.tasks if other.id in task.needs]
            line.append(f"  needs {', '.join(sorted(names))}", style="dim")
        if task.status not in ("running", "failed", "warning") or task.id not in self._tails:
            return line
        tail = [
            Text("  " + text, style="dim", no_wrap=True, overflow="ellipsis") for text in self._tails[task.id]
        ]
        return Group(line, *tail)


class PlainView:
    """Lines only, each once; for a file, a pipe or a log."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self._run = "the run"

    def update(self, run: RunState) -> None:
        self._run = f"run #{run.number} {run.name}"
        if not run.is_final:
            self._say("run", f"{self._run}: {run.verdict}")
        for task in run.tasks:
            took = duration(task.started_at, task.ended_at) if task.ended_at else ""
            self._say(task.id, " ".join(f"{task.name}: {task.status} {took} {task.note}".split()))
        if run.is_final:
            self._say("run", f"{self._run}: {run.verdict}")

    def line(self, task: TaskState, text: str) -> None:
        sys.stdout.write(f"{task.name} | {inert(text)}\n")
        sys.stdout.flush()

    def away(self) -> None:
        self._say("run", f"{self._run}: {AWAY}")

    def close(self) -> None:
        sys.stdout.flush()

    def _say(self, key: str, sentence: str) -> None:
        if self._seen.get(key) != sentence and not sentence.endswith("notstarted"):
            self._seen[key] = sentence
            sys.stdout.write(sentence + "\n")
            sys.stdout.flush()


def with_attempt(note: str, attempt: int) -> str:
    """A note about a task, and which attempt of it this is where that is not the first."""
    return " ".join(filter(None, [f"attempt {attempt}" if attempt > 1 else "", note]))


def with_warnings(said: str, count: int) -> str:
    """What is said of a run or task, and how many failures in it are ignored, where there are any."""
    warnings = f"{count} {'warning' if count == 1 else 'warnings'}" if count else ""
    return ", ".join(filter(None, [said, warnings]))


def view() -> View:
    """A live tree on a terminal, lines elsewhere."""
    console = Console()
    return LiveView(console) if console.is_terminal else PlainView()


def _style(result: str) -> str:
    return {"success": "green", "failed": "red", "stopped": "yellow"}.get(result, "cyan")
