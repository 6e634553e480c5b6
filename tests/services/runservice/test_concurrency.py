"""Concurrency groups as the runservice knows them: shown to who decides, and never two runs at work."""

import asyncio

import pytest
from msgspec.structs import replace

from tests.services.runservice.playing import Player, Service, create, now, plan, token
from tidemill.contracts.runservice import Restart, StartRun
from tidemill.core.plan import Concurrency, Superseded
from tidemill.core.run import Phase, Run
from tidemill.errors import Conflict

pytestmark = pytest.mark.anyio

A, B = "/project/p1/branch/a", "/project/p1/branch/b"
DEPLOY = Concurrency(group="deploy", superseded=Superseded.CANCEL)


async def contender(service: Service, group: str, concurrency: Concurrency | None = DEPLOY) -> Run:
    (run,) = await create(service.runs, replace(plan(), concurrency=concurrency), group=group)
    return run


async def test_who_decides_sees_all_that_are_open(service: Service) -> None:
    """Queued and running ones of all groups, oldest first, with what each wants; nothing without a queued one."""
    one = await contender(service, A)
    two = await contender(service, B, replace(DEPLOY, superseded=Superseded.QUEUE))
    await contender(service, "/project/other/branch/a")
    await contender(service, A, None)
    await service.runs.start_run(one.id, StartRun(token=await token(service.runs, A)))
    mine, other = (await service.runs.queued_groups()).contests
    assert mine.group == other.group == "deploy"
    assert [(run.id, run.number, run.group, run.superseded, run.is_running) for run in mine.runs] == [
        (one.id, 1, A, "cancel", True),
        (two.id, 2, B, "queue", False),
    ]
    await service.runs.cancel_run(two.id)
    assert len((await service.runs.queued_groups()).contests) == 1


async def test_two_are_never_at_work(service: Service) -> None:
    """Whoever asks for it, at once or later; once the first has ended the other may."""
    one, two = await contender(service, A), await contender(service, B)
    starts = [
        service.runs.start_run(run.id, StartRun(token=await token(service.runs, group)))
        for run, group in ((one, A), (two, B))
    ]
    refused = [
        end for end in await asyncio.gather(*starts, return_exceptions=True) if isinstance(end, Conflict)
    ]
    assert [conflict.code for conflict in refused] == ["groupChanged"]
    waiting, group = (one, A) if (await now(service.runs, one)).phase is Phase.QUEUED else (two, B)
    await Player(service.jobs).work_off()
    await service.runs.start_run(waiting.id, StartRun(token=await token(service.runs, group)))
    await Player(service.jobs, id="e2").work_off()
    assert {(await now(service.runs, run)).phase for run in (one, two)} == {Phase.FINISHED}


async def test_a_restart_is_in_the_same_concurrency_group(service: Service) -> None:
    """As it is of the same plan."""
    run = await contender(service, A)
    await service.runs.cancel_run(run.id)
    again = await service.runs.restart_run(run.id, Restart())
    (contest,) = (await service.runs.queued_groups()).contests
    assert [one.id for one in contest.runs] == [again.id]


async def test_runs_behind_one_that_may_have_to_wait_are_shown(service: Service) -> None:
    """While the first is held by others of its concurrency group, who decides may start the next."""
    first = await contender(service, A)
    second = await contender(service, A, None)
    plain = await contender(service, B, None)
    await contender(service, B, None)
    a, b = (await service.runs.queued_groups()).groups
    assert (a.queued, b.queued) == ((first.id, second.id), (plain.id,))
