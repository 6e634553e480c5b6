"""Retention: what goes goes whole, at its time and a little at a time; what is wanted stays."""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace
from sqlalchemy import func, insert, select

from tests.conftest import Clock, DatabaseUrl
from tests.services.runservice.playing import NOW, Player, Service, create, now, plan, start, started, task
from tests.services.runservice.test_archives import at_work, chunks
from tests.services.runservice.test_artifacts import packed, pieces
from tidemill.contracts.runservice import Restart, RunQuery
from tidemill.contracts.storage import RunRule
from tidemill.core.job import JobId, JobPhase, Outcome
from tidemill.core.plan import RestoreWorkspace, RunStep, SaveArtifacts, SaveReports, SaveToWorkspace
from tidemill.core.reports import Reported
from tidemill.core.run import Phase, Run, RunId, StepPhase, StepState, TaskId
from tidemill.errors import Conflict, NotFound, TooLarge
from tidemill.kit.db import Database, Snapshot
from tidemill.kit.objects import Objects
from tidemill.services.runservice.logs.appending import DIRECT
from tidemill.services.runservice.retention.pacing import Tally
from tidemill.services.runservice.retention.policy import RunPolicy
from tidemill.services.runservice.service import RunserviceService
from tidemill.services.runservice.store import expiry
from tidemill.services.runservice.store.tables import metadata
from tidemill.settings import RunserviceSettings
from tidemill.settings.retention import RetentionSettings

pytestmark = pytest.mark.anyio

STEPS = (RunStep(name="step", command="true"), SaveToWorkspace(), SaveArtifacts(), SaveReports())
#: What stays when runs go: numbers, tokens, keys, who was there; and what jobs have asked for.
STAYS = {"counters", "groups", "creations", "executors", "demands"}
DAY = 86_400.0


@pytest.fixture
def settings() -> RunserviceSettings:
    kept = RetentionSettings(
        runs=10 * DAY, runs_least=1, cache_quota=1000, artifact_quota=10_000, logs=5 * DAY
    )
    return RunserviceSettings(executor_lease=60, executor_grace=15, retention=kept)


@pytest.fixture
def player(service: Service) -> Player:
    return Player(service.jobs)


async def rows(db: Database) -> dict[str, int]:
    """How many rows there are in each table that has any, but for what stays."""

    async def count(tx: Snapshot) -> dict[str, int]:
        found = {}
        for name, table in metadata.tables.items():
            number = await tx.value(select(func.count()).select_from(table))
            if number and name not in STAYS:
                found[name] = number
        return found

    return await db.read(count)


async def names(objects: Objects) -> list[str]:
    return sorted([name async for name in objects.list()])


async def fill(service: Service, job: JobId) -> None:
    """Keep something of every kind for a job: five objects, and rows in each table."""
    for data in (b"small\n", b"x" * DIRECT, b"y" * DIRECT):
        at = (await service.jobs.log_end(job, 1, 0)).length
        await service.jobs.append_log(job, 1, 0, at, data)
    await service.jobs.append_log(job, 1, -1, 0, b"ready\n")
    await service.jobs.save_workspace(job, 1, 1, chunks(b"files"))
    await service.jobs.save_artifacts(job, 1, 2, pieces(packed({"a": b"1", "b": b"2"})))
    await service.jobs.save_reports(job, 1, 3, Reported(tests=1))


async def finished(service: Service, player: Player, *, group: str = "/project/p1/branch/main") -> Run:
    """A run that is over and has kept something of every kind."""
    run = await started(service.runs, task(steps=STEPS), group=group)
    (job,) = await player.take()
    await fill(service, job)
    await player.finish(job)
    return await now(service.runs, run)


async def quick(service: Service, *, group: str = "/project/p1/branch/main") -> Run:
    """A run that is over and has kept nothing."""
    (run,) = await create(service.runs, plan(), group=group)
    return await service.runs.cancel_run(run.id)


async def numbers(service: Service, group: str = "/project/p1") -> list[int]:
    return [run.number for run in (await service.runs.runs(RunQuery(group=group, limit=0))).items]


