"""Files that tasks keep: who may read them, what stays, and what a lost job may not do."""

from collections.abc import AsyncIterator

import anyio
import pytest
from msgspec.structs import replace

from tests.conftest import Clock
from tests.services.runservice.playing import HOST, Player, Service, create, plan, start, started, task
from tidemill.contracts.jobs import Archive, Jobs
from tidemill.contracts.runservice import Restart
from tidemill.core.job import JobId, Outcome
from tidemill.core.plan import Depend
from tidemill.errors import BadRequest, Conflict, NotFound
from tidemill.kit.objects import Objects

pytestmark = pytest.mark.anyio


async def chunks(*data: bytes) -> AsyncIterator[bytes]:
    for one in data:
        yield one


async def content(jobs: Jobs, id: JobId, archive: Archive) -> bytes:
    return b"".join([block async for block in await jobs.read_archive(id, 1, archive.id)])


async def at_work(player: Player) -> list[JobId]:
    """The jobs that are at work once all that may start has started."""
    for _ in range(3):
        await player.sync()
    return list(player.reports)


async def one_job(service: Service, player: Player, *, group: str = "/project/p1/branch/main") -> JobId:
    """A job that is at work."""
    await started(service.runs, task(), group=group)
    (job,) = await at_work(player)
    return job


@pytest.fixture
def player(service: Service) -> Player:
    return Player(service.jobs)


async def test_a_task_reads_what_all_before_it_have_kept(service: Service, player: Player) -> None:
    """By level, name and step, also of tasks that it does not depend on directly; a task beside is not."""
    later = task("later", "middle", level=2)
    run = await started(
        service.runs, task("b"), task("a"), task("beside"), task("middle", "b", "a", level=1), later
    )
    names = {one.id: one.name for one in run.tasks}
    for job in await at_work(player):
        for step in (3, 1):
            await service.jobs.save_workspace(job, 1, step, chunks(names[job].encode(), b"%d" % step))
        assert (await service.jobs.workspaces(job, 1)).archives == ()
        await player.finish(job)
    (middle,) = await at_work(player)
    await service.jobs.save_workspace(middle, 1, 0, chunks(b"middle"))
    await player.finish(middle)
    (last,) = await at_work(player)
    kept = (await service.jobs.workspaces(last, 1)).archives
    assert [(one.task, one.step, one.size) for one in kept] == [
        ("a", 1, 2),
        ("a", 3, 2),
        ("b", 1, 2),
        ("b", 3, 2),
        ("middle", 0, 6),
    ]
    assert [await content(service.jobs, last, one) for one in kept] == [b"a1", b"a3", b"b1", b"b3", b"middle"]


async def test_a_step_keeps_one_archive(service: Service, player: Player, objects: Objects) -> None:
    """Keeping again replaces it, and removes what was there."""
    await started(service.runs, task("a"), task("b", "a", level=1))
    (job,) = await at_work(player)
    first = await service.jobs.save_workspace(job, 1, 0, chunks(b"old"))
    second = await service.jobs.save_workspace(job, 1, 0, chunks(b"new"))
    assert first.id != second.id
    assert [name async for name in objects.list("archives")] == [f"archives/{second.id}"]
    await player.finish(job)
    (job,) = await at_work(player)
    assert [one.sha256 for one in (await service.jobs.workspaces(job, 1)).archives] == [second.sha256]


async def test_a_restart_shares_what_kept_tasks_have_kept(service: Service, player: Player) -> None:
    """A task that is not done again need not be, for its files are there."""
    run = await started(service.runs, task("a"), task("b", "a", level=1))
    (job,) = await at_work(player)
    await service.jobs.save_workspace(job, 1, 0, chunks(b"files"))
    await player.finish(job)
    (job,) = await at_work(player)
    await player.finish(job, Outcome.FAILED)
    again = await service.runs.restart_run(run.id, Restart(from_start=False))
    await start(service.runs, again.id)
    (job,) = await at_work(player)
    (kept,) = (await service.jobs.workspaces(job, 1)).archives
    assert (kept.task, await content(service.jobs, job, kept)) == ("a", b"files")


