"""The inbox: each push becomes what it becomes once, in order, whatever fails."""

import anyio
import pytest

from tests.conftest import Clock
from tests.services.gateway.conftest import CONFIGURATION, House, Person, hasty, project, pushes_of, runs_of
from tidemill.contracts.pushes import RefUpdate
from tidemill.contracts.runservice import CreateRuns, NewRun, Runservice
from tidemill.core.plan import Plan
from tidemill.services.gateway.inbox import ATTEMPTS

pytestmark = pytest.mark.anyio

MAIN = "refs/heads/main"
NONE = "0" * 40


async def test_a_push_that_is_told_twice_makes_one_run(house: House, alice: Person, hello: str) -> None:
    """Also when it is told again at the same moment, and much later."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    push = house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))
    outcomes = []

    async def tell() -> None:
        outcomes.append(await house.gateway.pushed(push))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(tell)
    await tell()
    assert len({outcome.runs for outcome in outcomes}) == 1
    assert len(await runs_of(alice, hello)) == 1
    assert len(await pushes_of(alice, hello)) == 1


async def test_work_that_was_torn_makes_one_run(
    house: House, alice: Person, hello: str, runservice: Runservice
) -> None:
    """A ref that was triggered and not recorded, as in a crash, is triggered again with its key."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    push = house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))
    await runservice.create_runs(
        CreateRuns(
            key=f"{push.id}/{MAIN}",
            group=f"/project/{hello}/branch/main",
            runs=(NewRun(name="main", plan=Plan(name="main")),),
        )
    )
    outcome = await house.gateway.pushed(push)
    assert [run.number for run in outcome.runs] == [1]
    assert len(await runs_of(alice, hello)) == 1


async def test_a_push_outlives_a_gitserver_that_is_away(
    house: House, alice: Person, hello: str, clock: Clock
) -> None:
    """The pusher is told; others go on; it becomes a run when the gitserver is back."""
    other = str((await project(alice, "other"))["id"])
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    push = house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))
    house.git.is_away = True
    (waiting,) = (await house.gateway.pushed(hasty(push))).notes
    assert "still working on it" in waiting
    with anyio.fail_after(10):
        while not (moved := (await pushes_of(alice, hello))[0]["refs"][0])["note"]:
            await house.gateway.pushed(hasty(push))
    assert moved["state"] == "pending"
    assert "the gitserver is away; trying again" in moved["note"]
    house.git.is_away = False
    assert [run.number for run in (await house.push(other, MAIN)).runs] == [1]
    assert await runs_of(alice, hello) == []
    clock.advance(120)
    house.gateway._inbox._bell.ring()
    assert [run.number for run in (await house.gateway.pushed(push)).runs] == [1]


async def test_a_ref_that_cannot_be_worked_on_is_set_aside(
    house: House, alice: Person, hello: str, clock: Clock
) -> None:
    """After some attempts, visibly; the next push to the same ref goes on."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    del house.git.contents[sha]  # the script's own KeyError: a bug, as far as the inbox can see
    push = house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))
    with anyio.fail_after(20):
        while not (outcome := await house.gateway.pushed(hasty(push))).is_complete:
            clock.advance(120)
            house.gateway._inbox._bell.ring()
    assert "no run was made: internal error" in outcome.notes[0]
    (moved,) = (await pushes_of(alice, hello))[0]["refs"]
    assert moved["state"] == "failed"
    assert ATTEMPTS > 1
    assert [run.number for run in (await house.push(hello, MAIN)).runs] == [1]


async def test_a_push_to_a_project_that_is_gone_is_over(house: House, alice: Person, hello: str) -> None:
    """It says so instead of trying for ever."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    await alice.ask("DELETE", f"/projects/{hello}")
    outcome = await house.gateway.pushed(house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha)))
    assert outcome.is_complete
    assert "the project was deleted meanwhile" in outcome.notes[0]


async def test_pushes_to_one_ref_become_runs_in_their_order(house: House, alice: Person, hello: str) -> None:
    """However many are waiting, and however long the first one takes."""
    shas = [house.git.commit_to(hello, MAIN, f"{n:040x}", CONFIGURATION) for n in range(1, 11)]
    for sha in shas:
        await house.gateway.pushed(hasty(house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))))
    await house.push(hello, MAIN)
    made = [run["annotations"]["commit_sha"] for run in await runs_of(alice, hello)]
    assert made[:10] == shas


async def test_fifty_pushes_at_once_to_five_projects(house: House, alice: Person) -> None:
    """Fifty runs, numbered without gaps in each project, none twice."""
    projects = [str((await project(alice, f"p{n}"))["id"]) for n in range(5)]
    outcomes = []

    async def push(id: str, branch: int) -> None:
        outcomes.append(await house.push(id, f"refs/heads/branch{branch}"))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for branch in range(10):
                for one in projects:
                    group.start_soon(push, one, branch)
    assert all(outcome.is_complete and len(outcome.runs) == 1 for outcome in outcomes)
    for one in projects:
        runs = await runs_of(alice, one)
        assert [run["number"] for run in runs] == list(range(1, 11))
        assert len({run["annotations"]["branch"] for run in runs}) == 10


async def test_records_of_pushes_are_newest_first(house: House, alice: Person, hello: str) -> None:
    """As many as asked for."""
    for n in range(4):
        await house.push(hello, f"refs/heads/b{n}", files={})
    shown = (await alice.get(f"/projects/{hello}/pushes?limit=3"))["pushes"]
    assert [record["refs"][0]["ref"] for record in shown] == [f"refs/heads/b{n}" for n in (3, 2, 1)]
    assert list(shown[0]) == ["id", "pusher", "received_at", "refs"]


async def test_records_of_pushes_come_in_pages(house: House, alice: Person, hello: str) -> None:
    """Each once, whatever is pushed meanwhile; the last page has no cursor."""
    for n in range(5):
        await house.push(hello, f"refs/heads/b{n}", files={})
    refs, cursor = [], ""
    for _ in range(3):
        page = await alice.get(f"/projects/{hello}/pushes?limit=2&cursor={cursor}")
        refs += [record["refs"][0]["ref"][-1] for record in page["pushes"]]
        cursor = page["cursor"]
        await house.push(hello, "refs/heads/later", files={})
    assert (refs, cursor) == (["4", "3", "2", "1", "0"], "")
