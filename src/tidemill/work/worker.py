"""Doing one job: setup, steps in order, logs beside them, an end that is told once all is stored."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

import anyio
import msgspec
import structlog

from tidemill.core.job import JobPhase, JobReport, Outcome
from tidemill.core.run import StepPhase
from tidemill.pods import Driver, Pod, PodFailed, PodLost, PodSpec, Progress
from tidemill.work.commands import command, command_key, secrets
from tidemill.work.directory import KeptJob, pod_id
from tidemill.work.ledger import SETUP, Ledger
from tidemill.work.logs import JobLogs
from tidemill.work.masking import Mask
from tidemill.work.output import CommandOutput, Text, moment
from tidemill.work.patience import Patience
from tidemill.work.shipping import LogSink

log = structlog.get_logger()

SETUP_LIMIT = 300.0
"""Seconds that making a pod may take."""
GRACE = 3.0
"""Seconds between TERM and KILL."""

_CALL_LIMIT = 30.0


class Ending(msgspec.Struct, frozen=True):
    """How a job ends."""

    outcome: Outcome
    reason: str = ""
    timed_out: bool = False


_NO_VALUES = Ending(Outcome.STOPPED, "stopped before its secrets could be asked for again")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs of the world around it."""

    driver: Driver
    sink: LogSink
    report: Callable[[JobReport], None]
    clock: Callable[[], datetime]
    grace: float = GRACE


