"""Runs through the public API: lists in pages, one run, its tasks, actions."""

import pytest

from tests.services.gateway.conftest import House, Person, ref
from tests.services.gateway.worker import Worker
from tidemill.core.job import Outcome

pytestmark = pytest.mark.anyio

MAIN = "refs/heads/main"


async def numbers(person: Person, path: str) -> list[int]:
    return [run["number"] for run in await person.get(path)]


async def push(house: House, hello: str, *refs: str) -> None:
    outcome = await house.push(hello, *refs)
    assert outcome.is_complete
    assert not outcome.notes


async def test_runs_come_in_pages(house: House, alice: Person, hello: str) -> None:
    """Newest first; a cursor goes on where the page ended, with the filters it began with."""
    for number in range(7):
        await push(house, hello, f"refs/heads/b{number % 2}")

    async def walk(query: str, most: int = 10) -> list[list[int]]:
        pages, cursor = [], ""
        for _ in range(most):
            page = await alice.ask("GET", f"/projects/{hello}/runs?limit=2{cursor or query}")
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
    assert await numbers(alice, f"/projects/{hello}/runs?limit=0") == [7, 6, 5, 4, 3, 2, 1]


async def test_a_listed_run_has_the_references_keys(house: House, alice: Person, hello: str) -> None:
    """In their order."""
    await push(house, hello, MAIN)
    (run,) = await alice.get(f"/projects/{hello}/runs")
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
        assert await alice.failure("GET", f"/projects/{hello}/runs?{query}") == (400, code)
        assert (await house.nobody.failure("GET", f"/projects/{hello}/runs?{query}"))[0] == 401
        assert await alice.failure("GET", f"/projects/none/runs?{query}") == (400, code)


async def test_a_run_that_is_not_there(house: House, alice: Person, hello: str) -> None:
    """Each part that is missing has the reference's code, or none where it has none."""
    await push(house, hello, MAIN)
    assert await alice.failure("GET", f"/projects/{hello}/runs/2") == (404, "runDoesNotExist")
    assert await alice.failure("GET", f"/projects/{hello}/runs/0") == (404, "runDoesNotExist")
    assert await alice.failure("GET", f"/projects/{hello}/runs/99999999999999999999") == (
        404,
        "runDoesNotExist",
    )
    assert await alice.failure("GET", f"/projects/{hello}/runs/x") == (400, "invalidRunNumber")
    assert await alice.failure("GET", "/projects/none/runs/1") == (404, "projectDoesNotExist")
    assert await alice.as_agola("GET", f"/projects/{hello}/runs/1/tasks/x") == (404, b"[]")
    assert await alice.as_agola("GET", f"/projects/{hello}/runs/1/tasks/x/logs?setup") == (404, b"[]")
    assert await alice.as_agola("GET", f"/projects/{hello}/runs/2/tasks/x/logs?setup") == (
        404,
        b'[{"code":"runDoesNotExist","details":null}]',
    )
    assert await alice.failure("PUT", f"/projects/{hello}/runs/2/actions", {"action_type": "stop"}) == (
        404,
        "runDoesNotExist",
    )


