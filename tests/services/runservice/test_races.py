"""Two who act on one run at the same moment: one is first, the other finds what that one has made of it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.services.runservice.playing import (
    Player,
    Service,
    create,
    now,
    plan,
    started,
    statuses,
    task,
    token,
)
from tidemill.contracts.runservice import Restart, StartRun
from tidemill.core.job import Outcome
from tidemill.core.run import Phase, Result, Run
from tidemill.errors import BadRequest, Conflict, Failure

pytestmark = pytest.mark.anyio

Asked = Callable[[], Awaitable[object]]


@pytest.fixture(params=["as given", "the other way"])
def together(request: pytest.FixtureRequest) -> Callable[[Asked, Asked], Awaitable[list[object]]]:
    """Asks both at once, in this order or the other; answers in the order given."""

    async def ask(one: Asked, other: Asked) -> list[object]:
        if request.param == "as given":
            return list(await asyncio.gather(one(), other(), return_exceptions=True))
        found = await asyncio.gather(other(), one(), return_exceptions=True)
        return [found[1], found[0]]

    return ask


Together = Callable[[Asked, Asked], Awaitable[list[object]]]


def refused(found: object, kind: type[Failure], code: str) -> bool:
    return isinstance(found, kind) and found.code == code


async def test_a_start_and_a_cancel(service: Service, together: Together) -> None:
    """Exactly one of them happens; the other is refused."""
    (run,) = await create(service.runs)
    ask = StartRun(token=await token(service.runs))
    start, cancel = await together(
        lambda: service.runs.start_run(run.id, ask), lambda: service.runs.cancel_run(run.id, "by bob")
    )
    phase = (await now(service.runs, run)).phase
    if isinstance(start, Run):
        assert phase is Phase.RUNNING
        assert refused(cancel, Conflict, "runNotQueued")
    else:
        assert phase is Phase.CANCELLED
        assert isinstance(cancel, Run)
        assert isinstance(start, Conflict)


async def test_a_stop_and_the_last_end(service: Service, together: Together) -> None:
    """A stop that comes first is the result, also of tasks that succeed then; one that is late is refused."""
    run = await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    player.end(job)
    ended, stopped = await together(player.sync, lambda: service.runs.stop_run(run.id, "by bob"))
    assert not isinstance(ended, BaseException)
    over = await now(service.runs, run)
    assert (over.phase, statuses(over)) == (Phase.FINISHED, {"task": "success"})
    if isinstance(stopped, Run):
        assert (over.result, over.reason) == (Result.STOPPED, "by bob")
    else:
        assert refused(stopped, Conflict, "runNotRunning")
        assert over.result is Result.SUCCESS


async def test_an_approval_and_a_refusal(service: Service, together: Together) -> None:
    """The task is at work or skipped, and never both."""
    run = await started(service.runs, task("gate", approval=True))
    (gate,) = (one.id for one in run.tasks)
    approved, rejected = await together(
        lambda: service.runs.approve_task(run.id, gate, "ann"),
        lambda: service.runs.reject_task(run.id, gate, "by bob"),
    )
    (gated,) = (await now(service.runs, run)).tasks
    assert isinstance(approved, Run) != isinstance(rejected, Run)
    if isinstance(approved, Run):
        assert refused(rejected, BadRequest, "runTaskNotWaitingApproval")
        assert gated.approved
    else:
        assert refused(approved, BadRequest, "runTaskNotWaitingApproval")
        assert (gated.status, gated.approvers) == ("skipped", ())
    await Player(service.jobs).work_off()
    assert (await now(service.runs, run)).phase is Phase.FINISHED


async def test_the_same_person_twice(service: Service, together: Together) -> None:
    """One approval counts, the other is refused: two people are needed, and one is not two."""
    run = await started(service.runs, task("gate", approval=True, approvers=2))
    (gate,) = (one.id for one in run.tasks)
    found = await together(
        lambda: service.runs.approve_task(run.id, gate, "ann"),
        lambda: service.runs.approve_task(run.id, gate, "ann"),
    )
    assert sorted(isinstance(one, Run) for one in found) == [False, True]
    (gated,) = (await now(service.runs, run)).tasks
    assert (gated.approvers, gated.approved, gated.waiting_approval) == (("ann",), False, True)


async def test_two_restarts(service: Service, together: Together) -> None:
    """Both are made, each whole, with numbers of their own and tasks of their own."""
    run = await started(service.runs, task("good"), task("bad"))
    player = Player(service.jobs)
    for job in await player.take():
        is_good = player.specs[job].task.name == "good"
        await player.finish(job, Outcome.SUCCESS if is_good else Outcome.FAILED)
    again = Restart(from_start=False)
    found = await together(
        lambda: service.runs.restart_run(run.id, again), lambda: service.runs.restart_run(run.id, again)
    )
    made = [one for one in found if isinstance(one, Run)]
    assert sorted(one.number for one in made) == [2, 3]
    good, bad = zip(*(one.tasks for one in made), strict=True)
    assert {one.id for one in good} == {run.tasks[0].id}
    assert len({one.id for one in bad}) == 2


async def test_a_report_and_a_stop(service: Service, together: Together) -> None:
    """What an executor tells in the midst of a stop is kept; the job is stopped and the run ends."""
    run = await started(service.runs, plan().tasks[0], task("other", "task"))
    player = Player(service.jobs)
    (job,) = await player.take()
    player.change(job, reason="half way")
    await together(player.sync, lambda: service.runs.stop_run(run.id, "by bob"))
    await player.sync()
    assert player.reports[job].stopping
    await player.finish(job, Outcome.STOPPED)
    over = await now(service.runs, run)
    assert (over.result, statuses(over)) == (Result.STOPPED, {"task": "stopped", "other": "skipped"})
