"""The run: a plan happening, with the state of each of its tasks and steps."""

from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec
from msgspec.structs import replace

RunId = NewType("RunId", str)
TaskId = NewType("TaskId", str)

#: The annotation of a task that keeps who approved it, as a JSON array (reference, run configuration 6.10).
APPROVERS = "approvers"


class Phase(StrEnum):
    """How far a run is (reference, run configuration 6.6)."""

    SETUP_ERROR = "setuperror"
    QUEUED = "queued"
    CANCELLED = "cancelled"
    RUNNING = "running"
    FINISHED = "finished"

    @property
    def is_final(self) -> bool:
        return self in (Phase.SETUP_ERROR, Phase.CANCELLED, Phase.FINISHED)


class Result(StrEnum):
    """What became of a run; never changes once it is not UNKNOWN."""

    UNKNOWN = "unknown"
    STOPPED = "stopped"
    SUCCESS = "success"
    FAILED = "failed"


class Status(StrEnum):
    """The state of a task (reference, run configuration 6.7); LOST is ours: its executor went silent."""

    NOT_STARTED = "notstarted"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    RUNNING = "running"
    STOPPED = "stopped"
    SUCCESS = "success"
    FAILED = "failed"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        return self not in (Status.NOT_STARTED, Status.RUNNING)


class StepPhase(StrEnum):
    """The state of a step or of a task's setup (reference, run configuration 6.8); SKIPPED is ours."""

    NOT_STARTED = "notstarted"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    RUNNING = "running"
    STOPPED = "stopped"
    SUCCESS = "success"
    FAILED = "failed"


class StepState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one step; *exit_code* is None where none could be determined."""

    phase: StepPhase = StepPhase.NOT_STARTED
    exit_code: int | None = None
    reason: str = ""
    """One sentence for people where the exit code does not say it (its time is over, no such file)."""
    started_at: datetime | None = None
    ended_at: datetime | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an attempt of a task ended that was not its last."""

    number: int
    status: Status
    reason: str = ""
    timed_out: bool = False
    setup: StepState = StepState()
    steps: tuple[StepState, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None


class RunTask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one task; *name* finds it in the plan, *id* is what the world calls it.

    Status, steps and times are those of its latest attempt.
    """

    id: TaskId
    name: str
    status: Status = Status.NOT_STARTED
    reason: str = ""
    """One sentence for people when the status needs one (lost, setup failed, stopped by whom)."""
    timed_out: bool = False
    waiting_approval: bool = False
    approved: bool = False
    approve_by: datetime | None = None
    """When it stops waiting for that, where it waits for so long only."""
    annotations: dict[str, str] = {}
    setup: StepState = StepState()
    steps: tuple[StepState, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempt: int = 1
    past: tuple[Attempt, ...] = ()
    """The attempts before, oldest first."""
    not_before: datetime | None = None
    """When its next attempt may start, while that is in the future."""

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who approved it, by opaque names, in their order; kept as the annotation `approvers`."""
        return msgspec.json.decode(self.annotations.get(APPROVERS, "[]"), type=tuple[str, ...])

    def approved_by(self, approver: str) -> "RunTask":
        """The task with one approver more."""
        text = msgspec.json.encode([*self.approvers, approver]).decode()
        return replace(self, annotations={**self.annotations, APPROVERS: text})


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. *group* and *annotations* are opaque to whoever executes it."""

    id: RunId
    name: str
    group: str
    number: int
    """Counted without gaps per *counter group* (the first two elements of the group's path), from 1."""
    phase: Phase = Phase.QUEUED
    result: Result = Result.UNKNOWN
    stopping: bool = False
    reason: str = ""
    """Who or what stopped or cancelled it, one sentence for people."""
    setup_errors: tuple[str, ...] = ()
    annotations: dict[str, str] = {}
    scope: str = ""
    """Opaque to the runservice: for whom `values` resolves names (project, ref, trust)."""
    tasks: tuple[RunTask, ...] = ()
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deadline: datetime | None = None
    """When it has taken too long."""
    warnings: int = 0
    """Failures in tasks that have ended which are ignored: theirs, or of their steps."""
    restarted_from: int | None = None
    """The number of the run, of the same counter group, that this one does again."""
    revision: int = 0
    """Grows with every stored change; 0 is not stored yet."""

    @property
    def wake_at(self) -> datetime | None:
        """When something follows from the time alone; None while nothing does."""
        if self.phase is not Phase.RUNNING:
            return None
        times = [task.not_before for task in self.tasks if task.not_before is not None]
        times += [task.approve_by for task in self.tasks if task.approve_by is not None]
        if self.deadline is not None and not self.stopping:
            times.append(self.deadline)
        return min(times, default=None)

    def task(self, id: TaskId) -> RunTask:
        """The task with this id; KeyError when there is none."""
        for task in self.tasks:
            if task.id == id:
                return task
        raise KeyError(id)
