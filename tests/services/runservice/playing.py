"""Playing the others: whoever creates runs, and executors that speak the protocol and do nothing."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from msgspec.structs import replace

from tidemill.contracts.fleet import Fleet
from tidemill.contracts.jobs import ExecutorInfo, Jobs, SyncAnswer, SyncRequest
from tidemill.contracts.logs import Logs
from tidemill.contracts.runservice import CreateRuns, NewRun, Runservice, StartRun
from tidemill.contracts.storage import Storage
from tidemill.core.job import ExecutorId, JobId, JobPhase, JobReport, JobSpec, Outcome
from tidemill.core.plan import Depend, Plan, PlanTask, Resources, RunStep, Runtime
from tidemill.core.run import Run, RunId, StepPhase, StepState

GROUP = "/project/p1/branch/main"
HOST = Runtime(type="host")

_keys = count(1)
_sequences = count(1)


@dataclass
class Service:
    """The contracts of one runservice."""

    runs: Runservice
    jobs: Jobs
    fleet: Fleet
    storage: Storage
    logs: Logs


def task(name: str = "task", *depends: str, **fields: Any) -> PlanTask:
    """A host task of one step that depends on others' success."""
    common = {"runtime": HOST, "steps": (RunStep(name="step", command="true"),)}
    edges = {"depends": tuple(Depend(task=name) for name in depends)}
    return PlanTask(name=name, **(common | edges | fields))


def plan(*tasks: PlanTask) -> Plan:
    return Plan(name="run", tasks=tasks or (task(),))


async def create(
    runs: Runservice, *plans: Plan, group: str = GROUP, key: str = "", scope: str = "project:p1:main"
) -> list[Run]:
    """Create a run of each plan in one call."""
    request = CreateRuns(
        key=key or f"key {next(_keys)}",
        group=group,
        scope=scope,
        runs=tuple(NewRun(name=plan.name, plan=plan) for plan in plans or (plan(),)),
    )
    return list((await runs.create_runs(request)).runs)


async def token(runs: Runservice, group: str = GROUP) -> str:
    """The token of a group that has queued runs."""
    (found,) = [one for one in (await runs.queued_groups()).groups if one.group == group]
    return found.token


async def start(runs: Runservice, id: RunId, group: str = GROUP) -> Run:
    return await runs.start_run(id, StartRun(token=await token(runs, group)))


async def started(runs: Runservice, *tasks: PlanTask, group: str = GROUP) -> Run:
    """A new run of these tasks, running."""
    (run,) = await create(runs, plan(*tasks), group=group)
    return await start(runs, run.id, group)


@dataclass
class Player:
    """An executor that keeps its list as the protocol demands; tests say what its jobs do."""

    jobs: Jobs
    id: str = "e1"
    slots: int = 4
    reports: dict[JobId, JobReport] = field(default_factory=dict)
    specs: dict[JobId, JobSpec] = field(default_factory=dict)
    fenced: list[JobId] = field(default_factory=list)
    sequence: int = 0
    draining: bool = False
    arch: str = "amd64"
    labels: dict[str, str] = field(default_factory=dict)
    allow_privileged: bool = False
    resources: Resources = field(default_factory=Resources)

    def request(self, wait: float = 0) -> SyncRequest:
        self.sequence = next(_sequences)
        return SyncRequest(
            executor=ExecutorInfo(
                id=ExecutorId(self.id),
                name=self.id,
                slots=self.slots,
                runtimes=("host",),
                arch=self.arch,
                labels=self.labels,
                allow_privileged=self.allow_privileged,
                resources=self.resources,
                draining=self.draining,
            ),
            jobs=tuple(self.reports.values()),
            wait=wait,
            sequence=self.sequence,
        )

    async def sync(self, wait: float = 0) -> SyncAnswer:
        """One sync, and what its answer asks for."""
        answer = await self.jobs.sync(self.request(wait))
        self.obey(answer)
        return answer

    def obey(self, answer: SyncAnswer) -> None:
        for job_id in answer.stop:
            self.change(job_id, stopping=True)
        for job_id in answer.fenced:
            del self.reports[job_id]
            self.fenced.append(job_id)
        for job_id in answer.forget:
            del self.reports[job_id]
        for spec in answer.start:
            self.specs[spec.id] = spec
            self.reports[spec.id] = JobReport(
                id=spec.id,
                generation=spec.generation,
                phase=JobPhase.ACCEPTED,
                steps=(StepState(),) * len(spec.task.steps),
            )
        for job in answer.run:
            self.change(job.id, phase=JobPhase.RUNNING, started_at=NOW)

    async def take(self) -> list[JobId]:
        """Sync until jobs are claimed, accepted and reported as running; answers them."""
        answer = await self.sync()
        await self.sync()
        await self.sync()
        return [spec.id for spec in answer.start]

    def change(self, id: JobId, **fields: Any) -> None:
        self.reports[id] = replace(self.reports[id], **fields)

    def end(self, id: JobId, outcome: Outcome = Outcome.SUCCESS) -> None:
        """The next sync tells that a job has ended."""
        phase = {
            Outcome.SUCCESS: StepPhase.SUCCESS,
            Outcome.FAILED: StepPhase.FAILED,
            Outcome.STOPPED: StepPhase.STOPPED,
        }[outcome]
        steps = tuple(StepState(phase=phase) for _ in self.reports[id].steps)
        self.change(id, phase=JobPhase.ENDED, outcome=outcome, steps=steps, ended_at=NOW)

    async def finish(self, id: JobId, outcome: Outcome = Outcome.SUCCESS) -> None:
        self.end(id, outcome)
        await self.sync()

    async def work_off(self) -> None:
        """Take and finish jobs, successfully, until there are none."""
        while True:
            await self.sync()
            if not self.reports:
                return
            for report in list(self.reports.values()):
                if report.phase is JobPhase.RUNNING:
                    self.end(report.id)


NOW = datetime(2026, 7, 30, 12, 0, tzinfo=UTC)


def statuses(run: Run) -> dict[str, str]:
    """The status of each task by its name."""
    return {one.name: str(one.status) for one in run.tasks}


async def now(runs: Runservice, run: Run) -> Run:
    """The run as it is stored."""
    return (await runs.run(run.id)).run
