"""One run happening here: the state machine and the workers of a server, without the server between them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import anyio
import msgspec
from msgspec.structs import replace

from tidemill.cli.exec.artifacts import attempt_place
from tidemill.cli.exec.local_logs import LocalLog
from tidemill.cli.exec.shown import noted, shown_status
from tidemill.cli.live import RunState, TaskState, View
from tidemill.core import actions
from tidemill.core.advance import advance
from tidemill.core.graph import in_order
from tidemill.core.job import JobId, JobPhase, JobReport, JobSpec, attempt_of, first_generation
from tidemill.core.needs import variables_of
from tidemill.core.plan import Plan, PlanTask
from tidemill.core.report import apply_report
from tidemill.core.reports import Reported
from tidemill.core.run import Run, RunId, RunTask, Status, TaskId
from tidemill.pods import Driver
from tidemill.work.directory import boot_id, job_directory
from tidemill.work.local_store import LocalStore
from tidemill.work.worker import JobWorker, Surroundings

UNAPPROVED = "it needs an approval: give --approve"


class Workshop(msgspec.Struct, frozen=True, kw_only=True):
    """What runs are done with."""

    driver: Driver
    place: Path
    """A directory of this command's own."""
    caches: Path
    """Where caches are kept."""
    values: Mapping[str, str]
    """Of variables, by name."""
    slots: anyio.CapacityLimiter
    """How many tasks are at work at once."""
    approve: bool = False
    """Tasks that need an approval have it."""