async def test_a_run_from_queue_to_end(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """The tasks and steps show what the executor reports."""
    await push(house, hello, MAIN)
    await worker.start_all()
    spec = await worker.begin()
    run = await alice.get(f"/projects/{hello}/runs/1")
    assert (run["phase"], run["result"]) == ("running", "unknown")
    (task,) = run["tasks"].values()
    assert (task["id"], task["name"], task["status"]) == (spec.task_id, "task", "running")
    await worker.end(spec, Outcome.FAILED)
    run = await alice.get(f"/projects/{hello}/runs/1")
    assert (run["phase"], run["result"]) == ("finished", "failed")
    assert run["can_restart_from_scratch"]
    assert run["can_restart_from_failed_tasks"]
    detail = await alice.get(f"/projects/{hello}/runs/1/tasks/{spec.task_id}")
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
    actions = f"/projects/{hello}/runs/1/actions"
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


async def test_chosen_tasks_are_restarted(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """By name or id, whatever became of the run; a choice that cannot be made says why."""
    files = {
        ".tidemill/config.yml": b"""
runs:
  - name: main
    tasks:
      - {name: one, runtime: {type: host}, steps: [{run: a}, {run: b}]}
      - {name: two, runtime: {type: host}, steps: [{run: a}, {run: b}]}
"""
    }
    await house.push(hello, MAIN, files=files)
    await worker.start_all()
    for _ in range(2):
        await worker.end(await worker.begin(), Outcome.SUCCESS)
    actions = f"/projects/{hello}/runs/1/actions"
    before = {t["name"]: t for t in (await alice.get(f"/projects/{hello}/runs/1"))["tasks"].values()}
    for chosen in ("two", before["two"]["id"]):
        answer = await alice.ask("PUT", actions, {"action_type": "restart", "tasks": [chosen]})
        after = {task["name"]: task for task in answer.json()["tasks"].values()}
        assert after["one"] == before["one"]
        assert (after["two"]["status"], after["two"]["id"] == before["two"]["id"]) == ("notstarted", False)
    for body, code in (
        ({"action_type": "restart", "tasks": ["three"]}, "runTaskDoesNotExist"),
        ({"action_type": "restart", "tasks": ["two"], "from_start": True}, "badRequest"),
        ({"action_type": "cancel", "tasks": ["two"]}, "badRequest"),
    ):
        assert await alice.failure("PUT", actions, body) == (400, code)
    assert len(await numbers(alice, f"/projects/{hello}/runs")) == 3


async def test_a_queued_run_is_cancelled(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """The answer is the run as it was; once it runs it is too late, with a code."""
    await push(house, hello, MAIN, "refs/heads/other")
    answer = await alice.ask("PUT", f"/projects/{hello}/runs/1/actions", {"action_type": "cancel"})
    assert (answer.status_code, answer.json()["phase"]) == (200, "queued")
    assert (await alice.get(f"/projects/{hello}/runs/1"))["phase"] == "cancelled"
    assert await alice.failure("PUT", f"/projects/{hello}/runs/1/actions", {"action_type": "cancel"}) == (
        409,
        "runNotQueued",
    )
    assert await alice.failure("PUT", f"/projects/{hello}/runs/2/actions", {"action_type": "stop"}) == (
        409,
        "runNotRunning",
    )
    await worker.start_all()
    long = {"action_type": "stop", "reason": "x" * 501}
    assert await alice.failure("PUT", f"/projects/{hello}/runs/2/actions", long) == (400, "badRequest")
    stop = {"action_type": "stop", "reason": "too slow"}
    stopped = await alice.ask("PUT", f"/projects/{hello}/runs/2/actions", stop)
    assert (stopped.json()["phase"], stopped.json()["stopping"]) == ("running", False)
    after = await alice.get(f"/projects/{hello}/runs/2")
    assert (after["result"], after["reason"]) == ("stopped", "stopped by alice: too slow")


async def test_unknown_actions(house: House, alice: Person, hello: str) -> None:
    """400 without a code, for runs and for tasks."""
    await push(house, hello, MAIN)
    (task_id,) = (await alice.get(f"/projects/{hello}/runs/1"))["tasks"]
    for action in ("", "explode"):
        body = {"action_type": action}
        assert await alice.as_agola("PUT", f"/projects/{hello}/runs/1/actions", body) == (400, b"[]")
        assert await alice.as_agola("PUT", f"/projects/{hello}/runs/1/tasks/{task_id}/actions", body) == (
            400,
            b"[]",
        )


GATED = {
    ".tidemill/config.yml": b"""
runs:
  - name: main
    tasks:
      - {name: gate, runtime: {type: host}, approval: true}
      - {name: free, runtime: {type: host}}
"""
}


async def test_a_task_is_approved(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """The answer is 200 without anything, not even a content type; who approved is shown."""
    await house.push(hello, MAIN, files=GATED)
    await worker.start_all()
    (task_id,) = (await alice.get(f"/projects/{hello}/runs/1"))["tasks_waiting_approval"]
    path = f"/projects/{hello}/runs/1/tasks/{task_id}/actions"
    approve = {"action_type": "approve"}
    assert await alice.as_agola("PUT", f"/projects/{hello}/runs/1/tasks/none/actions", approve) == (
        400,
        b"[]",
    )
    assert await house.admin.failure("PUT", path, approve) == (403, "forbidden")
    answer = await alice.ask("PUT", path, approve)
    assert (answer.status_code, answer.content) == (200, b"")
    assert "content-type" not in answer.headers
    run = await alice.get(f"/projects/{hello}/runs/1")
    assert run["tasks_waiting_approval"] == []
    assert run["tasks"][task_id]["approved"]
    approvers = {"approvers": f'["{(await alice.get("/user"))["id"]}"]'}
    assert run["tasks"][task_id]["approval_annotations"] == approvers
    task = await alice.get(f"/projects/{hello}/runs/1/tasks/{task_id}")
    assert task["approval_annotations"] == approvers
    assert await alice.as_agola("PUT", path, approve) == (400, b"[]")
    assert "already" in (await alice.ask("PUT", path, approve)).json()[0]["message"]


async def test_a_task_is_rejected(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """It is skipped, and says by whom and why."""
    await house.push(hello, MAIN, files=GATED)
    await worker.start_all()
    (task_id,) = (await alice.get(f"/projects/{hello}/runs/1"))["tasks_waiting_approval"]
    explained = await alice.get(f"/projects/{hello}/runs/1/explain")
    assert explained["run"]["code"] == "running"
    (gate,) = [one["task"] for one in explained["tasks"] if one["id"] == task_id]
    assert gate == {
        "code": "waits_for_approval",
        "sentence": "waiting: somebody must approve it",
        "evidence": {"approvals": "0", "needed": "1"},
    }
    path = f"/projects/{hello}/runs/1/tasks/{task_id}/actions"
    assert await alice.failure("PUT", path, {"action_type": "reject", "reason": "x" * 501}) == (
        400,
        "badRequest",
    )
    reject = {"action_type": "reject", "reason": "not today"}
    assert (await alice.ask("PUT", path, reject)).status_code == 200
    task = (await alice.get(f"/projects/{hello}/runs/1"))["tasks"][task_id]
    assert (task["status"], task["reason"]) == ("skipped", "rejected by alice: not today")
    assert await alice.failure("PUT", path, reject) == (400, "runTaskNotWaitingApproval")


async def test_an_approval_may_come_early(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """Before its turn the task is only marked; a task that needs no approval gets none."""
    await house.push(hello, MAIN, files=GATED)
    tasks = (await alice.get(f"/projects/{hello}/runs/1"))["tasks"].values()
    gate, free = sorted(tasks, key=lambda task: str(task["name"]), reverse=True)
    approve = {"action_type": "approve"}
    answer = await alice.ask("PUT", f"/projects/{hello}/runs/1/tasks/{free['id']}/actions", approve)
    assert (answer.status_code, answer.json()[0]["message"]) == (400, "task 'free' needs no approval")
    path = f"/projects/{hello}/runs/1/tasks/{gate['id']}/actions"
    assert (await alice.ask("PUT", path, approve)).status_code == 200
    marked = (await alice.get(f"/projects/{hello}/runs/1"))["tasks"][gate["id"]]
    assert not marked["approved"]
    assert marked["approval_annotations"]
    await worker.start_all()
    run = await alice.get(f"/projects/{hello}/runs/1")
    assert run["tasks"][gate["id"]]["approved"]
    assert run["tasks_waiting_approval"] == []
