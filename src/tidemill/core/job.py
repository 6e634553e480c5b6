"""The job: a task handed out to an executor, fenced by a generation."""

from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec

from tidemill.core.plan import PlanTask
from tidemill.core.run import RunId, StepState, TaskId

JobId = NewType("JobId", str)
ExecutorId = NewType("ExecutorId", str)


#: Generations of one attempt: how often a job of it can be taken back before it has begun.
_PER_ATTEMPT = 1 << 20


def first_generation(attempt: int) -> int:
    """The generation of the first job of an attempt; those of later attempts are greater than all of its."""
    return (attempt - 1) * _PER_ATTEMPT + 1


def attempt_of(generation: int) -> int:
    """Which attempt of its task a job is for."""
    return generation // _PER_ATTEMPT + 1


class JobPhase(StrEnum):
    """Where a job is, as the runservice stores it and executors report it.

    QUEUED -> CLAIMED (assigned, not yet confirmed) -> ACCEPTED (the executor has it on its disk;
    only now may anything of it run) -> RUNNING -> ENDED. A job whose executor went silent is deleted
    and its generation is fenced.
    """

    QUEUED = "queued"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    RUNNING = "running"
    ENDED = "ended"


class Outcome(StrEnum):
    """How a job ended."""

    SUCCESS = "success"
    FAILED = "failed"
    STOPPED = "stopped"


class JobSpec(msgspec.Struct, frozen=True, kw_only=True):
    """All that an executor needs to do one task; names of secrets only, their values come late."""

    id: JobId
    generation: int
    run_id: RunId
    task_id: TaskId
    task: PlanTask
    environment: dict[str, str] = {}
    """The run's static environment, which overrides the task's."""
    values: tuple[str, ...] = ()
    """Names whose values the executor receives once it has accepted the job."""
    is_fork: bool = False
    """The run is of a fork's pull request: it saves no caches, and may lack values."""


class JobReport(msgspec.Struct, frozen=True, kw_only=True):
    """A whole snapshot of a job by the executor that works on it; later ones replace earlier ones."""

    id: JobId
    generation: int
    phase: JobPhase
    outcome: Outcome | None = None
    """Given with phase ENDED."""
    stopping: bool = False
    """It has been told to stop and is at it, so that it need not be told again."""
    timed_out: bool = False
    reason: str = ""
    setup: StepState = StepState()
    steps: tuple[StepState, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
