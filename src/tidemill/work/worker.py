"""Doing one job: setup, steps in order, logs beside them, an end that is told once all is stored."""

from collections.abc import Callable, Mapping
from datetime import datetime

import anyio
import msgspec
import structlog

from tidemill.core.job import JobPhase, JobReport, Outcome
from tidemill.core.run import StepPhase
from tidemill.pods import Driver, Pod, PodLost
from tidemill.work.bench import ALWAYS_GRACE, CALL_LIMIT, Bench
from tidemill.work.commands import secrets, warnings
from tidemill.work.directory import KeptJob, pod_id
from tidemill.work.ending import Ending, interruption
from tidemill.work.ledger import SETUP, Ledger
from tidemill.work.logs import JobLogs
from tidemill.work.masking import Mask
from tidemill.work.patience import Patience
from tidemill.work.setup import Setup
from tidemill.work.shipping import LogSink
from tidemill.work.stepping import Stepping
from tidemill.work.store import Store

log = structlog.get_logger()

GRACE = 3.0
"""Seconds between TERM and KILL."""

LOG_LIMIT = 256 << 20
"""Bytes of each step's output that are kept."""

_NO_VALUES = Ending(Outcome.STOPPED, "stopped before its secrets could be asked for again")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs of the world around it."""

    driver: Driver
    sink: LogSink
    report: Callable[[JobReport], None]
    clock: Callable[[], datetime]
    store: Store | None = None
    """Where files are kept; without it, tasks that want that fail."""
    grace: float = GRACE
    always_grace: float = ALWAYS_GRACE
    log_limit: int = LOG_LIMIT


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
            clock=around.clock,
            fenced=self._fenced,
            failed=self._patience.fail,
        )
        self._setup = Setup(
            job.spec,
            around.driver,
            around.clock,
            self._ledger,
            self._logs,
            self._patience,
            warnings=tuple(warnings(job.spec, self._values)),
        )
        self._bench = Bench(
            spec=job.spec,
            values=self._values,
            ledger=self._ledger,
            logs=self._logs,
            patience=self._patience,
            clock=around.clock,
            grace=around.grace,
            always_grace=around.always_grace,
            log_limit=around.log_limit,
            directory=job.directory.path,
            store=around.store,
            fenced=self._fenced,
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
                await self._end(self._with_logs(ending))
        finally:
            self._ledger.flush()
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

    def _with_logs(self, ending: Ending) -> Ending:
        """How it ended now that its logs are shipped: no success without one that was refused."""
        if ending.outcome is Outcome.SUCCESS and self._patience.failure:
            return Ending(Outcome.FAILED, self._patience.failure)
        return ending

    async def _work(self) -> Ending:
        started_at = self._ledger.state.report.started_at
        if self._patience.is_over and started_at is None:
            return interruption(self._patience, self.spec.task)
        self._ledger.change(phase=JobPhase.RUNNING, started_at=started_at or self._around.clock())
        if self._obstacle is not None:
            return self._obstacle
        pod = await self._setup.pod()
        if isinstance(pod, Ending):
            return pod
        self._pod = pod
        if not self._ledger.state.begun:
            self._ledger.begin()
        self._limit_time()
        return await Stepping(self._bench).through(pod)

    def _masked(self) -> Mask:
        try:
            return Mask(secrets(self.spec, self._values))
        except ValueError as error:
            self._obstacle = Ending(Outcome.FAILED, f"its secrets cannot be masked: {error}")
            return Mask(())

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
            with anyio.fail_after(CALL_LIMIT):
                if self._pod is not None:
                    await self._pod.close()
                else:
                    await self._around.driver.remove(pod_id(self.spec))
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the job has ended
            self._log.warning("a pod could not be removed yet", error=str(error))
