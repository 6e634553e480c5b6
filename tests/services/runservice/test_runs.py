"""Runs: created once, numbered without gaps, started, stopped, cancelled, restarted, listed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.services.runservice.playing import (
    GROUP,
    Player,
    Service,
    create,
    now,
    plan,
    start,
    started,
    statuses,
    task,
    token,
)
from tidemill.contracts.runservice import CreateRuns, NewRun, Restart, RunQuery, StartRun
from tidemill.core.job import Outcome
from tidemill.core.plan import Plan
from tidemill.core.run import Phase, Result, RunId
from tidemill.errors import BadRequest, Conflict, NotFound
from tidemill.kit.db import Database
from tidemill.services.runservice import RunserviceService

pytestmark = pytest.mark.anyio


async def test_a_run_is_queued_with_its_plan(service: Service) -> None:
    """It has the next number of its counter group, its tasks have not started, its plan is kept whole."""
    (run,) = await create(service.runs, plan(task("a"), task("b", "a")))
    detail = await service.runs.run(run.id)
    assert detail.run == run
    assert detail.plan == plan(task("a"), task("b", "a"))
    assert (run.number, run.phase, run.result, run.revision) == (1, Phase.QUEUED, Result.UNKNOWN, 1)
    assert statuses(run) == {"a": "notstarted", "b": "notstarted"}
    assert await service.runs.numbered_run(1, "/project/p1") == detail


async def test_runs_of_one_call_are_numbered_together(service: Service) -> None:
    """Numbers are counted per counter group, whatever the rest of the group's path is."""
    first = await create(service.runs, plan(), plan())
    other = await create(service.runs, group="/project/p2/branch/main")
    second = await create(service.runs, group="/project/p1/tag/v1")
    assert [run.number for run in (*first, *other, *second)] == [1, 2, 1, 3]


async def test_twenty_creations_at_once_leave_no_gap(service: Service) -> None:
    """Concurrent calls in one counter group get the numbers 1 to 20."""
    made = await asyncio.gather(*(create(service.runs, group=f"/project/p1/branch/b{i}") for i in range(20)))
    assert sorted(run.number for (run,) in made) == list(range(1, 21))


async def test_a_key_creates_once(service: Service) -> None:
    """The same key answers the same runs, also when asked ten times at once, and burns no number."""
    answers = await asyncio.gather(*(create(service.runs, plan(), plan(), key="push 1") for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert [run.number for run in await create(service.runs)] == [3]


async def test_nothing_to_create_is_remembered_too(service: Service) -> None:
    """A call for no runs answers none, and the key is used up."""
    assert (await service.runs.create_runs(CreateRuns(key="k", group=GROUP, runs=()))).runs == ()
    assert await create(service.runs, key="k") == []


async def test_setup_errors_make_a_run_that_shows_them(service: Service) -> None:
    """It is final, has no tasks, carries the name given, and takes a number."""
    new = NewRun(name="Setup Error", setup_errors=("config.yml:3:1: no such key",), annotations={"a": "1"})
    (run,) = (await service.runs.create_runs(CreateRuns(key="k", group=GROUP, runs=(new,)))).runs
    detail = await service.runs.run(run.id)
    assert detail.run == run
    assert detail.plan is None
    assert (run.name, run.phase, run.number, run.tasks) == ("Setup Error", Phase.SETUP_ERROR, 1, ())
    assert run.setup_errors == ("config.yml:3:1: no such key",)
    assert (await service.runs.queued_groups()).groups == ()


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([task("a", "b")], "'b', which does not exist"),
        ([task("a", "b"), task("b", "a")], "depends on itself"),
        ([task("a"), task("a")], "stands 2 times"),
    ],
)
async def test_a_plan_that_cannot_be_run_is_a_setup_error(
    service: Service, tasks: list[object], words: str
) -> None:
    """Whoever goes around the compiler gets a run that says what is wrong."""
    (run,) = await create(service.runs, Plan(name="wrong", tasks=tuple(tasks)))  # type: ignore[arg-type]
    assert (run.name, run.phase) == ("wrong", Phase.SETUP_ERROR)
    assert words in run.setup_errors[0]


@pytest.mark.parametrize("group", ["", "project/p1", "/", "/project//x", "/project/p1/"])
async def test_a_group_is_an_absolute_path(service: Service, group: str) -> None:
    """Anything else is refused and creates nothing."""
    with pytest.raises(BadRequest) as caught:
        await create(service.runs, group=group)
    assert caught.value.code == "invalidRunGroup"


