"""Runs through the public API: lists in pages, one run, actions, tasks, logs, following."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import anyio
import pytest

from tests.services.gateway.conftest import CONFIGURATION, House, Person, project, ref
from tidemill.contracts.jobs import ExecutorInfo, SyncRequest
from tidemill.contracts.runservice import StartRun
from tidemill.core.job import ExecutorId, JobPhase, JobReport, JobSpec, Outcome
from tidemill.core.run import StepPhase, StepState
from tidemill.kit.contract import Call, calling
from tidemill.services.runservice.service import RunserviceService

pytestmark = pytest.mark.anyio

MAIN = "refs/heads/main"


@pytest.fixture(autouse=True)
async def _in_a_call() -> AsyncIterator[None]:
    """As a carrier calls."""
    with calling(Call(request_id=str(uuid4()))):
        yield


@pytest.fixture
async def alice(house: House) -> Person:
    return await house.person("alice")


@pytest.fixture
async def hello(alice: Person) -> str:
    """The path, within the API, of a public project of alice's."""
    return f"/projects/{(await project(alice, 'hello'))['id']}"


class Worker:
    """An executor by hand: it claims one job and reports what a test tells it to."""

    def __init__(self, runservice: RunserviceService) -> None:
        self._runservice = runservice
        self._info = ExecutorInfo(id=ExecutorId("worker"), slots=1, runtimes=("host",))

    async def start_all(self) -> None:
        """Start every queued run, as the scheduler does."""
        for group in (await self._runservice.queued_groups()).groups:
            await self._runservice.start_run(group.queued[0], StartRun(token=group.token))

    async def begin(self) -> JobSpec:
        """Claim a job, accept it, and run its first step."""
        (spec,) = (await self._runservice.sync(SyncRequest(executor=self._info))).start
        await self.report(spec, JobPhase.ACCEPTED)
        await self.report(
            spec,
            JobPhase.RUNNING,
            setup=StepState(phase=StepPhase.SUCCESS),
            steps=(StepState(phase=StepPhase.RUNNING), StepState()),
        )
        return spec

    async def end(self, spec: JobSpec, outcome: Outcome) -> None:
        phase = {Outcome.SUCCESS: StepPhase.SUCCESS}.get(outcome, StepPhase.FAILED)
        await self.report(
            spec,
            JobPhase.ENDED,
            outcome=outcome,
            setup=StepState(phase=StepPhase.SUCCESS),
            steps=(StepState(phase=phase, exit_code=3), StepState()),
        )

    async def report(self, spec: JobSpec, phase: JobPhase, **more: Any) -> None:
        report = JobReport(id=spec.id, generation=spec.generation, phase=phase, **more)
        await self._runservice.sync(SyncRequest(executor=self._info, jobs=(report,)))

    async def write(self, spec: JobSpec, step: int, offset: int, data: bytes) -> None:
        await self._runservice.append_log(spec.id, spec.generation, step, offset, data)


@pytest.fixture
async def worker(runservice: RunserviceService) -> Worker:
    return Worker(runservice)


async def numbers(person: Person, path: str) -> list[int]:
    return [run["number"] for run in await person.get(path)]


async def push(house: House, hello: str, *refs: str) -> None:
    outcome = await house.push(hello.removeprefix("/projects/"), *refs)
    assert outcome.is_complete
    assert not outcome.notes


