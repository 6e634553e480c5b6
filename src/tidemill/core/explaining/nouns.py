"""What an explanation is, and what is looked at for one beside the run and its plan."""

from datetime import datetime

import msgspec

from tidemill.core.job import JobPhase
from tidemill.core.placement import Room
from tidemill.core.run import TaskId


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why something is as it is."""

    code: str
    """Stable, for programs; they are in codes.py."""
    sentence: str
    evidence: dict[str, str] = {}
    """What it was concluded from, by name."""


class AttemptExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt of a task that was followed by another, and its steps, explained."""

    number: int
    attempt: Explanation
    setup: Explanation
    steps: tuple[Explanation, ...] = ()


class TaskExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A task and its steps, explained; the steps are in their order."""

    id: TaskId
    name: str
    task: Explanation
    setup: Explanation
    steps: tuple[Explanation, ...] = ()
    attempts: tuple[AttemptExplanation, ...] = ()
    """Those before the one that the others are about, oldest first."""


class RunExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A run and its tasks, explained; the tasks are in the order of the plan."""

    run: Explanation
    tasks: tuple[TaskExplanation, ...] = ()


def sentence(state: str, reason: str) -> str:
    """A reason behind the state that it is the reason of, unless it begins by saying that itself."""
    return reason if reason.startswith(state) else f"{state}: {reason}"


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a queued one waits for."""

    number: int
    is_running: bool
    concurrency: str = ""
    """The concurrency group that they share; "" when they share their group."""


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A live job of a task."""

    phase: JobPhase
    executor: str = ""
    stop: bool = False


class ExecutorView(msgspec.Struct, frozen=True, kw_only=True):
    """An executor, as far as a task's chances with it go."""

    name: str
    online: bool
    draining: bool
    room: Room


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """All that is looked at beside the run and its plan."""

    now: datetime
    ahead: tuple[Ahead, ...] = ()
    jobs: dict[TaskId, JobView] = {}
    executors: tuple[ExecutorView, ...] = ()
