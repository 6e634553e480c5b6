"""A task's setup: its pod, made or found again, and a log that tells what was done."""

from collections.abc import Callable, Sequence
from datetime import datetime

import anyio
import structlog

from tidemill.core.job import JobSpec, Outcome
from tidemill.core.run import StepPhase
from tidemill.pods import Driver, Pod, PodFailed, PodSpec
from tidemill.work.directory import pod_id
from tidemill.work.ending import Ending, interruption
from tidemill.work.ledger import SETUP, Ledger
from tidemill.work.logs import JobLogs
from tidemill.work.output import Text
from tidemill.work.patience import Patience
from tidemill.work.supported import unsupported

log = structlog.get_logger()

SETUP_LIMIT = 300.0
"""Seconds that making a pod may take."""

_CALL_LIMIT = 30.0


class Setup:
    """Brings about the pod of one job."""

    def __init__(  # noqa: PLR0913 - what it is made from, each once
        self,
        spec: JobSpec,
        driver: Driver,
        clock: Callable[[], datetime],
        ledger: Ledger,
        logs: JobLogs,
        patience: Patience,
        *,
        warnings: Sequence[str] = (),
    ) -> None:
        """*warnings* are the first lines of its log."""
        self._spec = spec
        self._driver = driver
        self._clock = clock
        self._ledger = ledger
        self._logs = logs
        self._patience = patience
        self._warnings = warnings

    async def pod(self) -> Pod | Ending:
        """The pod, ready for steps; raises `PodLost` when steps have run in one that is gone."""
        return await self._adopted() or await self._made()

    async def _adopted(self) -> Pod | None:
        """The pod in which an earlier life has begun with the steps; None when there is none."""
        if not self._ledger.is_found:
            return None
        if not self._ledger.state.begun:  # if there is a pod, nothing has run in it
            with anyio.fail_after(_CALL_LIMIT):
                await self._driver.remove(pod_id(self._spec))
            return None
        self._ship_kept_setup()
        with anyio.fail_after(_CALL_LIMIT):
            return await self._driver.adopt(pod_id(self._spec))

    def _ship_kept_setup(self) -> None:
        if SETUP not in self._ledger.state.stored:
            text = Text(self._ledger.state.setup_log)
            text.end()
            self._logs.ship_setup(text, resume=True)

    async def _made(self) -> Pod | Ending:
        """Make the pod; what there is to tell about it is the setup's log."""
        began = self._clock()
        self._ledger.change_step(SETUP, phase=StepPhase.RUNNING, started_at=began)
        text = Text()
        self._logs.ship_setup(text, resume=self._ledger.is_found)
        for warning in self._warnings:
            text.say(warning)
        made = await self._pod_or_ending(text)
        now = self._clock()
        if not isinstance(made, Ending):
            phase = StepPhase.SUCCESS
            text.say(f"ready after {(now - began).total_seconds():.3f} s")
        else:
            phase = StepPhase.STOPPED if made.outcome is Outcome.STOPPED else StepPhase.FAILED
            text.say(made.reason)
        text.end()
        self._ledger.end_setup(text.text, phase, now)
        return made

    def _obstacle(self) -> str:
        """Why the task cannot be done here, a sentence; "" when it can."""
        runtime = self._spec.task.runtime.type
        if runtime not in self._driver.runtimes:
            return f"this executor has no runtime {runtime!r}"
        return unsupported(self._spec.task)

    async def _pod_or_ending(self, text: Text) -> Pod | Ending:
        if reason := self._obstacle():
            return Ending(Outcome.FAILED, reason)
        spec = PodSpec(id=pod_id(self._spec), working_dir=self._spec.task.working_dir)
        try:
            with self._patience.waiting(), anyio.fail_after(SETUP_LIMIT):
                return await self._driver.prepare(spec, text.say)
        except PodFailed as failed:
            return Ending(Outcome.FAILED, f"the sandbox could not be made: {failed}")
        except TimeoutError:
            return Ending(Outcome.FAILED, f"the sandbox was not ready within {SETUP_LIMIT:.0f} s")
        except Exception as error:
            log.exception("a pod could not be made", job=self._spec.id)
            return Ending(Outcome.FAILED, f"the sandbox could not be made: {error or type(error).__name__}")
        return interruption(self._patience, self._spec.task)