@pytest.mark.parametrize("put_away", [False, True])
async def test_a_deleted_run_leaves_nothing(
    service: Service,
    whole: RunserviceService,
    player: Player,
    db: Database,
    objects: Objects,
    put_away: bool,
) -> None:
    """No row and no object, whether its logs stand in parts or were put away."""
    run = await finished(service, player)
    if put_away:
        await whole.put_logs_away()
    before = await rows(db)
    assert {
        "runs",
        "tasks",
        "plans",
        "logs",
        "log_parts",
        "workspaces",
        "artifacts",
        "reports",
    } <= before.keys()
    assert len(await names(objects)) == (3 if put_away else 4)
    await service.storage.delete_run(run.id)
    with pytest.raises(NotFound) as absence:
        await service.runs.run(run.id)
    assert absence.value.code == "runDoesNotExist"
    await whole.retention.clearing.work()
    assert await rows(db) == {}
    assert await names(objects) == []
    with pytest.raises(NotFound) as absence:
        await service.storage.delete_run(run.id)
    assert absence.value.code == "runDoesNotExist"


@pytest.mark.parametrize("service", ["direct"], indirect=True)
@pytest.mark.parametrize("deletions", [-1, 0, 2, 4])
async def test_a_removal_that_is_killed_is_finished(  # noqa: PLR0917 - all that there is
    service: Service,
    player: Player,
    whole: RunserviceService,
    db: Database,
    objects: Objects,
    database_url: DatabaseUrl,
    tmp_path: Path,
    clock: Clock,
    deletions: int,
) -> None:
    """By whoever comes next: right after the rows went, before, between and after the objects."""
    run = await finished(service, player)
    clock.now = datetime.now(UTC)  # that of the process
    assert len(await names(objects)) == 4
    module = "tests.services.runservice.dying"
    where = (database_url("runservice"), (tmp_path / "objects").as_uri())
    with anyio.fail_after(60):
        dead = await anyio.run_process(
            [sys.executable, "-m", module, *where, run.id, str(deletions)], check=False, stderr=None
        )
    assert dead.returncode == -signal.SIGKILL
    assert len(await names(objects)) <= 4 - max(deletions, 0)
    assert await rows(db) != {}
    clock.advance(60)
    await whole.retention.clearing.work()
    assert await rows(db) == {}
    assert await names(objects) == []


async def test_numbers_are_never_given_again(service: Service) -> None:
    """Also when the newest run was deleted."""
    for number in (1, 2, 3):
        run = await quick(service)
        assert run.number == number
        await service.storage.delete_run(run.id)


async def test_a_run_that_is_not_over_stays(service: Service, player: Player) -> None:
    """Queued or running: 409 `runNotOver`."""
    (queued,) = await create(service.runs, plan())
    for run in (queued, await start(service.runs, queued.id)):
        with pytest.raises(Conflict) as refusal:
            await service.storage.delete_run(run.id)
        assert refusal.value.code == "runNotOver"
    await player.work_off()
    assert (await now(service.runs, queued)).phase is Phase.FINISHED


async def failed_and_again(service: Service, player: Player) -> tuple[Run, Run]:
    """A run of two tasks of which the second failed, and its restart that keeps the first."""
    run = await started(
        service.runs, task("a", steps=STEPS), task("b", "a", level=1, steps=(RestoreWorkspace(),))
    )
    (job,) = await player.take()
    await fill(service, job)
    await player.finish(job)
    (job,) = await at_work(player)
    await player.finish(job, Outcome.FAILED)
    again = await service.runs.restart_run(run.id, Restart(from_start=False))
    await start(service.runs, again.id)
    await player.work_off()
    assert again.tasks[0].id == run.tasks[0].id
    return await now(service.runs, run), await now(service.runs, again)


async def read(service: Service, id: TaskId, step: int = 0) -> bytes:
    return b"".join([block async for block in await service.logs.read_log(id, step)])


