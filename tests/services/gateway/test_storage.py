"""Runs, logs and caches are deleted through the public API, by those who may act on runs."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.conftest import Clock
from tests.services.gateway.conftest import House, Person, project, pushes_of, runs_of
from tests.services.gateway.worker import Worker
from tidemill.contracts.runservice import RunQuery
from tidemill.core.job import JobId, JobSpec, Outcome
from tidemill.services.runservice.service import RunserviceService

pytestmark = pytest.mark.anyio

MAIN = "refs/heads/main"


async def chunk() -> AsyncIterator[bytes]:
    yield b"files"


@pytest.fixture
async def spec(house: House, hello: str, worker: Worker) -> JobSpec:
    """The job of the first run of a public project of alice's, which is at work."""
    await house.push(hello, MAIN)
    await worker.start_all()
    return await worker.begin()


async def test_who_may_act_on_runs_deletes_them(
    house: House, alice: Person, hello: str, worker: Worker, spec: JobSpec
) -> None:
    """409 while it is not over, 404 afterwards; nobody else."""
    run = f"/projects/{hello}/runs/1"
    mallory = await house.person("mallory")
    assert (await house.nobody.failure("DELETE", run))[0] == 401
    assert (await mallory.failure("DELETE", run))[0] == 403
    assert await alice.failure("DELETE", run) == (409, "runNotOver")
    assert await alice.failure("DELETE", f"/projects/{hello}/runs/x") == (400, "invalidRunNumber")
    await worker.end(spec, Outcome.SUCCESS)
    answer = await alice.ask("DELETE", run)
    assert (answer.status_code, answer.content) == (204, b"")
    assert await alice.failure("GET", run) == (404, "runDoesNotExist")
    assert await alice.failure("DELETE", run) == (404, "runDoesNotExist")
    await house.push(hello, MAIN)
    assert [one["number"] for one in await runs_of(alice, hello)] == [2]


async def test_logs_are_deleted_as_agola_deletes_them(
    house: House, alice: Person, hello: str, worker: Worker, spec: JobSpec
) -> None:
    """400 before it is over, 404 for what is not there, both without a code; 204, and then 404 to read."""
    logs = f"/projects/{hello}/runs/1/tasks/{spec.task_id}/logs"
    await worker.write(spec, 0, 0, b"secret")
    await worker.write(spec, -1, 0, b"setup")
    for query in ("", "?setup&step=0"):
        assert await alice.as_agola("DELETE", f"{logs}{query}") == (400, b"[]")
    assert (await alice.failure("DELETE", f"{logs}?step=x")) == (400, "invalidRunTaskStepNumber")
    assert await alice.as_agola("DELETE", f"{logs}?step=0") == (400, b"[]")
    await worker.end(spec, Outcome.SUCCESS)
    mallory = await house.person("mallory")
    assert (await house.nobody.failure("DELETE", f"{logs}?step=0"))[0] == 401
    assert (await mallory.failure("DELETE", f"{logs}?step=0"))[0] == 403
    assert await alice.as_agola("DELETE", f"{logs}?step=7") == (404, b"[]")
    assert await alice.as_agola("DELETE", f"{logs.replace(spec.task_id, 'x')}?step=0") == (404, b"[]")
    gone = logs.replace("runs/1", "runs/9")
    assert await alice.failure("DELETE", f"{gone}?step=0") == (404, "runDoesNotExist")
    assert (await alice.ask("DELETE", f"{logs}?step=0")).status_code == 204
    assert await alice.as_agola("GET", f"{logs}?step=0") == (404, b"[]")
    assert await alice.as_agola("GET", f"{logs}?step=0&follow") == (404, b"[]")
    assert await alice.as_agola("DELETE", f"{logs}?step=0") == (404, b"[]")
    assert (await alice.ask("GET", f"{logs}?setup")).content == b"setup"
    assert (await alice.ask("DELETE", f"{logs}?setup")).status_code == 204
    assert await alice.as_agola("GET", f"{logs}?setup") == (404, b"[]")