class LocalRun:
    """The run of one plan."""

    def __init__(self, plan: Plan, number: int, workshop: Workshop, view: View) -> None:
        self.plan = plan
        self._workshop = workshop
        self._view = view
        ids = [TaskId(str(uuid4())) for _ in plan.tasks]
        run = Run(id=RunId(str(uuid4())), name=plan.name, group="", number=number, created_at=_now())
        self.run = actions.start(actions.create(run, plan, ids), _now())
        self.logs: dict[TaskId, LocalLog] = {}
        self.artifacts = workshop.place / "artifacts" / run.id
        """Where tasks keep files for people."""
        self.reported: dict[TaskId, Mapping[int, Reported]] = {}
        """What test reports of tasks have said, by step."""
        self._workers: dict[TaskId, JobWorker] = {}
        self._waiting: set[TaskId] = set()
        """Tasks that have no slot yet; what happens meanwhile may still decide against them."""
        self._to_stop: set[TaskId] = set()
        self._at_work: set[TaskId] = set()
        self._changed = anyio.Event()

    async def finish(self) -> Run:
        """Do it to its end, whatever that is."""
        async with anyio.create_task_group() as self._tasks:
            while not self._step():
                with anyio.move_on_after(self._until_next()):
                    await self._changed.wait()
                self._changed = anyio.Event()
        return self.run

    def stop(self, reason: str) -> None:
        """Ask all of its tasks to stop; asking again changes nothing."""
        if self.run.phase.is_final:
            return
        self.run = actions.ask_stop(self.run, reason)
        self._step()
        self._changed.set()

    def _until_next(self) -> float | None:
        """Seconds until something follows from the time alone."""
        at = self.run.wake_at
        return None if at is None else max(0.0, (at - _now()).total_seconds())

    def _step(self) -> bool:
        """Decide what is next, and begin it; whether the run is over."""
        decision = advance(self.run, self.plan, self._at_work, _now(), queued=self._waiting)
        self.run = decision.run
        self._waiting.difference_update(decision.withdraw)
        for task_id in set(decision.stop) - self._to_stop:
            if task_id in self._workers:
                self._workers[task_id].stop()
        self._to_stop = set(decision.stop)
        for task_id in decision.start:
            self._begin(task_id)
        is_idle = not self._waiting and not self._at_work and self.run.wake_at is None
        if is_idle and not self.run.phase.is_final:
            self._settle_approvals()
        self._view.update(self._state())
        return self.run.phase.is_final

    def _settle_approvals(self) -> None:
        """Nothing is at work: what waits now waits for somebody, and nobody but the command line is here."""
        for task in self.run.tasks:
            if task.waiting_approval and self._workshop.approve:
                self.run = actions.approve(self.run, task.id, "you")
            elif task.waiting_approval:
                passed = replace(
                    task, status=Status.SKIPPED, reason=UNAPPROVED, waiting_approval=False, ended_at=_now()
                )
                self._put(passed)
        self._changed.set()

    def _begin(self, id: TaskId) -> None:
        self._waiting.add(id)
        task = self.run.task(id)
        planned = self.plan.task(task.name)
        spec = JobSpec(
            id=JobId(str(uuid4())),
            generation=first_generation(task.attempt),
            run_id=self.run.id,
            task_id=id,
            task=planned,
            environment=self.plan.environment | _number(self.run.number),
            values=variables_of(planned),
        )
        self._tasks.start_soon(self._take_turn, spec)

    async def _take_turn(self, spec: JobSpec) -> None:
        """Do a task once there is a slot for it, if it is still to be done then."""
        async with self._workshop.slots:
            if spec.task_id not in self._waiting:
                return
            self._waiting.discard(spec.task_id)
            self._at_work.add(spec.task_id)
            await self._work(spec)
            self._at_work.discard(spec.task_id)
            self._step()  # before others get the slot: a failure is for them to know
            self._changed.set()

    async def _work(self, spec: JobSpec) -> None:
        place = self._workshop.place / "logs" / f"{spec.task_id}.{spec.generation}"
        sink = LocalLog(place, partial(self._line, spec.task_id))
        self.logs[spec.task_id] = sink
        job = job_directory(self._workshop.place / "jobs", spec).accept(spec, boot_id())
        known = self._workshop.values
        values = {name: known[name] for name in spec.values if name in known}
        worker = JobWorker(job, values, self._around(spec, sink))
        self._workers[spec.task_id] = worker
        if spec.task_id in self._to_stop:
            worker.stop()
        await worker.run()
        del self._workers[spec.task_id]
        sink.finish()

    def _around(self, spec: JobSpec, sink: LocalLog) -> Surroundings:
        store = LocalStore(
            self.plan,
            spec.task.name,
            run=self._workshop.place / "workspaces" / self.run.id,
            caches=self._workshop.caches,
            artifacts=attempt_place(self.artifacts, self.run.task(spec.task_id), attempt_of(spec.generation)),
        )
        self.reported[spec.task_id] = store.reported
        return Surroundings(
            driver=self._workshop.driver,
            sink=sink,
            report=partial(self._reported, spec.task_id),
            clock=_now,
            store=store,
        )

    def _reported(self, id: TaskId, report: JobReport) -> None:
        self._put(apply_report(self.run.task(id), report, _now()))
        if report.phase is not JobPhase.ENDED:
            self._view.update(self._state())

    def _put(self, changed: RunTask) -> None:
        tasks = tuple(changed if task.id == changed.id else task for task in self.run.tasks)
        self.run = replace(self.run, tasks=tasks)

    def _line(self, id: TaskId, text: str) -> None:
        planned = self.plan.task(self.run.task(id).name)
        self._view.line(self._shown(planned, self.run.task(id)), text)

    def _state(self) -> RunState:
        by_name = {task.name: task for task in self.run.tasks}
        return RunState(
            number=self.run.number,
            name=self.run.name,
            phase=self.run.phase,
            result=self.run.result,
            started_at=self.run.started_at,
            ended_at=self.run.ended_at,
            warnings=self.run.warnings,
            tasks=tuple(self._shown(planned, by_name[planned.name]) for planned in self.plan.tasks),
        )

    def _shown(self, planned: PlanTask, task: RunTask) -> TaskState:
        needs = {depend.task for depend in planned.depends}
        return TaskState(
            id=task.id,
            name=task.name,
            status=shown_status(planned, task),
            needs=tuple(other.id for other in self.run.tasks if other.name in needs),
            level=planned.level,
            started_at=task.started_at,
            ended_at=task.ended_at,
            note=noted(planned, task),
        )


def only(plan: Plan, names: set[str]) -> Plan:
    """*plan* with the tasks called *names* and all they need, nothing else."""
    parents = {task.name: [depend.task for depend in task.depends] for task in plan.tasks}
    wanted = set(names)
    for name in reversed(in_order(parents)):
        if name in wanted:
            wanted.update(parents[name])
    return replace(plan, tasks=tuple(task for task in plan.tasks if task.name in wanted))


def _number(number: int) -> dict[str, str]:
    return {f"{prefix}_RUN_COUNTER": str(number) for prefix in ("AGOLA", "TIDEMILL")}


def _now() -> datetime:
    return datetime.now(UTC)