async def test_a_run_needs_a_plan_or_errors(service: Service) -> None:
    """A run without either is refused, and so are runs without a key."""
    with pytest.raises(BadRequest) as caught:
        await service.runs.create_runs(CreateRuns(key="k", group=GROUP, runs=(NewRun(name="x"),)))
    assert caught.value.code == "emptyRun"
    with pytest.raises(BadRequest) as caught:
        await service.runs.create_runs(CreateRuns(key="", group=GROUP, runs=()))
    assert caught.value.code == "noIdempotencyKey"


async def test_unknown_runs_do_not_exist(service: Service) -> None:
    """Every way to ask for one answers 404 with our code."""
    nobody = RunId("nobody")
    for call in (
        service.runs.run(nobody),
        service.runs.numbered_run(1, "/project/p1"),
        service.runs.follow_run(nobody),
        service.runs.start_run(nobody, StartRun(token="1")),
        service.runs.stop_run(nobody),
        service.runs.restart_run(nobody, Restart()),
    ):
        with pytest.raises(NotFound) as caught:
            await call
        assert caught.value.code == "runDoesNotExist"


async def test_a_run_starts_once(service: Service) -> None:
    """Its first tasks become jobs; a second start is refused."""
    (run,) = await create(service.runs)
    await create(service.runs)
    seen = await token(service.runs)
    begun = await service.runs.start_run(run.id, StartRun(token=seen))
    assert (begun.phase, begun.revision) == (Phase.RUNNING, 2)
    assert begun.started_at is not None
    with pytest.raises(Conflict) as caught:
        await service.runs.start_run(run.id, StartRun(token=await token(service.runs)))
    assert caught.value.code == "runNotQueued"


@pytest.mark.parametrize("stale", ["", "0", "x", "99", "-1", "½"])
async def test_a_start_needs_the_groups_token(service: Service, stale: str) -> None:
    """A token that is not the group's changes nothing."""
    (run,) = await create(service.runs)
    with pytest.raises(Conflict) as caught:
        await service.runs.start_run(run.id, StartRun(token=stale))
    assert caught.value.code == "groupChanged"
    assert (await now(service.runs, run)).phase is Phase.QUEUED


async def test_starts_and_ends_change_the_groups_token(service: Service) -> None:
    """Who saw the group before a start or an end is refused; a creation does not matter."""
    first, second = await create(service.runs, plan(), plan())
    seen = await token(service.runs)
    await create(service.runs)
    await service.runs.start_run(first.id, StartRun(token=seen))
    with pytest.raises(Conflict):
        await service.runs.start_run(second.id, StartRun(token=seen))
    running = await token(service.runs)
    await Player(service.jobs).work_off()
    assert (await now(service.runs, first)).phase is Phase.FINISHED
    with pytest.raises(Conflict):
        await service.runs.start_run(second.id, StartRun(token=running))
    await start(service.runs, second.id)


async def test_ten_starters_start_one(service: Service) -> None:
    """Of concurrent starts in one group with the same token one succeeds."""
    made = await create(service.runs, *([plan()] * 10))
    seen = await token(service.runs)
    answers = await asyncio.gather(
        *(service.runs.start_run(run.id, StartRun(token=seen)) for run in made), return_exceptions=True
    )
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1
    assert all(isinstance(answer, Conflict) for answer in answers if isinstance(answer, BaseException))


async def test_a_run_without_tasks_succeeds_at_once(service: Service) -> None:
    """Its start is its end."""
    run = await start(service.runs, (await create(service.runs, Plan(name="empty")))[0].id)
    assert (run.phase, run.result) == (Phase.FINISHED, Result.SUCCESS)


async def test_only_queued_runs_are_cancelled(service: Service) -> None:
    """A cancelled run is final with the reason; a running one is refused."""
    first, second = await create(service.runs, plan(), plan())
    cancelled = await service.runs.cancel_run(first.id, "not wanted")
    assert (cancelled.phase, cancelled.reason) == (Phase.CANCELLED, "not wanted")
    assert cancelled.ended_at is not None
    await start(service.runs, second.id)
    with pytest.raises(Conflict) as caught:
        await service.runs.cancel_run(second.id)
    assert caught.value.code == "runNotQueued"