async def test_caches_are_listed_and_deleted(
    house: House, alice: Person, hello: str, spec: JobSpec, runservice: RunserviceService
) -> None:
    """With their sizes; listed for who may list runs, deleted by who may act on them."""
    for key in ("a", "b", "c"):
        await runservice.save_cache(JobId(spec.id), spec.generation, key, chunk())
    caches = f"/projects/{hello}/caches"
    found = await alice.get(f"{caches}?limit=2")
    assert [(one["key"], one["scope"], one["size"]) for one in found] == [("a", "", 5), ("b", "", 5)]
    assert found[0]["use_time"] == found[0]["create_time"]
    kept = await alice.get(f"/projects/{hello}/storage")
    assert (kept["caches"], kept["cache_bytes"], kept["artifact_bytes"]) == (3, 15, 0)
    mallory = await house.person("mallory")
    assert (await house.nobody.failure("GET", caches))[0] == 401
    assert len(await mallory.get(caches)) == 3
    for path in (caches, f"{caches}/{found[0]['id']}"):
        assert (await mallory.failure("DELETE", path))[0] == 403
    assert (await alice.ask("DELETE", f"{caches}/{found[0]['id']}")).status_code == 204
    assert await alice.failure("DELETE", f"{caches}/{found[0]['id']}") == (404, "cacheDoesNotExist")
    assert (await alice.ask("DELETE", caches)).json() == {"removed": 2}
    assert await alice.get(caches) == []


async def test_an_owner_says_how_long_runs_are_kept(house: House, alice: Person, hello: str) -> None:
    """What is left out is as the server's settings say; others may only look."""
    path = f"/projects/{hello}/retention"
    usual = {"run_days": 365.0, "runs_least": 100, "runs_most": 0}
    nothing = dict.fromkeys(usual)
    mallory = await house.person("mallory")
    assert await mallory.get(path) == {**usual, "own": nothing}
    assert (await mallory.failure("PUT", path, {"run_days": 1}))[0] == 403
    assert (await house.nobody.failure("GET", path))[0] == 401
    answer = await alice.ask("PUT", path, {"run_days": 1.5, "runs_most": 7})
    own = {"run_days": 1.5, "runs_least": None, "runs_most": 7}
    assert answer.json() == {"run_days": 1.5, "runs_least": 100, "runs_most": 7, "own": own}
    assert await alice.get(path) == answer.json()
    assert (await alice.failure("PUT", path, {"run_days": -1}))[0] == 400
    assert (await alice.ask("PUT", path, {})).json() == {**usual, "own": nothing}


async def test_direct_runs_are_their_users_own(house: House, alice: Person) -> None:
    """The same routes below the user; nobody else's business."""
    mallory = await house.person("mallory")
    assert await alice.get("/users/alice/caches") == []
    assert (await alice.get("/users/alice/storage"))["caches"] == 0
    assert await alice.failure("DELETE", "/users/alice/runs/1") == (404, "runDoesNotExist")
    logs = "/users/alice/runs/1/tasks/x/logs?step=0"
    assert await alice.failure("DELETE", logs) == (404, "runDoesNotExist")
    assert (await alice.ask("DELETE", "/users/alice/caches")).json() == {"removed": 0}
    assert await alice.failure("DELETE", "/users/alice/caches/x") == (404, "cacheDoesNotExist")
    for verb, path in (("GET", "caches"), ("GET", "storage"), ("DELETE", "runs/1"), ("DELETE", "caches")):
        assert (await mallory.failure(verb, f"/users/alice/{path}"))[0] == 403


async def test_the_runs_of_a_deleted_project_go(
    house: House, alice: Person, worker: Worker, runservice: RunserviceService
) -> None:
    """Once they are over, with all that is kept of them."""
    made = await project(alice, "short-lived")
    await house.push(made["id"], MAIN)
    await worker.start_all()
    spec = await worker.begin()
    assert (await alice.ask("DELETE", f"/projects/{made['id']}")).status_code == 204
    await house.gateway._removing.work()
    await runservice.retention.expire()
    await worker.end(spec, Outcome.STOPPED)
    await runservice.retention.expire()
    counted = await runservice.retention.storage.usage(f"/project/{made['id']}")
    assert counted.caches == 0
    assert (await runservice.runs(RunQuery(group=f"/project/{made['id']}"))).items == []


async def test_old_pushes_are_forgotten(house: House, alice: Person, hello: str, clock: Clock) -> None:
    """Once they were worked on; 90 days after they came."""
    await house.push(hello, MAIN)
    clock.now += timedelta(days=89)
    await house.push(hello, MAIN)
    await house.gateway._forgetting.work()
    assert len(await pushes_of(alice, hello)) == 2
    clock.now += timedelta(days=2)
    await house.gateway._forgetting.work()
    assert len(await pushes_of(alice, hello)) == 1
