"""Steps that keep files and bring them back, on a driver of words with real files."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.work.places import Place, job, run
from tidemill.contracts.jobs import Archive
from tidemill.core.job import JobReport, JobSpec, Outcome
from tidemill.core.plan import (
    Content,
    Depend,
    Plan,
    PlanTask,
    RestoreCache,
    RestoreWorkspace,
    SaveArtifacts,
    SaveCache,
    SaveReports,
    SaveToWorkspace,
)
from tidemill.core.run import StepPhase
from tidemill.errors import BadRequest, Unavailable
from tidemill.pods.fake import FakeDriver
from tidemill.work.local_store import LocalStore
from tidemill.work.shipping import Fenced

pytestmark = pytest.mark.anyio

DIST = (Content(source_dir="dist", dest_dir="out"),)
SUCCESS, FAILED, STOPPED = StepPhase.SUCCESS, StepPhase.FAILED, StepPhase.STOPPED

PLAN = Plan(
    name="run",
    tasks=(
        PlanTask(name="b"),
        PlanTask(name="a"),
        PlanTask(name="middle", depends=(Depend(task="a"), Depend(task="b")), level=1),
        PlanTask(name="last", depends=(Depend(task="middle"),), level=2),
    ),
)


class Troubled:
    """A store that fails as it is told, each time before anything is done."""

    def __init__(self, store: LocalStore, *troubles: Exception) -> None:
        self._store = store
        self.troubles = list(troubles)

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any) -> Any:
            if self.troubles:
                raise self.troubles.pop(0)
            return await getattr(self._store, name)(*arguments)

        return call


@pytest.fixture
def stores(tmp_path: Path) -> Any:
    """Makes the store of a task."""
    return lambda task: LocalStore(
        PLAN, task, run=tmp_path / "run", caches=tmp_path / "caches", artifacts=tmp_path / "artifacts"
    )


async def done(place: Place, store: Any, spec: JobSpec, values: dict[str, str] | None = None) -> JobReport:
    with anyio.fail_after(10):
        await place.accepted(spec, values, store=store).run()
    return place.reports[-1]


async def text(store: LocalStore, key: str) -> str | None:
    found = await store.find_cache(key)
    return found.key if found else None


async def test_files_go_to_the_tasks_behind(place: Place, stores: Any) -> None:
    """Also to those that do not depend on it directly, by level and name of who has kept them."""
    for task in ("b", "a"):
        report = await done(
            place, stores(task), job(f"write dist/{task}.txt {task}", SaveToWorkspace(contents=DIST))
        )
        assert report.outcome is Outcome.SUCCESS
        assert place.store.log(1).startswith(
            b"dist: 1 file, 2 B\nkept for the tasks that depend on this one: "
        )
        place.store.logs.clear()
    restore = RestoreWorkspace(dest_dir="there")
    report = await done(place, stores("last"), job(restore, "cat there/out/a.txt\ncat there/out/b.txt"))
    assert report.outcome is Outcome.SUCCESS
    assert (
        place.store.log(0) == b"from task 'a', step 2:\n1 entry, 2 B\nfrom task 'b', step 2:\n1 entry, 2 B\n"
    )
    assert place.store.log(1) == b"a\nb\n"


async def test_a_task_without_ancestors_restores_nothing(place: Place, stores: Any) -> None:
    """That is no failure."""
    assert (await done(place, stores("a"), job(RestoreWorkspace()))).outcome is Outcome.SUCCESS
    assert place.store.log(0) == b"no task before this one has kept any files\n"


async def test_layers_may_not_have_the_same_file(place: Place, stores: Any) -> None:
    """The step says which file it is, and so does the task."""
    for task in ("a", "b"):
        await done(place, stores(task), job("write dist/x.txt x", SaveToWorkspace(contents=DIST)))
    place.store.logs.clear()
    report = await done(place, stores("last"), job(RestoreWorkspace(), "echo never"))
    assert report.outcome is Outcome.FAILED
    assert report.reason == "step 1: 'out/x.txt' exists already"
    assert (report.steps[0].phase, report.steps[0].exit_code) == (FAILED, None)
    assert place.store.log(0).endswith(b"from task 'b', step 2:\n'out/x.txt' exists already\n")


async def test_what_cannot_be_packed_fails_the_step(place: Place, stores: Any) -> None:
    """With the packer's reason, and nothing is kept."""
    report = await done(place, stores("a"), job(SaveToWorkspace(contents=DIST)))
    assert report.outcome is Outcome.FAILED
    assert "cannot read the directory" in report.reason
    assert await stores("last").workspaces() == ()