async def test_a_lost_job_keeps_and_reads_nothing(service: Service, player: Player, objects: Objects) -> None:
    """Another generation has it: 409 `fenced`, also when that happens under its upload."""
    job = await one_job(service, player)

    async def ending() -> AsyncIterator[bytes]:
        yield b"x"
        await player.finish(job)

    for call in (
        service.jobs.workspaces(job, 2),
        service.jobs.find_cache(job, 2, "k"),
        service.jobs.read_archive(job, 2, "x"),
        service.jobs.save_workspace(job, 2, 0, chunks(b"x")),
        service.jobs.save_cache(job, 2, "k", chunks(b"x")),
        service.jobs.save_workspace(job, 1, 0, ending()),
    ):
        with pytest.raises(Conflict) as refusal:
            await call
        assert refusal.value.code == "fenced"
    assert [name async for name in objects.list("archives")] == []


async def test_an_upload_that_breaks_off_keeps_nothing(
    service: Service, player: Player, objects: Objects
) -> None:
    """Neither a row nor an object."""
    job = await one_job(service, player)

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise BadRequest("the client went away", code="bodyCut")

    with pytest.raises(BadRequest):
        await service.jobs.save_cache(job, 1, "k", broken())
    assert (await service.jobs.find_cache(job, 1, "k")).archive is None
    assert [name async for name in objects.list("archives")] == []


async def test_a_cache_is_found_in_later_runs(service: Service, player: Player) -> None:
    """Of the same counter group, whatever their branch; other projects do not see it."""
    job = await one_job(service, player)
    saved = await service.jobs.save_cache(job, 1, "k", chunks(b"one", b"two"))
    assert saved.size == 6
    await player.finish(job)
    job = await one_job(service, player, group="/project/p1/branch/other")
    found = (await service.jobs.find_cache(job, 1, "k")).archive
    assert found == saved
    assert await content(service.jobs, job, found) == b"onetwo"
    await player.finish(job)
    job = await one_job(service, player, group="/project/p2/branch/main")
    assert (await service.jobs.find_cache(job, 1, "k")).archive is None
    with pytest.raises(NotFound) as absence:
        await service.jobs.read_archive(job, 1, saved.id)
    assert absence.value.code == "archiveDoesNotExist"


async def test_a_key_stays_as_it_was_first_saved(service: Service, player: Player, objects: Objects) -> None:
    """Whoever comes later is told what is kept, and what he has brought is removed."""
    job = await one_job(service, player)
    first = await service.jobs.save_cache(job, 1, "k", chunks(b"first"))
    assert await service.jobs.save_cache(job, 1, "k", chunks(b"second")) == first
    assert [name async for name in objects.list("archives")] == [f"archives/{first.id}"]


async def test_an_exact_key_beats_later_ones_that_begin_with_it(
    service: Service, player: Player, clock: Clock
) -> None:
    """Of those that begin with what is looked for, the latest is taken; case and odd characters count."""
    job = await one_job(service, player)
    for key in ("go", "go-2", "go-1", "Go-3", "gp", "go%", "é-x"):
        clock.advance(1)
        await service.jobs.save_cache(job, 1, key, chunks(key.encode()))
    for key, found in {"go": "go", "go-": "go-1", "g": "go%", "G": "Go-3", "é": "é-x", "go-1-": None}.items():
        answer = (await service.jobs.find_cache(job, 1, key)).archive
        assert (answer.key if answer else None) == found, key


