"""An executor by hand, and a scheduler: what makes runs move in tests."""

from typing import Any

from tidemill.contracts.jobs import ExecutorInfo, SyncRequest
from tidemill.contracts.runservice import StartRun
from tidemill.core.job import ExecutorId, JobPhase, JobReport, JobSpec, Outcome
from tidemill.core.run import StepPhase, StepState
from tidemill.services.runservice.service import RunserviceService


class Worker:
    """An executor by hand: it claims one job and reports what a test tells it to."""

    def __init__(self, runservice: RunserviceService) -> None:
        self._runservice = runservice
        self._info = ExecutorInfo(id=ExecutorId("worker"), slots=1, runtimes=("host",))

    async def start_all(self) -> None:
        """Start every queued run, as the scheduler does."""
        for group in (await self._runservice.queued_groups()).groups:
            await self._runservice.start_run(group.queued[0], StartRun(token=group.token))

    async def begin(self) -> JobSpec:
        """Claim a job, accept it, and run its first step."""
        (spec,) = (await self._runservice.sync(SyncRequest(executor=self._info))).start
        await self.report(spec, JobPhase.ACCEPTED)
        await self.report(
            spec,
            JobPhase.RUNNING,
            setup=StepState(phase=StepPhase.SUCCESS),
            steps=(StepState(phase=StepPhase.RUNNING), StepState()),
        )
        return spec

    async def values_of_next_job(self) -> dict[str, str]:
        """Claim a job, accept it, and give it up at once: the values that it came with."""
        (spec,) = (await self._runservice.sync(SyncRequest(executor=self._info))).start
        accepted = JobReport(id=spec.id, generation=spec.generation, phase=JobPhase.ACCEPTED)
        (job,) = (await self._runservice.sync(SyncRequest(executor=self._info, jobs=(accepted,)))).run
        await self.report(spec, JobPhase.ENDED, outcome=Outcome.STOPPED)
        return job.values

    async def end(self, spec: JobSpec, outcome: Outcome) -> None:
        phase = {Outcome.SUCCESS: StepPhase.SUCCESS}.get(outcome, StepPhase.FAILED)
        await self.report(
            spec,
            JobPhase.ENDED,
            outcome=outcome,
            setup=StepState(phase=StepPhase.SUCCESS),
            steps=(StepState(phase=phase, exit_code=3), StepState()),
        )

    async def report(self, spec: JobSpec, phase: JobPhase, **more: Any) -> None:
        report = JobReport(id=spec.id, generation=spec.generation, phase=phase, **more)
        await self._runservice.sync(SyncRequest(executor=self._info, jobs=(report,)))

    async def write(self, spec: JobSpec, step: int, offset: int, data: bytes) -> None:
        await self._runservice.append_log(spec.id, spec.generation, step, offset, data)