async def test_a_failure_to_keep_files_can_be_ignored(place: Place, stores: Any) -> None:
    """As that of any step."""
    step = SaveToWorkspace(contents=DIST, ignore_failure=True)
    report = await done(place, stores("a"), job(step, "echo two"))
    assert report.outcome is Outcome.SUCCESS
    assert [step.phase for step in report.steps] == [FAILED, SUCCESS]


async def test_without_a_store_it_fails(place: Place) -> None:
    """Nothing is thrown away silently."""
    report = await done(place, None, job("write dist/x x", SaveToWorkspace(contents=DIST)))
    assert report.reason == "step 2: there is no place here where files could be kept"


async def test_a_cache_is_found_by_its_key(place: Place, stores: Any) -> None:
    """It is saved once; later runs bring it back."""
    save = SaveCache(key='v1-{{ sha256sum "lock" }}', contents=DIST)
    store = stores("a")
    await done(place, store, job("write lock 1\nwrite dist/x hello", save))
    key = "v1-4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865"
    assert place.store.log(1).decode().splitlines()[:2] == [f"key: {key}", "dist: 1 file, 6 B"]
    assert await text(store, key) == key
    place.store.logs.clear()
    again = job("write lock 1", RestoreCache(keys=(save.key,)), "cat out/x", save)
    assert (await done(place, store, again)).outcome is Outcome.SUCCESS
    assert place.store.log(1) == f"key: {key}: found\n1 entry, 6 B\n".encode()
    assert place.store.log(2) == b"hello\n"
    assert place.store.log(3).endswith(b"there is a cache of this key already: nothing to be done\n")


async def test_the_first_key_that_is_found_is_restored(place: Place, stores: Any) -> None:
    """An exact key beats later ones that begin with it; of those that begin so, the latest is taken."""
    store = stores("a")
    for key in ("go-1", "go-1-2", "go-1-3"):
        await done(place, store, job(f"write dist/x {key}", SaveCache(key=key, contents=DIST)))
    place.store.logs.clear()
    for keys, found in ((("js-", "go-1"), b"go-1\n"), (("go-1-", "go-1"), b"go-1-3\n"), (("js-",), b"")):
        report = await done(place, store, job(RestoreCache(keys=keys), "cat out/x"))
        assert report.outcome is Outcome.SUCCESS
        assert place.store.log(1) == (found or b"cat: out/x: No such file or directory\n")
        assert (b"key: js-: there is no such cache\n" in place.store.log(0)) is ("js-" in keys)
        place.store.logs.clear()


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ('{{ env "NONE" }}', "a key has 1 to 512 printable characters"),
        ("x" * 513, "a key has 1 to 512 printable characters"),
        ("a\nb", "a key has 1 to 512 printable characters"),
        ('{{ md5sum "none" }}', "cannot read none"),
        ("{{ if }}", "there is no function 'if'"),
    ],
)
async def test_a_key_that_is_none_fails_the_step(place: Place, stores: Any, template: str, says: str) -> None:
    """The sentence is in the log and in the task's reason."""
    report = await done(place, stores("a"), job(RestoreCache(keys=(template,))))
    assert report.outcome is Outcome.FAILED
    assert says in report.reason
    assert says.encode() in place.store.log(0)