async def test_a_run_has_its_own_caches_before_those_of_others(service: Service, player: Player) -> None:
    """A pull request reads its project's and writes its own; an exact key anywhere comes first."""
    job = await one_job(service, player)
    for key in ("base-1", "both"):
        await service.jobs.save_cache(job, 1, key, chunks(b"base"))
    await player.finish(job)
    own = replace(plan(), caches=("/project/p1/pr/5", "/project/p1"))
    (run,) = await create(service.runs, own, group="/project/p1/pr/5")
    await start(service.runs, run.id, "/project/p1/pr/5")
    (job,) = await at_work(player)
    for key in ("both", "base-1-own"):
        await service.jobs.save_cache(job, 1, key, chunks(b"own"))
    for key, found in {"base-1": b"base", "both": b"own", "base-1-": b"own", "bas": b"own"}.items():
        archive = (await service.jobs.find_cache(job, 1, key)).archive
        assert archive is not None
        assert await content(service.jobs, job, archive) == found, key
    await player.finish(job)
    job = await one_job(service, player)
    archive = (await service.jobs.find_cache(job, 1, "both")).archive
    assert archive is not None
    assert await content(service.jobs, job, archive) == b"base"
    assert (await service.jobs.find_cache(job, 1, "base-1-own")).archive is None


async def test_a_fork_saves_no_cache(service: Service, player: Player, objects: Objects) -> None:
    """Whatever its executor asks for: not one byte is taken."""
    (run,) = await create(service.runs, group="/project/p1/pr/5", scope="fork:p1:refs/pull/5/head")
    await start(service.runs, run.id, "/project/p1/pr/5")
    (job,) = await at_work(player)
    assert player.specs[job].is_fork

    async def untouched() -> AsyncIterator[bytes]:
        raise AssertionError("bytes are taken")
        yield b""

    with pytest.raises(BadRequest) as refusal:
        await service.jobs.save_cache(job, 1, "k", untouched())
    assert refusal.value.code == "forkSavesNoCache"
    assert [name async for name in objects.list("archives")] == []


async def test_two_who_save_one_key_at_once_keep_one(
    service: Service, player: Player, objects: Objects
) -> None:
    """Both are told of the same archive, and nothing is left of the other one."""
    await started(service.runs, task("a"), task("b"))
    first, second = await at_work(player)
    arrived, both = [], anyio.Event()

    async def meeting(data: bytes) -> AsyncIterator[bytes]:
        yield data[:1]
        arrived.append(data)
        if len(arrived) == 2:
            both.set()
        await both.wait()
        yield data[1:]

    answers: list[Archive] = []

    async def save(job: JobId, data: bytes) -> None:
        answers.append(await service.jobs.save_cache(job, 1, "k", meeting(data)))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(save, first, b"first")
            group.start_soon(save, second, b"second")
    kept, told = answers
    assert kept == told
    assert [name async for name in objects.list("archives")] == [f"archives/{kept.id}"]
    assert await content(service.jobs, first, kept) in (b"first", b"second")


@pytest.mark.parametrize("key", ["", "x" * 513, "a\nb"])
async def test_a_key_that_is_none_is_refused(service: Service, player: Player, key: str) -> None:
    """Before anything is stored."""
    job = await one_job(service, player)
    with pytest.raises(BadRequest, match="a key has 1 to 512 printable characters"):
        await service.jobs.save_cache(job, 1, key, chunks(b"x"))
    with pytest.raises(BadRequest):
        await service.jobs.find_cache(job, 1, key)


async def test_on_failure_tasks_read_what_there_is(service: Service, player: Player) -> None:
    """What was kept before the failure; a task that has kept nothing is not missed."""
    cleanup = task("cleanup", level=1)
    cleanup = replace(
        cleanup,
        depends=(Depend(task="a", conditions=("on_failure",)), Depend(task="b")),
        runtime=HOST,
    )
    run = await started(service.runs, task("a"), task("b"), cleanup)
    names = {one.id: one.name for one in run.tasks}
    for job in await at_work(player):
        if names[job] == "a":
            await service.jobs.save_workspace(job, 1, 0, chunks(b"report"))
            await player.finish(job, Outcome.FAILED)
        else:
            await player.finish(job)
    (job,) = await at_work(player)
    assert [one.task for one in (await service.jobs.workspaces(job, 1)).archives] == ["a"]