async def test_only_running_runs_are_stopped(service: Service) -> None:
    """A queued one is refused."""
    (run,) = await create(service.runs)
    with pytest.raises(Conflict) as caught:
        await service.runs.stop_run(run.id)
    assert caught.value.code == "runNotRunning"


async def test_a_restart_from_the_start_is_a_new_run(service: Service) -> None:
    """It has the next number, the same plan, annotations and scope, and tasks of its own."""
    run = await started(service.runs)
    with pytest.raises(BadRequest) as caught:
        await service.runs.restart_run(run.id, Restart())
    assert caught.value.code == "runCannotBeRestarted"
    await Player(service.jobs).work_off()
    again = await service.runs.restart_run(run.id, Restart(from_start=True))
    detail = await service.runs.run(again.id)
    assert detail.run == again
    assert detail.plan == plan()
    assert (again.number, again.phase, again.scope) == (2, Phase.QUEUED, run.scope)
    assert {one.id for one in again.tasks}.isdisjoint(one.id for one in run.tasks)


async def test_a_restart_of_what_failed_keeps_the_rest(service: Service) -> None:
    """Tasks that succeeded keep id and logs; what failed and what depends on it runs again."""
    run = await started(service.runs, task("good"), task("bad"), task("after", "good", "bad"))
    player = Player(service.jobs)
    good, bad = await player.take()
    await service.jobs.append_log(good, 1, 0, 0, b"kept")
    await player.finish(good)
    await player.finish(bad, Outcome.FAILED)
    assert (await now(service.runs, run)).result is Result.FAILED
    again = await service.runs.restart_run(run.id, Restart(from_start=False))
    assert statuses(again) == {"good": "success", "bad": "notstarted", "after": "notstarted"}
    assert again.tasks[0].id == good
    assert b"".join([block async for block in await service.logs.read_log(good, 0)]) == b"kept"
    await start(service.runs, again.id)
    await player.work_off()
    assert statuses(await now(service.runs, again)) == {
        "good": "success",
        "bad": "success",
        "after": "success",
    }
    assert (await now(service.runs, run)).result is Result.FAILED


async def test_an_approval_lets_a_task_go_on(service: Service) -> None:
    """It waits, a list shows that it does, and once approved it runs."""
    run = await started(service.runs, task("careful", approval=True))
    (listed,) = (await service.runs.runs(RunQuery())).items
    assert [one.name for one in listed.tasks] == ["careful"]
    player = Player(service.jobs)
    assert (await player.sync()).start == ()
    await service.runs.approve_task(run.id, run.tasks[0].id, "bob")
    (listed,) = (await service.runs.runs(RunQuery())).items
    assert listed.tasks == ()
    await player.work_off()
    assert (await now(service.runs, run)).result is Result.SUCCESS
    with pytest.raises(BadRequest):
        await service.runs.approve_task(run.id, run.tasks[0].id, "eve")


async def test_everything_survives_a_restart_of_the_service(
    service: Service, open_service: Callable[[], Awaitable[RunserviceService]]
) -> None:
    """A second service on the same database knows the same runs and goes on with them."""
    run = await started(service.runs, task("a"), task("b", "a"))
    player = Player(service.jobs)
    (job,) = await player.take()
    other = await open_service()
    assert (await other.run(run.id)) == await service.runs.run(run.id)
    player.jobs = other
    await player.finish(job)
    await player.work_off()
    assert (await other.run(run.id)).run.result is Result.SUCCESS


async def test_the_event_feed_tells_of_each_phase_and_result(service: Service, db: Database) -> None:
    """Created, started, failed, finished; in this order, and nothing else of the run itself."""
    run = await started(service.runs, task("a"), task("b"))
    player = Player(service.jobs)
    a, b = await player.take()
    await player.finish(a, Outcome.FAILED)
    await player.finish(b)
    events = [event for event in await db.events(0) if event.kind == "run"]
    assert {event.key for event in events} == {run.id}
    told = [event.payload.decode() for event in events]
    phases = ["queued", "running", "running", "finished"]
    results = ["unknown", "unknown", "failed", "failed"]
    assert all(f'"phase":"{phase}"' in one for phase, one in zip(phases, told, strict=True))
    assert all(f'"result":"{result}"' in one for result, one in zip(results, told, strict=True))