@pytest.mark.parametrize("first", [0, 1])
async def test_what_runs_share_goes_with_the_last_of_them(
    service: Service, whole: RunserviceService, player: Player, db: Database, objects: Objects, first: int
) -> None:
    """Logs, archives, artifacts and reports of a kept task are there as long as one run has it."""
    both = await failed_and_again(service, player)
    one, other = both[first], both[1 - first]
    await service.storage.delete_run(one.id)
    await whole.retention.clearing.work()
    assert (await read(service, other.tasks[0].id)).startswith(b"small\nxx")
    assert len((await service.runs.artifacts(other.id)).items) == 2
    assert len((await service.runs.tests(other.id)).steps) == 1
    await service.storage.delete_run(other.id)
    await whole.retention.clearing.work()
    assert await rows(db) == {}
    assert await names(objects) == []


async def test_removals_side_by_side_leave_nothing(
    service: Service, whole: RunserviceService, player: Player, db: Database, objects: Objects
) -> None:
    """Neither of two runs that share a task takes the other's presence for a reason to leave it."""
    both = await failed_and_again(service, player)
    more = await service.runs.restart_run(both[0].id, Restart(from_start=False))
    await service.runs.cancel_run(more.id)
    async with asyncio.TaskGroup() as group:
        for run in (*both, more):
            group.create_task(service.storage.delete_run(run.id))
    await whole.retention.clearing.work()
    assert await rows(db) == {}
    assert await names(objects) == []


async def test_a_restart_beside_a_removal_is_whole_or_refused(
    service: Service, whole: RunserviceService, player: Player
) -> None:
    """It never gets a task whose log has gone."""
    run, _ = await failed_and_again(service, player)
    restart = asyncio.ensure_future(service.runs.restart_run(run.id, Restart(from_start=False)))
    removal = asyncio.ensure_future(service.storage.delete_run(run.id))
    done = await asyncio.gather(restart, removal, return_exceptions=True)
    await whole.retention.clearing.work()
    assert done[1] is None
    if isinstance(done[0], Run):
        assert (await read(service, done[0].tasks[0].id)).startswith(b"small\n")
    else:
        assert isinstance(done[0], NotFound)


async def test_old_runs_go_and_the_newest_stay(
    service: Service, whole: RunserviceService, player: Player, clock: Clock, objects: Objects, db: Database
) -> None:
    """By the time of their end; the newest of each project, open runs, and runs with artifacts stay."""
    old = [await quick(service) for _ in range(3)]
    (still_open,) = await create(service.runs, plan(), group="/project/p2/branch/main")
    alone = await quick(service, group="/project/p3/branch/main")
    clock.advance(10 * DAY - 1)
    with_artifacts = await finished(service, player, group="/project/p2/branch/other")
    young = await quick(service)
    clock.advance(2)
    await whole.retention.expire()
    assert await numbers(service) == [young.number]
    assert (await now(service.runs, alone)).id == alone.id
    assert await numbers(service, "/project/p2") == [2, 1]
    for run in old:
        with pytest.raises(NotFound):
            await service.runs.run(run.id)
    await quick(service, group="/project/p2/branch/main")
    clock.advance(11 * DAY)
    await whole.retention.expire()
    assert await numbers(service, "/project/p2") == [3, 2, 1]
    clock.advance(20 * DAY)
    await whole.expire_artifacts()
    await whole.retention.expire()
    await whole.retention.clearing.work()
    assert await numbers(service, "/project/p2") == [3, 1]
    assert (await now(service.runs, still_open)).phase is Phase.QUEUED
    assert await names(objects) == []
    with pytest.raises(NotFound):
        await service.runs.run(with_artifacts.id)


async def test_runs_beyond_the_newest_go(service: Service, db: Database, clock: Clock) -> None:
    """Counted in each project; those deleted by hand do not count."""
    runs = [await quick(service) for _ in range(5)]
    await quick(service, group="/project/p2/branch/main")
    await service.storage.delete_run(runs[3].id)
    kept = RetentionSettings(runs=0, runs_most=2, runs_least=0)
    await RunPolicy(db, kept, clock=clock).apply(Tally())
    assert await numbers(service) == [5, 3]
    assert await numbers(service, "/project/p2") == [1]