class JobWorker:
    """Works on one job, from wherever an earlier life left it.

    Cancelling `run` leaves the pod and its commands alone: another life adopts them.
    """

    def __init__(self, job: KeptJob, values: Mapping[str, str] | None, around: Surroundings) -> None:
        """*values* is None where they are not known (any more): then the job can only be ended."""
        self.spec = job.spec
        self._around = around
        self._ledger = Ledger(job, around.report)
        self._values: Mapping[str, str] = values or {}
        self._obstacle = None if values is not None or not job.spec.values else _NO_VALUES
        self._patience = Patience()
        if job.state.report.stopping:
            self._patience.stop()
        self._whole = anyio.CancelScope()
        self._pod: Pod | None = None
        self._logs = JobLogs(
            around.sink,
            self._masked(),
            self._ledger,
            fenced=self._fenced,
            failed=self._patience.fail,
        )
        self._log = log.bind(run=job.spec.run_id, job=job.spec.id)

    def stop(self) -> None:
        """Ask the job to stop; its end is reported as any other."""
        self._patience.stop()
        self._ledger.change(stopping=True)

    def abandon(self) -> None:
        """Kill it and tell nobody: it belongs to somebody else."""
        self._whole.cancel()

    async def run(self) -> None:
        """Do the job to its end, report that, and remove its pod."""
        try:
            with self._whole:
                async with self._logs.shipping():
                    ending = await self._ending()
                await self._end(ending)
        finally:
            self._ledger.close()
        await self._clear_away()

    async def _end(self, ending: Ending) -> None:
        self._log.info("job ended", outcome=ending.outcome, reason=ending.reason)
        await self._ledger.end(
            ending.outcome,
            reason=ending.reason,
            timed_out=ending.timed_out,
            ended_at=self._around.clock(),
        )

    async def _ending(self) -> Ending:
        """Do the work and say how it ended; whatever goes wrong on the way is an end too."""
        try:
            ending = await self._work()
        except PodLost as lost:
            ending = Ending(Outcome.FAILED, f"the sandbox is gone: {lost}")
        except Exception as error:  # noqa: BLE001 - every way out of a job is reported
            self._log.exception("the executor failed at a job")
            ending = Ending(Outcome.FAILED, f"the executor failed: {error or type(error).__name__}")
        self._end_open_steps(ending)
        self._logs.cut()
        return ending

    async def _work(self) -> Ending:
        started_at = self._ledger.state.report.started_at
        if self._patience.is_over and started_at is None:
            return self._interrupted()
        self._ledger.change(phase=JobPhase.RUNNING, started_at=started_at or self._around.clock())
        if self._obstacle is not None:
            return self._obstacle
        pod = await self._adopted() or await self._setup()
        if isinstance(pod, Ending):
            return pod
        self._pod = pod
        if not self._ledger.state.begun:
            self._ledger.begin()
        self._limit_time()
        for index in range(len(self.spec.task.steps)):
            ending = await self._step(pod, index)
            if ending is not None:
                return ending
        return Ending(Outcome.SUCCESS)

    def _masked(self) -> Mask:
        try:
            return Mask(secrets(self.spec, self._values))
        except ValueError as error:
            self._obstacle = Ending(Outcome.FAILED, f"its secrets cannot be masked: {error}")
            return Mask(())

    async def _adopted(self) -> Pod | None:
        """The pod of an earlier life with its logs on their way; None when there was no such life."""
        setup = self._ledger.step(SETUP)
        if setup.phase is StepPhase.NOT_STARTED and not self._ledger.state.begun:
            return None
        try:
            with anyio.fail_after(_CALL_LIMIT):
                pod = await self._around.driver.adopt(pod_id(self.spec))
        except PodLost:
            if not self._ledger.state.begun:
                return None
            self._ship_kept_setup()
            raise
        if setup.phase is not StepPhase.SUCCESS and not self._ledger.state.begun:  # nothing has run in it
            with anyio.fail_after(_CALL_LIMIT):
                await self._around.driver.remove(pod_id(self.spec))
            return None
        self._ship_kept_setup()
        return pod

    def _ship_kept_setup(self) -> None:
        if SETUP not in self._ledger.state.stored:
            text = Text(self._ledger.state.setup_log)
            text.end()
            self._logs.ship_setup(text, resume=True)

    async def _setup(self) -> Pod | Ending:
        """Make the pod; what there is to tell about it is the setup's log."""
        is_repeated = self._ledger.step(SETUP).phase is not StepPhase.NOT_STARTED
        began = self._around.clock()
        self._ledger.change_step(SETUP, phase=StepPhase.RUNNING, started_at=began)
        text = Text()
        self._logs.ship_setup(text, resume=is_repeated)
        made = await self._pod_or_ending(text)
        now = self._around.clock()
        if not isinstance(made, Ending):
            phase = StepPhase.SUCCESS
            text.say(f"ready after {(now - began).total_seconds():.3f} s")
        else:
            phase = StepPhase.STOPPED if made.outcome is Outcome.STOPPED else StepPhase.FAILED
            text.say(made.reason)
        text.end()
        self._ledger.end_setup(text.text, phase, now)
        return made

    async def _pod_or_ending(self, text: Text) -> Pod | Ending:
        runtime = self.spec.task.runtime.type
        if runtime not in self._around.driver.runtimes:
            return Ending(Outcome.FAILED, f"this executor has no runtime {runtime!r}")
        spec = PodSpec(id=pod_id(self.spec), working_dir=self.spec.task.working_dir)
        try:
            with self._patience.waiting(), anyio.fail_after(SETUP_LIMIT):
                return await self._around.driver.prepare(spec, text.say)
        except PodFailed as failed:
            return Ending(Outcome.FAILED, f"the sandbox could not be made: {failed}")
        except TimeoutError:
            return Ending(Outcome.FAILED, f"the sandbox was not ready within {SETUP_LIMIT:.0f} s")
        except Exception as error:  # noqa: BLE001 - whatever a driver raises belongs into the setup's log
            self._log.exception("a pod could not be made")
            return Ending(Outcome.FAILED, f"the sandbox could not be made: {error or type(error).__name__}")
        return self._interrupted()

    async def _step(self, pod: Pod, index: int) -> Ending | None:
        """Do one step, or what an earlier life has left to do of it; an ending when it was the last."""
        ledger = self._ledger
        is_over = ledger.has_ended(index)
        is_resumed = ledger.step(index).phase is not StepPhase.NOT_STARTED
        if is_over and index in ledger.state.stored:
            return self._after(index)
        if not is_resumed:
            if self._patience.is_over:
                return self._interrupted()
            ledger.change_step(index, phase=StepPhase.RUNNING, started_at=self._around.clock())
        if not is_over:
            await self._start(pod, index, is_resumed=is_resumed)
        output = self._logs.ship_command(pod, command_key(index), index, resume=is_resumed)
        if not is_over:
            await self._step_end(pod, index, output)
        return self._after(index)

    async def _start(self, pod: Pod, index: int, *, is_resumed: bool) -> None:
        try:
            with anyio.fail_after(_CALL_LIMIT):
                await pod.start(command(self.spec, index, self._values))
        except PodLost:
            if is_resumed:  # what it printed before its pod was lost is still there to be read
                output = self._logs.ship_command(pod, command_key(index), index, resume=True)
                with suppress(PodLost), anyio.move_on_after(_CALL_LIMIT):
                    await output.end()
            raise

    async def _step_end(self, pod: Pod, index: int, output: CommandOutput) -> None:
        """Wait for a step's end, or bring it about when the job must not go on."""
        with self._patience.waiting():
            self._record(index, await output.end())
            return
        with suppress(PodLost), anyio.move_on_after(self._around.grace + _CALL_LIMIT):
            await pod.stop(command_key(index), self._around.grace)
            await output.end()
        phase = StepPhase.STOPPED if self._patience.is_stopped else StepPhase.FAILED
        self._ledger.change_step(index, phase=phase, ended_at=self._around.clock())

    def _record(self, index: int, progress: Progress) -> None:
        code = 127 if progress.exit_code is None and progress.error else progress.exit_code
        self._ledger.change_step(
            index,
            phase=StepPhase.SUCCESS if code == 0 else StepPhase.FAILED,
            exit_code=code,
            started_at=moment(progress.started_at) or self._ledger.step(index).started_at,
            ended_at=moment(progress.ended_at) or self._around.clock(),
        )

    def _after(self, index: int) -> Ending | None:
        """What follows from a step that has ended."""
        step = self._ledger.step(index)
        if step.phase is StepPhase.SUCCESS:
            return None
        if step.exit_code is None and self._patience.is_over:
            return self._interrupted()
        return Ending(Outcome.STOPPED if step.phase is StepPhase.STOPPED else Outcome.FAILED)

    def _interrupted(self) -> Ending:
        """Why the job does not go on."""
        if self._patience.is_stopped:
            return Ending(Outcome.STOPPED)
        if self._patience.failure:
            return Ending(Outcome.FAILED, self._patience.failure)
        return Ending(Outcome.FAILED, f"timed out after {self.spec.task.timeout:g} s", timed_out=True)

    def _limit_time(self) -> None:
        """The task's time counts from the end of its setup, whatever life that was in."""
        ready_at = self._ledger.step(SETUP).ended_at
        if self.spec.task.timeout is not None and ready_at is not None:
            spent = (self._around.clock() - ready_at).total_seconds()
            self._patience.limit(self.spec.task.timeout - spent)

    def _end_open_steps(self, ending: Ending) -> None:
        phase = StepPhase.STOPPED if ending.outcome is Outcome.STOPPED else StepPhase.FAILED
        for index in range(SETUP, len(self.spec.task.steps)):
            if self._ledger.step(index).phase is StepPhase.RUNNING:
                self._ledger.change_step(index, phase=phase, ended_at=self._around.clock())

    def _fenced(self) -> None:
        self._log.warning("job is fenced, killing it")
        self.abandon()

    async def _clear_away(self) -> None:
        """Remove the pod; what cannot be removed now is a leftover, for later."""
        try:
            with anyio.fail_after(_CALL_LIMIT):
                if self._pod is not None:
                    await self._pod.close()
                else:
                    await self._around.driver.remove(pod_id(self.spec))
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the job has ended
            self._log.warning("a pod could not be removed yet", error=str(error))
