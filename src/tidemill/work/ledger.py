"""What is known of one job: every change is kept on disk and reported as a whole snapshot.

A step's end is kept back from reports until its log is stored, so that whoever sees a step ended can
read all of its log.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import anyio.to_thread
import msgspec
import structlog

from tidemill.core.job import JobPhase, JobReport, Outcome
from tidemill.core.run import StepPhase, StepState
from tidemill.work.directory import JobState, KeptJob

log = structlog.get_logger()

#: The index of a task's setup among its steps.
SETUP = -1

SAVE_DELAY = 0.1
"""Seconds that changes wait to be written together; a short job is over by then."""

_NOT_ENDED = (StepPhase.NOT_STARTED, StepPhase.RUNNING)


class Ledger:
    """The state of a job while it is worked on."""

    def __init__(self, job: KeptJob, report: Callable[[JobReport], None]) -> None:
        self.state = job.state
        self.is_found = job.is_found
        """Another life has worked on it, and may have stored more than is known."""
        self._job = job
        self._report = report
        self._saving: asyncio.TimerHandle | None = None

    def step(self, index: int) -> StepState:
        """What is known of a step."""
        return self.state.report.setup if index == SETUP else self.state.report.steps[index]

    def has_ended(self, index: int) -> bool:
        """Whether a step is over."""
        return self.step(index).phase not in _NOT_ENDED

    def change(self, **changes: Any) -> None:
        """Change fields of the report."""
        self._keep(msgspec.structs.replace(self.state, report=self._replaced(**changes)))
        self._report(self.visible())

    def change_step(self, index: int, **changes: Any) -> None:
        """Change fields of one step."""
        step = msgspec.structs.replace(self.step(index), **changes)
        if index == SETUP:
            self.change(setup=step)
        else:
            steps = self.state.report.steps
            self.change(steps=(*steps[:index], step, *steps[index + 1 :]))

    def pass_over(self, index: int) -> None:
        """A step is not to be done: it has no log."""
        if self.step(index).phase is StepPhase.NOT_STARTED:
            self.state = msgspec.structs.replace(self.state, stored=self.state.stored | {index})
            self.change_step(index, phase=StepPhase.SKIPPED)

    def end_setup(self, text: str, phase: StepPhase, ended_at: datetime) -> None:
        """Record how the setup ended, with what it had to tell in case another life must ship it."""
        self.state = msgspec.structs.replace(self.state, setup_log=text)
        self.change_step(SETUP, phase=phase, ended_at=ended_at)

    def mark_stored(self, index: int) -> None:
        """The log of a step that has ended is wholly in the store: its end may be seen."""
        self._keep(msgspec.structs.replace(self.state, stored=self.state.stored | {index}))
        self._report(self.visible())

    def begin(self) -> None:
        """Write that something of the job may have run; raises OSError where that fails."""
        self.state = msgspec.structs.replace(self.state, begun=True)
        self._job.save(self.state)

    async def end(self, outcome: Outcome, **changes: Any) -> None:
        """Report the job's end, then make it durable, so that it is told again after a restart."""
        report = self._replaced(phase=JobPhase.ENDED, outcome=outcome, **changes)
        self.state = msgspec.structs.replace(self.state, report=report)
        self._saved()
        self._report(report)
        try:
            await anyio.to_thread.run_sync(partial(self._job.save, self.state, durable=True))
        except OSError:
            log.exception("the end of a job cannot be written to disk", job=report.id)

    def flush(self) -> None:
        """Write what is not written yet."""
        if self._saving is not None:
            self._save()

    def visible(self) -> JobReport:
        """The report as others may see it."""
        return visible(self.state)

    def _replaced(self, **changes: Any) -> JobReport:
        return msgspec.structs.replace(self.state.report, **changes)

    def _keep(self, state: JobState) -> None:
        """Keep a state that could be found out again from the pod; so it is written in a while."""
        self.state = state
        if self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(SAVE_DELAY, self._save)

    def _save(self) -> None:
        """Write the state; a full disk does not stop the job."""
        self._saved()
        try:
            self._job.save(self.state)
        except OSError as error:
            log.warning("a job's state cannot be written", job=self.state.report.id, error=str(error))

    def _saved(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
        self._saving = None


def visible(state: JobState) -> JobReport:
    """What others may see of a job: no step's end before its log is stored."""
    report = state.report
    if report.phase is JobPhase.ENDED:
        return report

    def seen(index: int, step: StepState) -> StepState:
        if step.phase in _NOT_ENDED or index in state.stored:
            return step
        return StepState(phase=StepPhase.RUNNING, started_at=step.started_at)

    steps = tuple(seen(index, step) for index, step in enumerate(report.steps))
    return msgspec.structs.replace(report, setup=seen(SETUP, report.setup), steps=steps)
