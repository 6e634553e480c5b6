"""New runs: checked, numbered without gaps, created once per idempotency key."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from tidemill.contracts.runservice import CreateRuns, NewRun, Restart
from tidemill.core.actions import create
from tidemill.core.graph import cycles
from tidemill.core.plan import Plan
from tidemill.core.restart import Fresh, missing_archives, recreate
from tidemill.core.run import Run, RunId, TaskId
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.db import Transaction
from tidemill.services.runservice import groups
from tidemill.services.runservice.changing import Means
from tidemill.services.runservice.store import archives, counting, runs
from tidemill.services.runservice.store.runs import StoredRun
from tidemill.services.runservice.telling import tell_run


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A run that lacks only its numbers, with all the ids that it will need."""

    run: Run
    plan: Plan | None


class Creating:
    """Creates runs; its methods are transaction functions, so ids and times are made beforehand."""

    def __init__(self, means: Means, new_id: Callable[[], str]) -> None:
        self._plans = means.plans
        self._bells = means.bells
        self._new_id = new_id

    def drafts(self, request: CreateRuns, now: datetime) -> list[Draft]:
        """The runs that *request* asks for; BadRequest when it cannot be served."""
        groups.checked(request.group)
        if not request.key:
            raise BadRequest("runs need an idempotency key", code="noIdempotencyKey")
        return [self._draft(request, new, now) for new in request.runs]

    def _draft(self, request: CreateRuns, new: NewRun, now: datetime) -> Draft:
        if new.plan is None and not new.setup_errors:
            raise BadRequest(f"run {new.name!r} has neither a plan nor setup errors", code="emptyRun")
        errors = new.setup_errors or tuple(_errors(new.plan))
        plan = None if errors else new.plan
        run = Run(
            id=RunId(self._new_id()),
            name=new.name,
            group=request.group,
            number=0,
            setup_errors=errors,
            annotations=new.annotations,
            scope=request.scope,
            created_at=now,
        )
        return Draft(run=create(run, plan, self._task_ids(plan)), plan=plan)

    def _task_ids(self, plan: Plan | None) -> list[TaskId]:
        return [TaskId(self._new_id()) for _ in plan.tasks] if plan else []

    async def create(
        self, tx: Transaction, request: CreateRuns, drafts: Sequence[Draft], now: datetime
    ) -> list[Run]:
        """Create all of them, or answer those that were created for the same key before."""
        if not await runs.begin_creation(tx, request.key, [draft.run.id for draft in drafts], now):
            return await runs.created_for(tx, request.key)
        if not drafts:
            return []
        sequence, number = await self._number(tx, request.group, len(drafts))
        await self._plans.add(tx, {draft.run.id: draft.plan for draft in drafts if draft.plan})
        return await self._add(
            tx,
            [
                StoredRun(
                    sequence=sequence + index,
                    plan_id=draft.run.id if draft.plan else None,
                    run=replace(draft.run, number=number + index),
                    concurrency=draft.plan.concurrency if draft.plan else None,
                )
                for index, draft in enumerate(drafts)
            ],
        )

    def fresh(self, plan: Plan, now: datetime) -> Fresh:
        """What a restart needs of the outside; its number comes later."""
        return Fresh(id=RunId(self._new_id()), number=0, task_ids=tuple(self._task_ids(plan)), now=now)

    async def restart(self, tx: Transaction, id: RunId, fresh: Fresh, request: Restart) -> Run:
        """Create a run from one that is over; they share the plan and the tasks that are kept."""
        stored = await runs.take_by_id(tx, id)  # it cannot be removed meanwhile
        if stored is None:
            raise NotFound(f"there is no run {id!r}", code="runDoesNotExist")
        plan = Plan(name=stored.run.name)
        if stored.plan_id:
            plan = (await self._plans.get(tx, {stored.plan_id}))[stored.plan_id]
        kept = await archives.of_tasks(tx, [task.id for task in stored.run.tasks])
        again = recreate(
            stored.run,
            plan,
            fresh,
            from_start=request.from_start,
            chosen=request.tasks,
            gone=missing_archives(stored.run, plan, {(one.task, one.step) for one in kept}),
        )
        sequence, number = await self._number(tx, again.group, 1)
        new = StoredRun(
            sequence=sequence,
            plan_id=stored.plan_id,
            run=replace(again, number=number),
            concurrency=plan.concurrency,
        )
        return (await self._add(tx, [new]))[0]

    async def _number(self, tx: Transaction, group: str, count: int) -> tuple[int, int]:
        """The first sequence and the first number of *count* new runs."""
        sequence = await counting.next_sequence(tx, count)
        return sequence, await counting.next_number(tx, groups.counter_path(group), count)

    async def _add(self, tx: Transaction, new: list[StoredRun]) -> list[Run]:
        group = new[0].run.group
        await runs.add(tx, new, groups.counter_path(group))
        await counting.know_group(tx, group)
        for contest in sorted({one.concurrency.group for one in new if one.concurrency}):
            await counting.know_group(tx, groups.contest_path(group, contest))
        stored = [replace(one.run, revision=1) for one in new]
        for run in stored:
            tell_run(tx, self._bells, run, run.created_at)
        return stored


def _errors(plan: Plan | None) -> list[str]:
    """What keeps a plan from being run; the compiler has found it before, unless somebody went around it."""
    if plan is None:
        return []
    names = Counter(task.name for task in plan.tasks)
    errors = [f"task name {name!r} stands {count} times" for name, count in names.items() if count > 1]
    errors += [
        f"task {task.name!r} depends on {depend.task!r}, which does not exist"
        for task in plan.tasks
        for depend in task.depends
        if depend.task not in names
    ]
    if not errors:
        parents = {task.name: [depend.task for depend in task.depends] for task in plan.tasks}
        errors = [f"task {task!r} depends on itself through {through!r}" for task, through in cycles(parents)]
    return errors
