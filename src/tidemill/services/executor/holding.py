"""The jobs that an executor has: on its disk, in its list, and under work."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup
from msgspec.structs import replace

from tidemill.contracts.jobs import AcceptedJob, Jobs
from tidemill.core.job import JobId, JobPhase, JobReport, JobSpec, Outcome
from tidemill.pods import Driver
from tidemill.services.executor.joblog import RunserviceLog
from tidemill.services.executor.jobstore import RunserviceStore
from tidemill.services.executor.slots import Slots
from tidemill.work.directory import KeptJob, boot_id, job_directory, kept_jobs, new_state, pod_id
from tidemill.work.ledger import visible
from tidemill.work.worker import JobWorker, Surroundings

log = structlog.get_logger()


class Held:
    """One job of ours."""

    def __init__(self, job: KeptJob) -> None:
        self.job = job
        self.report = visible(job.state)
        self.worker: JobWorker | None = None
        self.is_ours = True
        """False when it is fenced or forgotten: nothing of it is reported, and its disk is cleared."""


class Holding:
    """All jobs of this executor. *changed* is called with each news: True if they cannot wait at all.

    Workers run in the task group that `work_in` was given; cancelling it leaves their pods alone.
    """

    def __init__(  # noqa: PLR0913 - what it stands on, each once
        self,
        root: Path,
        driver: Driver,
        jobs: Jobs,
        slots: Slots,
        *,
        log_limit: int,
        clock: Callable[[], datetime],
        changed: Callable[[bool], None],
    ) -> None:
        self._root = root
        self._driver = driver
        self._jobs = jobs
        self._slots = slots
        self._log_limit = log_limit
        self._clock = clock
        self._changed = changed
        self._boot = boot_id()
        self._held: dict[JobId, Held] = {}
        self._leaving: set[Held] = set()
        self._group: TaskGroup | None = None

    async def load(self) -> None:
        """Take up what an earlier life has left on disk, of each job its latest generation."""
        kept = await anyio.to_thread.run_sync(kept_jobs, self._root, self._boot)
        kept.sort(key=lambda job: job.spec.generation)
        latest = {job.spec.id: job for job in kept}
        for job in kept:
            if latest[job.spec.id] is not job:  # that life ended before it could clear this one away
                await anyio.to_thread.run_sync(job.directory.remove)
        self._held = {job.spec.id: Held(job) for job in latest.values()}

    def work_in(self, group: TaskGroup) -> None:
        """Work in *group* from now on, first on those jobs that want nothing of the server."""
        self._group = group
        for held in self._held.values():
            if held.report.phase is JobPhase.RUNNING and not held.job.spec.values:
                self._work(held, {})
            elif held.report.stopping and held.report.phase is not JobPhase.ENDED:
                self._work(held, None)  # neither values nor a second order to stop will come

    def reports(self) -> tuple[JobReport, ...]:
        """What to tell about each job."""
        return tuple(_listed(held) for held in self._held.values())

    def pods(self) -> set[str]:
        """Names of the pods that are looked after: a job is to be worked on, or its worker clears away."""
        held = (*self._held.values(), *self._leaving)
        return {pod_id(one.job.spec) for one in held if one.worker or one.report.phase is not JobPhase.ENDED}

    async def accept(self, specs: Iterable[JobSpec]) -> bool:
        """Put new jobs on disk; False when there were none."""
        new = [spec for spec in specs if self._is_new(spec)]
        for spec in new:
            await self._accept(spec)
        return bool(new)

    def run(self, accepted: AcceptedJob) -> bool:
        """Begin or continue a job with the values it needs; False when it is being done already."""
        held = self._current(accepted.id, accepted.generation)
        if held is None or held.worker or held.report.phase is JobPhase.ENDED:
            return False
        self._work(held, accepted.values)
        return True

    def stop(self, id: JobId, generation: int | None) -> bool:
        """Stop a job; False when there is nothing to stop."""
        held = self._current(id, generation)
        if held is None or held.report.phase is JobPhase.ENDED or held.report.stopping:
            return False
        (held.worker or self._work(held, None)).stop()
        return True

    async def fence(self, id: JobId, generation: int | None) -> bool:
        """Kill a job that is not ours any more; nobody is told how it ended."""
        held = self._current(id, generation)
        if held is None:
            return False
        if held.report.phase is not JobPhase.ENDED:  # else it is only forgotten for its next attempt
            log.warning("job is fenced, killing it", job=id, generation=generation)
        await self._let_go(held)
        return True

    async def forget(self, id: JobId, generation: int | None) -> bool:
        """Clear the disk of a job whose end is recorded."""
        held = self._current(id, generation)
        if held is None or held.report.phase is not JobPhase.ENDED:
            return False
        await self._let_go(held)
        return True

    def _current(self, id: JobId, generation: int | None) -> Held | None:
        """The job, if it is still the one that is spoken of."""
        held = self._held.get(id)
        return held if held is not None and held.job.spec.generation == generation else None

    def _is_new(self, spec: JobSpec) -> bool:
        held = self._held.get(spec.id)
        return held is None or held.job.spec.generation < spec.generation

    async def _accept(self, spec: JobSpec) -> None:
        if older := self._held.get(spec.id):
            await self.fence(spec.id, older.job.spec.generation)
        directory = job_directory(self._root, spec)
        try:
            held = Held(directory.accept(spec, self._boot))
        except OSError as error:
            log.exception("a job cannot be put on disk", job=spec.id)
            held = Held(KeptJob(directory, spec, self._boot, new_state(spec)))
            held.report = self._failed(held, f"the executor could not put the job on its disk: {error}")
        self._held[spec.id] = held

    def _work(self, held: Held, values: Mapping[str, str] | None) -> JobWorker:
        """Start a worker."""
        assert self._group is not None, "jobs are worked on inside `work_in`"
        held.worker = JobWorker(
            held.job,
            values,
            Surroundings(
                driver=self._driver,
                sink=RunserviceLog(self._jobs, held.job.spec.id, held.job.spec.generation),
                report=partial(self._reported, held),
                clock=self._clock,
                log_limit=self._log_limit,
                store=RunserviceStore(self._jobs, held.job.spec.id, held.job.spec.generation),
            ),
        )
        self._group.start_soon(self._worked, held, held.worker)
        self._changed(False)
        return held.worker

    async def _worked(self, held: Held, worker: JobWorker) -> None:
        """Work in a slot until the pod is gone; whoever was at work before a restart has one at once."""
        if held.job.state.report.phase is JobPhase.RUNNING:
            self._slots.occupy()
        else:
            await self._slots.take()
        try:
            await worker.run()
        except Exception:
            log.exception("the executor failed at a job", job=held.job.spec.id)
            self._reported(held, self._failed(held, "the executor failed, its log says how"))
        finally:
            held.worker = None
            self._leaving.discard(held)
            self._slots.release()
        if held.is_ours and held.report.phase is not JobPhase.ENDED:
            await self._let_go(held)  # the log store was the first to say that it is fenced
        elif not held.is_ours:
            await anyio.to_thread.run_sync(held.job.directory.remove)

    def _reported(self, held: Held, report: JobReport) -> None:
        is_pressing = report.phase is JobPhase.ENDED or report.stopping != held.report.stopping
        held.report = report
        if held.is_ours:
            self._changed(is_pressing)

    async def _let_go(self, held: Held) -> None:
        """Report nothing more of a job; its pod and its directory go as soon as they can."""
        held.is_ours = False
        del self._held[held.job.spec.id]
        if held.worker is None:
            await anyio.to_thread.run_sync(held.job.directory.remove)
            return
        self._leaving.add(held)
        if held.report.phase is not JobPhase.ENDED:
            held.worker.abandon()

    def _failed(self, held: Held, reason: str) -> JobReport:
        return replace(
            held.report,
            phase=JobPhase.ENDED,
            outcome=Outcome.FAILED,
            reason=reason,
            ended_at=self._clock(),
        )


def _listed(held: Held) -> JobReport:
    """The report as it is listed: ACCEPTED is to say that it waits for its values."""
    report = held.report
    if report.phase is JobPhase.ACCEPTED and held.worker is not None and not report.stopping:
        return replace(report, phase=JobPhase.RUNNING)
    if report.phase is JobPhase.RUNNING and held.worker is None:
        return replace(report, phase=JobPhase.ACCEPTED)
    return report