async def test_runs_come_in_pages(house: House, alice: Person, hello: str) -> None:
    """Newest first; a cursor goes on where the page ended, with the filters it began with."""
    for number in range(7):
        await push(house, hello, f"refs/heads/b{number % 2}")

    async def walk(query: str, most: int = 10) -> list[list[int]]:
        pages, cursor = [], ""
        for _ in range(most):
            page = await alice.ask("GET", f"{hello}/runs?limit=2{cursor or query}")
            assert page.status_code == 200, page.text
            pages.append([run["number"] for run in page.json()])
            if not page.headers["X-Agola-Cursor"]:
                break
            cursor = f"&cursor={ref(page.headers['X-Agola-Cursor'])}"
        return pages

    assert await walk("") == [[7, 6], [5, 4], [3, 2], [1]]
    assert await walk("&sortdirection=asc") == [[1, 2], [3, 4], [5, 6], [7]]
    assert await walk("&start=4") == [[3, 2], [1]]
    assert await walk("&start=4&sortdirection=asc") == [[5, 6], [7]]
    assert await walk("&subgroup=branch/b0") == [[7, 5], [3, 1]]
    assert await walk("&subgroup=branch") == [[7, 6], [5, 4], [3, 2], [1]]
    assert await walk("&subgroup=tag") == [[]]
    assert await walk("&phase=queued&phase=running&result=unknown") == [[7, 6], [5, 4], [3, 2], [1]]
    assert await walk("&phase=finished") == [[]]
    assert await walk("&phase=nosuch") == [[]]
    assert await walk("&phase=nosuch&phase=queued&start=3") == [[2, 1]]
    assert await numbers(alice, f"{hello}/runs?limit=0") == [7, 6, 5, 4, 3, 2, 1]


async def test_a_listed_run_has_the_references_keys(house: House, alice: Person, hello: str) -> None:
    """In their order."""
    await push(house, hello, MAIN)
    (run,) = await alice.get(f"{hello}/runs")
    assert list(run) == [
        "number",
        "name",
        "annotations",
        "phase",
        "result",
        "tasks_waiting_approval",
        "enqueue_time",
        "start_time",
        "end_time",
    ]
    assert (run["enqueue_time"], run["start_time"]) == ("2026-07-30T12:00:00Z", None)


async def test_bad_lists(house: House, alice: Person, hello: str) -> None:
    """Who asks is looked at first, then the parameters, then the permission."""
    for query, code in {
        "limit=x": "invalidLimit",
        "limit=-1": "invalidLimit",
        "sortdirection=up": "invalidSortDirection",
        "start=x": "invalidRunNumber",
        "start=-1": "invalidRunNumber",
        "cursor=x": "badRequest",
    }.items():
        assert await alice.failure("GET", f"{hello}/runs?{query}") == (400, code)
        assert (await house.nobody.failure("GET", f"{hello}/runs?{query}"))[0] == 401
        assert await alice.failure("GET", f"/projects/none/runs?{query}") == (400, code)


async def test_a_run_that_is_not_there(house: House, alice: Person, hello: str) -> None:
    """Each part that is missing has the reference's code, or none where it has none."""
    await push(house, hello, MAIN)
    assert await alice.failure("GET", f"{hello}/runs/2") == (404, "runDoesNotExist")
    assert await alice.failure("GET", f"{hello}/runs/0") == (404, "runDoesNotExist")
    assert await alice.failure("GET", f"{hello}/runs/99999999999999999999") == (404, "runDoesNotExist")
    assert await alice.failure("GET", f"{hello}/runs/x") == (400, "invalidRunNumber")
    assert await alice.failure("GET", "/projects/none/runs/1") == (404, "projectDoesNotExist")
    assert await alice.as_agola("GET", f"{hello}/runs/1/tasks/x") == (404, b"[]")
    assert await alice.as_agola("GET", f"{hello}/runs/1/tasks/x/logs?setup") == (404, b"[]")
    assert await alice.as_agola("GET", f"{hello}/runs/2/tasks/x/logs?setup") == (
        404,
        b'[{"code":"runDoesNotExist","details":null}]',
    )
    assert await alice.failure("PUT", f"{hello}/runs/2/actions", {"action_type": "stop"}) == (
        404,
        "runDoesNotExist",
    )


