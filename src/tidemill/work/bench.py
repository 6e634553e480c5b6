"""What the steps of one job are done with, and how long each of them may take."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import msgspec

from tidemill.core.job import JobSpec
from tidemill.core.plan import Step
from tidemill.core.run import StepPhase
from tidemill.work.ledger import Ledger
from tidemill.work.logs import JobLogs
from tidemill.work.patience import Patience
from tidemill.work.store import Store

ALWAYS_GRACE = 60.0
"""Seconds that the `always` steps of a job have, all together, once it must not go on."""

CALL_LIMIT = 30.0
"""Seconds for a pod to answer."""


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """A job under work."""

    spec: JobSpec
    values: Mapping[str, str]
    ledger: Ledger
    logs: JobLogs
    patience: Patience
    clock: Callable[[], datetime]
    grace: float
    """Seconds between TERM and KILL."""
    always_grace: float = ALWAYS_GRACE
    log_limit: int
    """Bytes of a command's output that are kept."""
    directory: Path
    """Where the job is kept on disk."""
    store: Store | None
    fenced: Callable[[], None]
    """To be called when the job belongs to somebody else."""

    def step(self, index: int) -> Step:
        """A step as it is planned."""
        return self.spec.task.steps[index]

    def may_begin(self, index: int) -> bool:
        """Whether there is time for a step."""
        return not self.patience.is_spent(self._grace(index))

    def waiting(self, index: int) -> AbstractContextManager[anyio.CancelScope]:
        """A scope that is cancelled when a step's time is over, or the job must not go on."""
        return self.patience.waiting(grace=self._grace(index), seconds=self._time_left(index))

    def overtime(self, index: int) -> str:
        """Why a step is not waited for any more: its own time is over; "" when the job's end came first.

        What is left does not tell it: a wait may end a little before its time by the clock.
        """
        if self._time_left(index) >= self.patience.time_left(self._grace(index)):
            return ""
        return f"the step's time limit of {self.step(index).timeout:g} s is over"

    def end_step(self, index: int, phase: StepPhase, **known: Any) -> None:
        """Record how a step has ended, just now unless that is *known*."""
        self.ledger.change_step(index, phase=phase, **({"ended_at": self.clock()} | known))

    def cut_step(self, index: int, reason: str) -> None:
        """Record that a step was ended by us: its time is over for *reason*, or the job's is."""
        is_stopped = self.patience.is_stopped and not reason
        self.end_step(index, StepPhase.STOPPED if is_stopped else StepPhase.FAILED, reason=reason)

    def _grace(self, index: int) -> float:
        return self.always_grace if self.step(index).always else 0.0

    def _time_left(self, index: int) -> float:
        """Seconds, counted from the step's start in whatever life that was."""
        limit, began = self.step(index).timeout, self.ledger.step(index).started_at
        if limit is None:
            return math.inf
        return limit - (self.clock() - began).total_seconds() if began else limit
