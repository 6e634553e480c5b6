"""What is refused is refused whole: not a row, not a number, not an event is left of it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import select

from tests.core.test_phase_actions import ACTIONS, TABLE
from tests.services.runservice.playing import Player, Service, create, now, plan, started, task
from tidemill.contracts.runservice import CreateRuns, NewRun, Restart, StartRun
from tidemill.core.job import Outcome
from tidemill.core.plan import Depend
from tidemill.core.run import Run, TaskId
from tidemill.errors import Failure
from tidemill.kit.db import Database, Snapshot, last_event
from tidemill.services.runservice.store.tables import metadata

pytestmark = pytest.mark.anyio

AFTER_BUILD = (Depend(task="build", conditions=("always",)),)
TASKS = (task("build"), task("gate", approval=True, depends=AFTER_BUILD), task("last", "gate"))
GROUP = "/project/p1/branch/{}"


async def everything(db: Database) -> tuple[Any, ...]:
    """All rows of the service, and the number of its last event."""

    async def read(tx: Snapshot) -> tuple[Any, ...]:
        found = [sorted(map(repr, await tx.all(select(table)))) for table in metadata.sorted_tables]
        return (*found, await last_event(tx))

    return await db.read(read)


async def at_work(service: Service, player: Player, state: str) -> Run:
    """A run whose first task is at work."""
    run = await started(service.runs, *TASKS, group=GROUP.format(state))
    for _ in range(3):
        await player.sync()
    return run


async def brought_into(state: str, service: Service, player: Player) -> Run:
    """A run in this state, as the table of the core calls it."""
    group = GROUP.format(state)
    if state == "setuperror":
        wrong = NewRun(name="wrong", setup_errors=("bad",))
        return (await service.runs.create_runs(CreateRuns(key="w", group=group, runs=(wrong,)))).runs[0]
    if state in ("queued", "cancelled"):
        (run,) = await create(service.runs, plan(*TASKS), group=group)
        return await service.runs.cancel_run(run.id, "by ann") if state == "cancelled" else run
    run = await at_work(service, player, state)
    _, gate, _ = (one.id for one in run.tasks)
    if state == "stopping":
        await service.runs.stop_run(run.id, "by ann")
    if state == "success":
        await service.runs.approve_task(run.id, gate, "ann")
        await player.work_off()
    if state == "failed":
        await player.finish(next(iter(player.reports)), Outcome.FAILED)
    if state == "stopped":
        await player.finish(next(iter(player.reports)))
        await service.runs.stop_run(run.id, "by ann")
    return await now(service.runs, run)


def asked(service: Service, run: Run) -> Mapping[str, Callable[[], Awaitable[Run]]]:
    """The actions of the core's table, as the service is asked for them."""
    runs = service.runs
    gate = next((one.id for one in run.tasks if one.name == "gate"), TaskId("none"))
    return {
        "start": lambda: runs.start_run(run.id, StartRun(token="0")),
        "cancel": lambda: runs.cancel_run(run.id, "by bob"),
        "stop": lambda: runs.stop_run(run.id, "by bob"),
        "approve": lambda: runs.approve_task(run.id, gate, "bob"),
        "reject": lambda: runs.reject_task(run.id, gate, "by bob"),
        "restart": lambda: runs.restart_run(run.id, Restart()),
        "from failed": lambda: runs.restart_run(run.id, Restart(from_start=False)),
        "chosen": lambda: runs.restart_run(run.id, Restart(from_start=False, tasks=("gate",))),
    }


REFUSED: Mapping[str, dict[str, str]] = {
    state: {action: code for action, code in zip(ACTIONS, codes, strict=True) if code}
    for state, codes in TABLE.items()
    if state != "failing"
}


@pytest.mark.parametrize("state", REFUSED)
async def test_a_refusal_leaves_everything_as_it_was(state: str, service: Service, db: Database) -> None:
    """With the code of the core's table, for each action that the state does not allow."""
    run = await brought_into(state, service, Player(service.jobs))
    before = await everything(db)
    for action, code in REFUSED[state].items():
        with pytest.raises(Failure) as refused:
            await asked(service, run)[action]()
        assert refused.value.code == code, action
        assert await everything(db) == before, action