async def test_keys_see_the_environment_and_are_masked(place: Place, stores: Any) -> None:
    """A secret in a key is no secret to the store, but it is to readers of the log."""
    spec = job(RestoreCache(keys=('{{ env "S" }}-x',)), environment={"S": "sesame"}, values=("s",))
    await done(place, stores("a"), spec, {"s": "sesame"})
    assert place.store.log(0) == b"key: ***-x: there is no such cache\n"


async def test_a_store_that_is_away_delays_the_step(place: Place, stores: Any, driver: FakeDriver) -> None:
    """It is asked again, and files are packed once."""
    store = Troubled(stores("a"), Unavailable("not now"), Unavailable("not yet"))
    report = await done(place, store, job("write dist/x x", SaveToWorkspace(contents=DIST)))
    assert report.outcome is Outcome.SUCCESS
    assert len(driver.chores) == 1
    assert len(await stores("last").workspaces()) == 1


async def test_a_store_that_refuses_fails_the_step(place: Place, stores: Any) -> None:
    """Asking again would not help."""
    store = Troubled(stores("a"), BadRequest("too many of them"))
    report = await done(place, store, job("write dist/x x", SaveToWorkspace(contents=DIST)))
    assert report.reason == "step 2: too many of them"


async def test_a_store_that_fences_ends_the_job_in_silence(
    place: Place, stores: Any, driver: FakeDriver
) -> None:
    """The pod is killed, and no end is reported."""
    store = Troubled(stores("a"), Fenced("another has it"))
    report = await done(place, store, job("write dist/x x", SaveToWorkspace(contents=DIST), "echo never"))
    assert report.outcome is None
    assert not driver.pods


async def test_an_archive_that_was_changed_is_not_unpacked(place: Place, stores: Any, tmp_path: Path) -> None:
    """Its checksum tells."""
    await done(place, stores("a"), job("write dist/x x", SaveToWorkspace(contents=DIST)))
    (kept,) = (tmp_path / "run").rglob("archive")
    kept.write_bytes(kept.read_bytes()[:-1])
    report = await done(place, stores("last"), job(RestoreWorkspace()))
    assert "the archive is damaged" in report.reason


@pytest.mark.parametrize("reason", ["stop", "step", "task"])
async def test_a_file_step_is_ended_when_it_must_not_go_on(
    place: Place, stores: Any, driver: FakeDriver, reason: str
) -> None:
    """By a stop, by its own time, by the task's."""
    driver.hold("pack")
    step = SaveToWorkspace(contents=DIST, timeout=0.05 if reason == "step" else None)
    spec = job("write dist/x x", step, timeout=0.1 if reason == "task" else None)
    worker = place.accepted(spec, store=stores("a"))
    async with place.working(worker):
        await driver.reached("pack")
        if reason == "stop":
            worker.stop()
    report = place.reports[-1]
    assert report.outcome is (Outcome.STOPPED if reason == "stop" else Outcome.FAILED)
    assert report.timed_out is (reason == "task")
    assert report.steps[1].phase is (STOPPED if reason == "stop" else FAILED)
    assert place.store.log(1) == (
        b"the step's time limit of 0.05 s is over\n" if reason == "step" else b"stopped\n"
    )


@pytest.mark.parametrize("held", ["unpack", "render"])
async def test_the_next_life_goes_on(place: Place, stores: Any, driver: FakeDriver, held: str) -> None:
    """Every chore is done once, and what the log says is said once."""
    await done(place, stores("a"), job("write dist/x hello", SaveCache(key="k", contents=DIST)))
    place.store.logs.clear()
    driver.chores.clear()
    driver.hold(held)
    spec = job(RestoreCache(keys=("none", "k")), "cat out/x")
    worker = place.accepted(spec, store=stores("a"))
    async with place.working(worker) as group:
        await driver.reached(held)
        group.cancel_scope.cancel()
    driver.release(held)
    with anyio.fail_after(10):
        await place.worker(place.directory.load(), {}, store=stores("a")).run()
    assert place.reports[-1].outcome is Outcome.SUCCESS
    assert place.store.log(0) == b"key: none: there is no such cache\nkey: k: found\n1 entry, 6 B\n"
    assert place.store.log(1) == b"hello\n"
    assert len(driver.chores) == 3


