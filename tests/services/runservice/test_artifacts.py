"""Artifacts: kept with the run, read by path or whole, replaced by later attempts, gone when their time is over."""

import io
import tarfile
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.conftest import Clock
from tests.services.runservice.playing import Player, Service, started, task
from tidemill.contracts.jobs import KeptArtifacts
from tidemill.core.job import JobId, Outcome
from tidemill.core.plan import Retry, SaveArtifacts
from tidemill.core.run import Run, RunId, TaskId
from tidemill.errors import BadRequest, Conflict, Failure, NotFound, TooLarge, Unavailable
from tidemill.kit.objects import Objects
from tidemill.services.runservice.archives import gathering
from tidemill.services.runservice.service import RunserviceService

pytestmark = pytest.mark.anyio

KEEPS = (SaveArtifacts(), SaveArtifacts(expire_after=3600.0))


def packed(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
        for info in more:
            tar.addfile(info)
    return out.getvalue()


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 700):
        yield data[start : start + 700]


async def all_of(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def content_at(service: Service, run: Run, path: str) -> bytes:
    """All of a file of the run's first task."""
    one = await service.runs.artifact(run.id, run.tasks[0].id, path)
    stream = await service.runs.read_artifact(run.id, one.task, path, one.sha256, 0, one.size)
    return await all_of(stream)


async def save(
    service: Service, job: JobId, files: dict[str, bytes], *, step: int = 0, generation: int = 1
) -> KeptArtifacts:
    return await service.jobs.save_artifacts(job, generation, step, pieces(packed(files)))


async def paths(service: Service, run: Run) -> list[tuple[int, str]]:
    return [(one.step, one.path) for one in (await service.runs.artifacts(run.id)).items]


async def stored(objects: Objects) -> list[str]:
    return [name async for name in objects.list("artifacts")]


@pytest.fixture
def player(service: Service) -> Player:
    return Player(service.jobs)


@pytest.fixture
async def run(service: Service, player: Player) -> Run:
    """A run whose task is at work."""
    run = await started(service.runs, task(steps=KEEPS))
    await player.take()
    return run


@pytest.fixture
def job(run: Run) -> JobId:
    return JobId(run.tasks[0].id)


async def test_files_are_listed_and_read(service: Service, run: Run, job: JobId, clock: Clock) -> None:
    """With size, checksum and the time that their step gives them."""
    kept = await save(service, job, {"b": b"bb", "a/ü": b"", "a/x": b"x" * 5000}, step=1)
    assert (kept.files, kept.size, kept.expires_at) == (3, 5002, clock() + timedelta(hours=1))
    items = (await service.runs.artifacts(run.id)).items
    assert [(one.path, one.size) for one in items] == [("a/x", 5000), ("a/ü", 0), ("b", 2)]
    assert items[2].sha256 == "3b64db95cb55c763391c707108489ae18b4112d783300de38e033b4c98c3deaf"
    assert (items[2].task, items[2].step, items[2].expires_at) == (job, 1, kept.expires_at)
    for path, content in {"b": b"bb", "a/ü": b"", "a/x": b"x" * 5000}.items():
        assert await content_at(service, run, path) == content
    kept = await save(service, job, {"c": b""})
    assert kept.expires_at == clock() + timedelta(days=30)


async def test_pages_hold_each_file_once(service: Service, run: Run, job: JobId) -> None:
    """Also where two steps have kept the same path."""
    for step in (0, 1):
        await save(service, job, {f"f{number}": b"x" for number in range(5)}, step=step)
    found, cursor = [], ""
    while True:
        page = await service.runs.artifacts(run.id, cursor, 3)
        found += [(one.path, one.step) for one in page.items]
        cursor = page.cursor
        if not cursor:
            break
    assert found == [(f"f{number}", step) for number in range(5) for step in (0, 1)]
    for cursor in ("x", "1/2", "1/2/../x", "-1/0/a", "99999999999/0/a"):
        with pytest.raises(BadRequest):
            await service.runs.artifacts(run.id, cursor)


@pytest.mark.parametrize("kind", ["tar", "zip"])
async def test_all_of_them_are_one_archive(service: Service, player: Player, kind: str) -> None:
    """Below their tasks' names; the last step comes first; empty files and modes are kept."""
    run = await started(service.runs, task("a/b", steps=KEEPS), task("c", steps=KEEPS))
    for job in await player.take():
        await save(service, job, {"same": b"old", "dir/first": b""})
        await save(service, job, {"same": b"new"}, step=1)
    data = await all_of(await service.runs.artifact_bundle(run.id, kind))
    assert unbundled(data, kind) == {
        "a-b/dir/first": b"",
        "a-b/same": b"new",
        "c/dir/first": b"",
        "c/same": b"new",
    }
    data = await all_of(await service.runs.artifact_bundle(run.id, kind, run.tasks[0].id))
    assert unbundled(data, kind) == {"dir/first": b"", "same": b"new"}
    for bad in (("rar", ""), (kind, "none")):
        with pytest.raises(Failure):
            await service.runs.artifact_bundle(run.id, *bad)


def unbundled(data: bytes, kind: str) -> dict[str, bytes]:
    if kind == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            assert all(info.external_attr >> 16 & 0o777 == 0o755 for info in archive.infolist())
            return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert all(info.mode == 0o755 for info in tar)
        return {info.name: file.read() for info in tar if (file := tar.extractfile(info))}


async def test_links_are_left_out_and_second_names_are_files(service: Service, run: Run, job: JobId) -> None:
    """Nothing that leads anywhere is kept."""
    link, again = tarfile.TarInfo("link"), tarfile.TarInfo("again")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    again.type, again.linkname = tarfile.LNKTYPE, "first"
    folder = tarfile.TarInfo("folder")
    folder.type = tarfile.DIRTYPE
    data = packed({"first": b"one"}, link, again, folder)
    kept = await service.jobs.save_artifacts(job, 1, 0, pieces(data))
    assert (kept.files, kept.left_out) == (2, 1)
    assert await paths(service, run) == [(0, "again"), (0, "first")]
    assert await content_at(service, run, "again") == b"one"


@pytest.mark.parametrize(
    "name", ["/abs", "../up", "a/../../b", "new\nline", "nul\x01", "raw\udcff", "y" * 1025]
)
async def test_hostile_names_are_refused(
    service: Service, run: Run, job: JobId, objects: Objects, name: str
) -> None:
    """With a reason, and nothing stays."""
    with pytest.raises(BadRequest):
        await save(service, job, {"good": b"x", name: b"x"})
    assert await paths(service, run) == []
    assert await stored(objects) == []


async def test_damaged_and_oversized_archives_are_refused(
    service: Service, job: JobId, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut one, one that is none, the same file twice, too many files, too many bytes."""
    monkeypatch.setattr(gathering, "MOST_FILES", 3)
    monkeypatch.setattr(gathering, "LARGEST", 1000)
    twice = packed({"a": b"x"})[:1024] + packed({"a": b"y"})
    stray = tarfile.TarInfo("again")
    stray.type, stray.linkname = tarfile.LNKTYPE, "nothing"
    for data in (b"", b"x" * 600, packed({"a": b"x" * 600})[:600], twice, packed({}, stray)):
        with pytest.raises(BadRequest):
            await service.jobs.save_artifacts(job, 1, 0, pieces(data))
    for files in ({str(number): b"" for number in range(4)}, {"a": b"x" * 500, "b": b"x" * 501}):
        with pytest.raises(TooLarge):
            await save(service, job, files)
    assert await stored(objects) == []


async def test_only_who_holds_the_job_keeps(
    service: Service, player: Player, run: Run, job: JobId, objects: Objects
) -> None:
    """And only for a step that is meant to."""

    async def ending() -> AsyncIterator[bytes]:
        yield packed({"a": b"x"})
        await player.finish(job)

    for step in (-1, 2, (1 << 31) - 1):
        with pytest.raises(BadRequest):
            await save(service, job, {}, step=step)
    for call in (
        save(service, job, {"a": b"x"}, generation=2),
        service.jobs.save_artifacts(job, 1, 0, ending()),
    ):
        with pytest.raises(Conflict) as refusal:
            await call
        assert refusal.value.code == "fenced"
    assert await paths(service, run) == []
    assert await stored(objects) == []


async def test_keeping_again_replaces(
    service: Service, whole: RunserviceService, run: Run, job: JobId, objects: Objects, clock: Clock
) -> None:
    """What a step had kept is not seen any more, and then it is gone."""
    await save(service, job, {"old": b"x"})
    await save(service, job, {"other": b"x"}, step=1)
    await save(service, job, {"new": b"x"})
    assert await paths(service, run) == [(0, "new"), (1, "other")]
    assert len(await stored(objects)) == 3
    clock.advance(1)
    await whole.expire_artifacts()
    assert await paths(service, run) == [(0, "new"), (1, "other")]
    assert len(await stored(objects)) == 2


async def test_a_later_attempt_replaces_all_of_an_earlier_one(service: Service, player: Player) -> None:
    """Once it keeps anything: until then what the first one has kept may tell why it failed."""
    run = await started(service.runs, task(steps=KEEPS, retry=Retry(attempts=2)))
    (job,) = await player.take()
    await save(service, job, {"log": b"1"})
    await save(service, job, {"other": b"1"}, step=1)
    await player.finish(job, Outcome.FAILED)
    await player.take()
    generation = player.specs[job].generation
    assert await paths(service, run) == [(0, "log"), (1, "other")]
    await save(service, job, {"log": b"2"}, generation=generation)
    assert await paths(service, run) == [(0, "log")]
    assert await content_at(service, run, "log") == b"2"


async def test_what_is_over_goes(
    service: Service, whole: RunserviceService, run: Run, job: JobId, objects: Objects, clock: Clock
) -> None:
    """First it is not seen any more, then the object goes, then its row."""
    await save(service, job, {"long": b"x"})
    await save(service, job, {"short": b"x"}, step=1)
    clock.advance(3601)
    assert await paths(service, run) == [(0, "long")]
    with pytest.raises(NotFound):
        await content_at(service, run, "short")
    await whole.expire_artifacts()
    assert len(await stored(objects)) == 1
    clock.advance(30 * 86400)
    await whole.expire_artifacts()
    assert await stored(objects) == []


async def test_an_object_that_cannot_be_removed_is_tried_again(
    service: Service,
    whole: RunserviceService,
    job: JobId,
    objects: Objects,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its row stays as long as it does."""
    await save(service, job, {"short": b"x"}, step=1)
    clock.advance(3601)

    async def refuse(_: str) -> None:
        raise Unavailable("not now")

    with monkeypatch.context() as away:
        away.setattr(objects, "delete", refuse)
        await whole.expire_artifacts()
    assert len(await stored(objects)) == 1
    await whole.expire_artifacts()
    assert await stored(objects) == []


async def test_an_upload_that_a_crash_cut_is_cleared_away(
    service: Service,
    whole: RunserviceService,
    job: JobId,
    objects: Objects,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It left an object that no file was recorded of, and the row that had announced it."""

    async def crash(*_: object) -> bool:
        raise RuntimeError("the process died here")

    with monkeypatch.context() as dying:
        dying.setattr("tidemill.services.runservice.store.artifacts.keep", crash)
        with pytest.raises((RuntimeError, Failure)):
            await save(service, job, {"a": b"x"})
    assert len(await stored(objects)) == 1
    clock.advance(86_401)
    await whole.expire_artifacts()
    assert await stored(objects) == []


@pytest.mark.parametrize("path", ["", "none", "../a", "a\0", "x" * 5000])
async def test_what_is_not_there_is_not_found(service: Service, run: Run, path: str) -> None:
    """Whatever is asked for."""
    if path:
        with pytest.raises(NotFound):
            await content_at(service, run, path)
    with pytest.raises(NotFound):
        await service.runs.artifact(run.id, TaskId("none"), "a")
    with pytest.raises(NotFound):
        await service.runs.artifacts(RunId("none"))