async def test_a_run_from_queue_to_end(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """The tasks and steps show what the executor reports."""
    await push(house, hello, MAIN)
    await worker.start_all()
    spec = await worker.begin()
    run = await alice.get(f"{hello}/runs/1")
    assert (run["phase"], run["result"]) == ("running", "unknown")
    (task,) = run["tasks"].values()
    assert (task["id"], task["name"], task["status"]) == (spec.task_id, "task", "running")
    await worker.end(spec, Outcome.FAILED)
    run = await alice.get(f"{hello}/runs/1")
    assert (run["phase"], run["result"]) == ("finished", "failed")
    assert run["can_restart_from_scratch"]
    assert run["can_restart_from_failed_tasks"]
    detail = await alice.get(f"{hello}/runs/1/tasks/{spec.task_id}")
    assert detail["setup_step"]["phase"] == "success"
    assert [(s["name"], s["phase"], s["exit_status"]) for s in detail["steps"]] == [
        ("echo hello", "failed", 3),
        ("second", "notstarted", None),
    ]
    assert detail["steps"][0]["command"] == "echo hello"
    assert all(step["log_archived"] for step in detail["steps"])


async def test_a_run_is_restarted(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """The answer is the new run, with the next number; what cannot be restarted is said."""
    await push(house, hello, MAIN)
    actions = f"{hello}/runs/1/actions"
    restart = {"action_type": "restart", "from_start": True}
    assert await alice.failure("PUT", actions, restart) == (400, "runCannotBeRestarted")
    await worker.start_all()
    await worker.end(await worker.begin(), Outcome.SUCCESS)
    assert await alice.failure("PUT", actions, {"action_type": "restart"}) == (400, "runCannotBeRestarted")
    answer = await alice.ask("PUT", actions, restart)
    assert answer.status_code == 200
    new = answer.json()
    assert (new["number"], new["phase"]) == (2, "queued")
    assert [task["name"] for task in new["tasks"].values()] == ["task"]
    assert new["annotations"]["ref"] == MAIN


async def test_a_queued_run_is_cancelled(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """The answer is the run as it was; once it runs it is too late, with a code."""
    await push(house, hello, MAIN, "refs/heads/other")
    answer = await alice.ask("PUT", f"{hello}/runs/1/actions", {"action_type": "cancel"})
    assert (answer.status_code, answer.json()["phase"]) == (200, "queued")
    assert (await alice.get(f"{hello}/runs/1"))["phase"] == "cancelled"
    assert await alice.failure("PUT", f"{hello}/runs/1/actions", {"action_type": "cancel"}) == (
        409,
        "runNotQueued",
    )
    assert await alice.failure("PUT", f"{hello}/runs/2/actions", {"action_type": "stop"}) == (
        409,
        "runNotRunning",
    )
    await worker.start_all()
    stopped = await alice.ask("PUT", f"{hello}/runs/2/actions", {"action_type": "stop"})
    assert (stopped.json()["phase"], stopped.json()["stopping"]) == ("running", False)
    assert (await alice.get(f"{hello}/runs/2"))["result"] == "stopped"


async def test_unknown_actions(house: House, alice: Person, hello: str) -> None:
    """400 without a code, for runs and for tasks."""
    await push(house, hello, MAIN)
    (task_id,) = (await alice.get(f"{hello}/runs/1"))["tasks"]
    for action in ("", "explode"):
        body = {"action_type": action}
        assert await alice.as_agola("PUT", f"{hello}/runs/1/actions", body) == (400, b"[]")
        assert await alice.as_agola("PUT", f"{hello}/runs/1/tasks/{task_id}/actions", body) == (400, b"[]")


async def test_a_task_is_approved(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """The answer is 200 without anything, not even a content type."""
    files = {
        ".tidemill/config.yml": b"runs: [{name: main, tasks: [{name: gate, runtime: {type: host}, approval: true}]}]"
    }
    await house.push(hello.removeprefix("/projects/"), MAIN, files=files)
    await worker.start_all()
    (task_id,) = (await alice.get(f"{hello}/runs/1"))["tasks_waiting_approval"]
    path = f"{hello}/runs/1/tasks/{task_id}/actions"
    approve = {"action_type": "approve"}
    assert await alice.as_agola("PUT", f"{hello}/runs/1/tasks/none/actions", approve) == (400, b"[]")
    assert await house.admin.failure("PUT", path, approve) == (403, "forbidden")
    answer = await alice.ask("PUT", path, approve)
    assert (answer.status_code, answer.content) == (200, b"")
    assert "content-type" not in answer.headers
    run = await alice.get(f"{hello}/runs/1")
    assert run["tasks_waiting_approval"] == []
    assert run["tasks"][task_id]["approved"]
    assert await alice.failure("PUT", path, approve) == (400, "runTaskAlreadyApproved")


async def test_bad_logs(alice: Person, hello: str) -> None:
    """Exactly one of setup and step."""
    for query, code in {
        "": "badRequest",
        "?setup&step=0": "badRequest",
        "?step=x": "invalidRunTaskStepNumber",
        "?step=-1": "invalidRunTaskStepNumber",
        "?step=": "invalidRunTaskStepNumber",
    }.items():
        assert await alice.failure("GET", f"{hello}/runs/1/tasks/t/logs{query}") == (400, code)


async def test_logs_are_read_and_followed(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """As plain text, byte for byte; a follower hears the end of the step."""
    await push(house, hello, MAIN)
    await worker.start_all()
    spec = await worker.begin()
    logs = f"{hello}/runs/1/tasks/{spec.task_id}/logs"
    await worker.write(spec, -1, 0, b"preparing\n")
    await worker.write(spec, 0, 0, b"one\n\xff")
    answer = await house.nobody.ask("GET", f"{logs}?step=0")
    assert (answer.status_code, answer.content) == (200, b"one\n\xff")
    assert answer.headers["content-type"] == "text/plain;charset=UTF-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert (await alice.ask("GET", f"{logs}?setup")).content == b"preparing\n"
    assert await alice.as_agola("GET", f"{logs}?step=7") == (404, b"[]")

    heard = bytearray()
    first = anyio.Event()

    async def follow() -> None:
        request = alice._http.build_request("GET", f"/api/v1alpha{logs}?step=0&follow")
        answer = await alice._http.send(request, stream=True)
        async for block in answer.aiter_raw():
            heard.extend(block)
            first.set()
        await answer.aclose()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            await first.wait()
            await worker.write(spec, 0, 5, b" two\n")
            await worker.end(spec, Outcome.SUCCESS)
    assert bytes(heard) == b"one\n\xff two\n"


async def test_a_run_is_followed(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """Its state now and after each change, as lines, until it ends."""
    await push(house, hello, MAIN)
    states: list[dict[str, Any]] = []
    changed = anyio.Event()

    async def follow() -> None:
        request = alice._http.build_request("GET", f"/api/v1alpha{hello}/runs/1/follow")
        answer = await alice._http.send(request, stream=True)
        assert answer.headers["content-type"] == "application/x-ndjson"
        async for line in answer.aiter_lines():
            if line:
                states.append(json.loads(line))
                changed.set()
        await answer.aclose()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            await changed.wait()
            await worker.start_all()
            await worker.end(await worker.begin(), Outcome.SUCCESS)
    assert states[0]["phase"] == "queued"
    assert (states[-1]["phase"], states[-1]["result"]) == ("finished", "success")
    assert states[-1] == await alice.get(f"{hello}/runs/1")
    assert await alice.failure("GET", f"{hello}/runs/2/follow") == (404, "runDoesNotExist")


@pytest.mark.parametrize(
    ("body", "trigger_ref"),
    [
        ({"branch": "main"}, MAIN),
        ({"ref": MAIN}, MAIN),
        ({"tag": "v1"}, "refs/tags/v1"),
        ({"branch": "main", "commit_sha": "abababa"}, MAIN),
    ],
)
async def test_a_run_is_asked_for(
    house: House, alice: Person, hello: str, body: dict[str, str], trigger_ref: str
) -> None:
    """By branch, tag or ref; the numbers are for who sends an Accept header, Agola's client gets nothing."""
    for name in (MAIN, "refs/tags/v1"):
        house.git.commit_to(hello.removeprefix("/projects/"), name, "ab" * 20, CONFIGURATION)
    answer = await alice.ask("POST", f"{hello}/createrun", body)
    assert (answer.status_code, answer.json()) == (
        201,
        {"runs": [{"number": 1, "name": "main", "phase": "queued"}], "notes": []},
    )
    bare = await alice.ask("POST", f"{hello}/createrun", body, accept=False)
    assert (bare.status_code, bare.content) == (201, b"")
    assert bare.headers["content-type"] == "application/json"
    run = await alice.get(f"{hello}/runs/2")
    assert run["annotations"]["ref"] == trigger_ref
    assert run["annotations"]["run_creation_trigger"] == "manual"
    assert run["annotations"]["commit_sha"] == "ab" * 20


async def test_a_wrong_run_is_refused(house: House, alice: Person, hello: str) -> None:
    """With what is wrong, and no run is made."""
    id = hello.removeprefix("/projects/")  # noqa: A001 - the domain's word
    house.git.commit_to(id, MAIN, "ab" * 20, CONFIGURATION)
    house.git.commit_to(id, "refs/heads/bare", "cd" * 20, {})
    wrong: list[tuple[dict[str, str], tuple[int, str]]] = [
        ({}, (400, "badRequest")),
        ({"branch": "main", "tag": "v1"}, (400, "badRequest")),
        ({"ref": "main"}, (400, "badRequest")),
        ({"ref": "refs/pull/1/head"}, (400, "badRequest")),
        ({"branch": "nosuch"}, (404, "refDoesNotExist")),
        ({"branch": "main", "commit_sha": "fffffff"}, (404, "commitDoesNotExist")),
        ({"branch": "bare"}, (400, "noConfiguration")),
    ]
    for body, expected in wrong:
        assert await alice.failure("POST", f"{hello}/createrun", body) == expected
    assert await numbers(alice, f"{hello}/runs") == []


async def test_a_skipped_run_is_no_failure(house: House, alice: Person, hello: str) -> None:
    """Asking for it succeeds, and the answer says why there is none."""
    id = hello.removeprefix("/projects/")  # noqa: A001 - the domain's word
    house.git.commit_to(id, MAIN, "ab" * 20, CONFIGURATION, "wip [ci skip]")
    answer = await alice.ask("POST", f"{hello}/createrun", {"branch": "main"})
    assert answer.status_code == 201
    assert answer.json()["runs"] == []
    assert "[ci skip]" in answer.json()["notes"][0]


async def test_direct_runs_are_nobody_elses_business(house: House, alice: Person) -> None:
    """There are none yet; who asks is told so only if it is theirs."""
    bob = await house.person("bob")
    listed = await alice.ask("GET", "/users/alice/runs")
    assert (listed.status_code, listed.json(), listed.headers["X-Agola-Cursor"]) == (200, [], "")
    assert await house.admin.get("/users/alice/runs") == []
    assert await bob.failure("GET", "/users/alice/runs") == (403, "forbidden")
    assert await bob.failure("GET", "/users/alice/runs/1") == (403, "forbidden")
    assert await house.nobody.failure("GET", "/users/alice/runs") == (401, "unauthorized")
    assert await house.nobody.failure("GET", "/users/alice/runs/1") == (403, "forbidden")
    assert await alice.failure("GET", "/users/carol/runs") == (404, "userDoesNotExist")
    for path in ("", "/tasks/t", "/tasks/t/logs?setup"):
        assert await alice.failure("GET", f"/users/alice/runs/1{path}") == (404, "runDoesNotExist")
    stop = {"action_type": "stop"}
    assert await alice.failure("PUT", "/users/alice/runs/1/actions", stop) == (404, "runDoesNotExist")


async def test_a_run_of_a_private_project_is_private(house: House, alice: Person) -> None:
    """Also its log and its stream."""
    made = await project(alice, "secret", "private")
    path = f"/projects/{made['id']}"
    await push(house, path, MAIN)
    (task_id,) = (await alice.get(f"{path}/runs/1"))["tasks"]
    bob = await house.person("bob")
    for what in ("", "/follow", f"/tasks/{task_id}", f"/tasks/{task_id}/logs?setup"):
        assert await bob.as_agola("GET", f"{path}/runs/1{what}") == (403, b"[]")
        assert await house.nobody.as_agola("GET", f"{path}/runs/1{what}") == (403, b"[]")