async def test_a_step_that_has_ended_is_shipped_by_the_next_life(place: Place, stores: Any) -> None:
    """Its log was not stored when the executor died; it is not done again."""

    class Away:
        """A store that has the job's first life for ever."""

        async def workspaces(self) -> tuple[Archive, ...]:
            raise AssertionError("the step has ended")

        async def read(self, archive: Archive) -> AsyncIterator[bytes]:
            raise AssertionError("the step has ended")

    worker = place.accepted(job(RestoreWorkspace(), "wait gate"), store=stores("a"))
    place.store.trouble = [Unavailable("not now")] * 1000
    async with place.working(worker) as group:
        await place.driver.reached("gate")  # type: ignore[attr-defined]
        group.cancel_scope.cancel()
    place.store.trouble = []
    place.driver.release("gate")  # type: ignore[attr-defined]
    with anyio.fail_after(10):
        await place.worker(place.directory.load(), {}, store=Away()).run()
    assert place.reports[-1].outcome is Outcome.SUCCESS
    assert place.store.log(0) == b"no task before this one has kept any files\n"


async def test_an_always_step_keeps_files_of_what_failed(place: Place, stores: Any) -> None:
    """Whoever looks for the reason finds them."""
    always = SaveToWorkspace(contents=DIST, always=True)
    report = await done(place, stores("a"), job("write dist/x x\nexit 1", run("echo never"), always))
    assert report.outcome is Outcome.FAILED
    assert len(await stores("last").workspaces()) == 1


async def test_artifacts_are_kept_under_their_paths(place: Place, stores: Any, tmp_path: Path) -> None:
    """Also of a task that has failed, by an always step; trying again packs nothing anew."""
    store = Troubled(stores("a"), Unavailable("not now"))
    spec = job("write dist/x/y hello\nexit 1", SaveArtifacts(contents=DIST, always=True))
    report = await done(place, store, spec)
    assert report.steps[1].phase is SUCCESS
    assert place.store.log(1).endswith(b"kept with the run: 1 file, 6 bytes\n")
    assert (tmp_path / "artifacts" / "1" / "out" / "x" / "y").read_bytes() == b"hello\n"


async def test_a_store_that_refuses_artifacts_fails_the_step(place: Place, stores: Any) -> None:
    """With its reason."""
    store = Troubled(stores("a"), BadRequest("no such name"))
    report = await done(place, store, job("write dist/x x", SaveArtifacts(contents=DIST)))
    assert report.reason == "step 2: no such name"


REPORT = (
    "<testsuite><testcase name='good'/><testcase name='bad'><failure>sesame</failure></testcase></testsuite>"
)


async def test_reports_are_read_and_kept(place: Place, stores: Any) -> None:
    """Totals and failures, secrets masked; one that is none is a warning."""
    store = stores("a")
    spec = job(
        f"write out/a.xml {REPORT}\nwrite out/b.xml <", SaveReports(junit=("out/*.xml",)), values=("s",)
    )
    report = await done(place, Troubled(store, Unavailable("not now")), spec, {"s": "sesame"})
    assert report.outcome is Outcome.SUCCESS
    (found,) = store.reported.values()
    assert (found.files, found.tests, found.failures) == (1, 2, 1)
    assert (found.failed[0].name, found.failed[0].text) == ("bad", "***")
    said = place.store.log(1).decode()
    assert "warning: out/b.xml: it is not well-formed XML" in said
    assert said.endswith("2 tests: 1 failed, 0 skipped\n")


async def test_no_reports_are_a_warning(place: Place, stores: Any) -> None:
    """The task goes on."""
    report = await done(place, stores("a"), job(SaveReports(junit=("*.xml",)), "echo next"))
    assert report.outcome is Outcome.SUCCESS
    assert b"warning: there are no reports\n" in place.store.log(0)