async def test_a_project_may_keep_runs_otherwise(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """Longer or shorter, more or fewer; what its rule leaves out is as the settings say."""
    for group in ("/project/p1", "/project/p2", "/project/p3", "/project/p4"):
        for _ in range(4):
            await quick(service, group=f"{group}/branch/main")
    said = await service.storage.set_run_rule("/project/p1", RunRule(seconds=20 * DAY))
    assert (said.in_force, said.own) == (
        RunRule(seconds=20 * DAY, least=1, most=0),
        RunRule(seconds=20 * DAY),
    )
    await service.storage.set_run_rule("/project/p2", RunRule(least=2))
    await service.storage.set_run_rule("/project/p3", RunRule(seconds=0, most=3))
    await service.storage.set_run_rule("/project/p4", RunRule(seconds=0))
    await service.storage.set_run_rule("/project/p4", RunRule())
    assert (await service.storage.run_rule("/project/p4")).own == RunRule()
    clock.advance(11 * DAY)
    await whole.retention.expire()
    kept = [await numbers(service, f"/project/p{number}") for number in (1, 2, 3, 4)]
    assert kept == [[4, 3, 2, 1], [4, 3], [4, 3, 2], [4]]
    clock.advance(10 * DAY)
    await whole.retention.expire()
    assert await numbers(service, "/project/p1") == [4]


async def test_a_deleted_log_is_gone_and_the_others_stay(
    service: Service, whole: RunserviceService, player: Player, objects: Objects
) -> None:
    """Reading it is 404 as for a log that never was, and so is deleting it again."""
    run = await started(service.runs, task(steps=STEPS))
    (job,) = await player.take()
    await fill(service, job)
    of = TaskId(job)
    with pytest.raises(Conflict) as refusal:
        await service.storage.delete_log(run.id, of, 0)
    assert refusal.value.code == "taskNotOver"
    await player.finish(job)
    await service.storage.delete_log(run.id, of, 0)
    await service.storage.delete_log(run.id, of, 1)  # it printed nothing
    for step in (0, 1):
        for call in (service.logs.read_log(of, step), service.storage.delete_log(run.id, of, step)):
            with pytest.raises(NotFound) as absence:
                await call
            assert absence.value.code == "logDoesNotExist"
    assert await read(service, of, -1) == b"ready\n"
    await whole.put_logs_away()
    await whole.retention.clearing.work()
    assert [name for name in await names(objects) if name.startswith("logs")] == []
    for of_run, of_task, step in (
        (run.id, of, 4),
        (run.id, of, -2),
        (run.id, TaskId("x"), 0),
        (RunId("x"), of, 0),
    ):
        with pytest.raises(NotFound):
            await service.storage.delete_log(of_run, of_task, step)


async def test_logs_go_before_their_run(
    service: Service, whole: RunserviceService, player: Player, clock: Clock, objects: Objects
) -> None:
    """Where settings say so; the run is still shown."""
    run = await finished(service, player)
    await whole.put_logs_away()
    clock.advance(5 * DAY)
    await whole.retention.expire()
    assert (await read(service, run.tasks[0].id)).startswith(b"small")
    clock.advance(1)
    await whole.retention.expire()
    await whole.retention.clearing.work()
    with pytest.raises(NotFound):
        await read(service, run.tasks[0].id)
    assert (await now(service.runs, run)).phase is Phase.FINISHED
    assert not [name for name in await names(objects) if name.startswith("logs")]


async def test_workspaces_go_some_time_after_the_last_run_that_needs_them(
    service: Service, whole: RunserviceService, player: Player, clock: Clock, objects: Objects
) -> None:
    """A restart before keeps the task that kept them; one after that does it again."""
    run = await started(
        service.runs, task("a", steps=STEPS), task("b", "a", level=1, steps=(RestoreWorkspace(),))
    )
    (job,) = await player.take()
    await fill(service, job)
    steps = tuple(StepState(phase=StepPhase.SUCCESS) for _ in STEPS)
    player.change(job, phase=JobPhase.ENDED, outcome=Outcome.SUCCESS, steps=steps, ended_at=NOW)
    (job,) = await at_work(player)
    await player.finish(job, Outcome.FAILED)
    clock.advance(7 * DAY)
    kept = await service.runs.restart_run(run.id, Restart(from_start=False))
    assert kept.tasks[0].id == run.tasks[0].id
    clock.advance(DAY)
    await whole.retention.expire()
    await whole.retention.clearing.work()
    assert [name for name in await names(objects) if name.startswith("archives")] != []
    await service.runs.cancel_run(kept.id)
    clock.advance(7 * DAY + 1)
    await whole.retention.expire()
    await whole.retention.clearing.work()
    assert [name for name in await names(objects) if name.startswith("archives")] == []
    again = await service.runs.restart_run(run.id, Restart(from_start=False))
    assert again.tasks[0].id != run.tasks[0].id


async def test_a_cache_that_is_used_stays(
    service: Service, whole: RunserviceService, player: Player, clock: Clock, objects: Objects
) -> None:
    """Uses are noted once an hour; what was not used for long goes."""
    await started(service.runs, task())
    (job,) = await player.take()
    await service.jobs.save_cache(job, 1, "used", chunks(b"1"))
    await service.jobs.save_cache(job, 1, "unused", chunks(b"2"))
    clock.advance(1800)
    assert (await service.jobs.find_cache(job, 1, "used")).archive
    assert [one.used_at for one in (await service.storage.caches("/project/p1")).items] == [NOW, NOW]
    clock.advance(1801)
    assert (await service.jobs.find_cache(job, 1, "used")).archive
    used = {one.key: one.used_at for one in (await service.storage.caches("/project/p1")).items}
    assert used == {"used": clock(), "unused": NOW}
    clock.advance(28 * DAY - 3600)
    await whole.retention.expire()
    await whole.retention.clearing.work()
    assert [one.key for one in (await service.storage.caches("/project/p1")).items] == ["used"]
    assert len(await names(objects)) == 1


async def test_caches_fit_their_quota(
    service: Service, whole: RunserviceService, player: Player, clock: Clock, objects: Objects
) -> None:
    """The one used least recently makes room, whatever group below the project saved it."""
    await started(service.runs, task())
    pull = replace(plan(), caches=("/project/p1/pr/7", "/project/p1"))
    (other,) = await create(service.runs, pull, group="/project/p1/pr/7")
    await start(service.runs, other.id, "/project/p1/pr/7")
    job, in_pull = await player.take()
    await service.jobs.save_cache(job, 1, "a", chunks(b"a" * 400))
    clock.advance(7200)
    await service.jobs.save_cache(in_pull, 1, "b", chunks(b"b" * 400))
    clock.advance(7200)
    assert (await service.jobs.find_cache(job, 1, "a")).archive
    await service.jobs.save_cache(job, 1, "c", chunks(b"c" * 400))
    kept = (await service.storage.caches("/project/p1")).items
    assert [(one.group, one.key, one.size) for one in kept] == [
        ("/project/p1", "a", 400),
        ("/project/p1", "c", 400),
    ]
    usage = await service.storage.usage("/project/p1")
    assert (usage.caches, usage.cache_bytes, usage.cache_quota) == (2, 800, 1000)
    with pytest.raises(TooLarge) as refusal:
        await service.jobs.save_cache(job, 1, "d", chunks(b"d" * 1001))
    assert refusal.value.code == "cacheQuotaExceeded"
    await whole.retention.clearing.work()
    assert len(await names(objects)) == 2
    page = await service.storage.caches("/project/p1", limit=1)
    rest = await service.storage.caches("/project/p1", page.cursor, limit=1)
    assert [one.key for one in (*page.items, *rest.items)] == ["a", "c"]
    assert rest.cursor == ""
    with pytest.raises(NotFound):
        await service.storage.delete_cache(kept[0].id, "/project/p2")
    await service.storage.delete_cache(kept[0].id, "/project/p1")
    assert (await service.storage.delete_caches("/project/p1")).count == 1
    await whole.retention.clearing.work()
    assert await names(objects) == []


async def test_artifacts_beyond_their_quota_are_refused(
    service: Service, player: Player, clock: Clock, objects: Objects
) -> None:
    """With a message for the step's log; nothing of it stays; once others are gone there is room."""
    run = await started(service.runs, task(steps=(SaveArtifacts(expire_after=60.0), SaveArtifacts())))
    (job,) = await player.take()
    await service.jobs.save_artifacts(job, 1, 0, pieces(packed({"a": b"x" * 6000})))
    for _ in range(2):
        with pytest.raises(TooLarge) as refusal:
            await service.jobs.save_artifacts(job, 1, 1, pieces(packed({"b": b"x" * 4001})))
        assert refusal.value.code == "artifactQuotaExceeded"
    assert (await service.storage.usage("/project/p1")).artifact_bytes == 6000
    assert [one.path for one in (await service.runs.artifacts(run.id)).items] == ["a"]
    assert len(await names(objects)) == 1
    clock.advance(61)
    await service.jobs.save_artifacts(job, 1, 1, pieces(packed({"b": b"x" * 4001})))


async def test_keys_events_and_tokens_have_their_time(
    service: Service, whole: RunserviceService, db: Database, clock: Clock
) -> None:
    """The newest number of the feed stays known; groups with runs keep their tokens."""
    (first,) = await create(service.runs, plan(), key="same")
    assert (await create(service.runs, plan(), key="same"))[0].id == first.id
    await service.runs.cancel_run(first.id)
    (second,) = await create(service.runs, plan(), group="/project/p2/branch/x")
    last = await db.last_event()
    clock.advance(31 * DAY)
    for _ in range(2):
        await whole.retention.expire()
        await whole.retention.look_through()
    (again,) = await create(service.runs, plan(), key="same")
    assert again.id != first.id
    assert await db.last_event() == last + 1
    await start(service.runs, second.id, "/project/p2/branch/x")
    await start(service.runs, again.id)


async def test_an_object_that_nobody_knows_goes(
    service: Service, whole: RunserviceService, player: Player, clock: Clock, objects: Objects
) -> None:
    """A day after it was written and an hour after it was found; what a row knows stays, and strangers do."""
    await finished(service, player)
    known = await names(objects)
    for name in ("logs/t/0/0-x", "archives/x", "artifacts/x", "others/x"):
        await objects.put(name, b"x")
    await whole.retention.look_through()
    await whole.retention.clearing.work()
    assert len(await names(objects)) == len(known) + 4, (
        "they are younger than a day, by a clock that stands still"
    )
    clock.now += timedelta(days=36_500)
    await whole.retention.look_through()
    await whole.retention.clearing.work()
    assert len(await names(objects)) == len(known) + 4
    clock.advance(3601)
    await whole.retention.clearing.work()
    assert await names(objects) == sorted([*known, "others/x"])


async def test_a_group_goes_with_all_of_its_caches(
    service: Service, whole: RunserviceService, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when they are more than go at once."""
    monkeypatch.setattr(expiry, "_CACHES_AT_ONCE", 2)
    caches = [
        {"group_path": "/project/p1", "key": f"key {number}", "id": f"id {number}", "size": 1}
        | {"sha256": "", "created_at": NOW, "used_at": NOW}
        for number in range(5)
    ]
    await db.do(lambda tx: tx.run(insert(metadata.tables["caches"]), caches))
    await service.storage.delete_group("/project/p1")
    await whole.retention.expire()
    assert (await service.storage.usage("/project/p1")).caches == 0


async def test_a_group_that_is_wanted_no_more_goes_as_its_runs_end(
    service: Service, whole: RunserviceService, player: Player, db: Database, objects: Objects
) -> None:
    """Runs, caches and artifacts, whatever their age; another group stays."""
    await finished(service, player)
    running = await started(service.runs, task())
    (job,) = await player.take()
    await service.jobs.save_cache(job, 1, "k", chunks(b"x"))
    other = await quick(service, group="/project/p2/branch/main")
    await service.storage.delete_group("/project/p1")
    await whole.retention.expire()
    assert await numbers(service) == [running.number]
    await player.finish(job)
    await whole.retention.expire()
    await whole.retention.clearing.work()
    assert await numbers(service) == []
    assert await names(objects) == []
    await service.storage.delete_run(other.id)
    await whole.retention.clearing.work()
    assert await rows(db) == {}
