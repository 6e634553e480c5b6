"""The planner's child process: found files, limits, deaths, strangers, and its own end."""

import json
import os
import select
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from tests.planning.trees import Tree
from tidemill.core.context import Context
from tidemill.core.refs import branch
from tidemill.planning.frames import Limits
from tidemill.planning.planned import CANDIDATES, Planned
from tidemill.planning.planner import _SOME, Planner, _Small

pytestmark = pytest.mark.anyio

CONTEXT = Context(ref=branch("main"), commit_sha="a" * 40, environment={"CI": "true"})
RIGHT = b"runs: [{name: ci, tasks: [{name: a, runtime: {type: host}, steps: [run: make]}]}]"
FILE = ".tidemill/config.yml"


@pytest.fixture
async def planner() -> AsyncIterator[Planner]:
    planner = Planner()
    await planner.start()
    yield planner
    await planner.close()


async def test_the_first_plan_is_made_while_nobody_waits(planner: Planner) -> None:
    """By the child that makes the next one; what it reads for that is in order."""
    assert planner._warming
    assert planner._child
    await planner._warming
    pid = planner._child.pid
    assert (await planner.plan(_Small(), _SOME)).problems == ()
    assert planner._child.pid == pid


def names(planned: Planned) -> list[str]:
    return [plan.name for plan in planned.plans]


def named(path: str, name: str) -> bytes:
    """A configuration with one run, in the language of its file."""
    text = f'{{"runs": [{{"name": "{name}"}}]}}'
    return (f"def main(ctx):\n  return {text}" if path.endswith(".star") else text).encode()


async def child_of(planner: Planner) -> int:
    """The process that answers now."""
    await planner.plan(Tree({FILE: RIGHT}), CONTEXT)
    assert planner._child is not None
    return planner._child.pid


async def test_the_first_candidate_is_read(planner: Planner) -> None:
    """Ours before Agola's, and in each folder the languages before the data."""
    files = {path: named(path, str(number)) for number, path in enumerate(CANDIDATES)}
    for path in CANDIDATES:
        planned = await planner.plan(Tree(files), CONTEXT)
        assert planned.file == path
        assert names(planned) == [str(CANDIDATES.index(path))]
        del files[path]
    assert CANDIDATES[3:5] == (".tidemill/config.yml", ".tidemill/config.yaml")


async def test_without_a_candidate_there_is_nothing(planner: Planner) -> None:
    """No plan and no problem; other files do not count."""
    assert await planner.plan(Tree({"config.yml": RIGHT}), CONTEXT) == Planned()


async def test_plans_come_back_whole(planner: Planner) -> None:
    """With the environment of the context, and what was passed over."""
    planned = await planner.plan(Tree({FILE: RIGHT}), CONTEXT)
    assert planned.plans[0].environment == {"CI": "true"}
    assert planned.plans[0].tasks[0].name == "a"
    skipping = Context(ref=branch("main"), commit_sha="a", message="[ci skip]")
    assert "[ci skip]" in (await planner.plan(Tree({FILE: RIGHT}), skipping)).skipped[0]


async def test_many_may_ask_at_once(planner: Planner) -> None:
    """Each gets the answer to its own question."""
    found: dict[int, list[str]] = {}

    async def ask(number: int) -> None:
        found[number] = names(await planner.plan(Tree({FILE: b"runs: [{name: %d}]" % number}), CONTEXT))

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(ask, number)
    assert found == {number: [str(number)] for number in range(30)}


async def test_one_child_serves_many_questions(planner: Planner) -> None:
    """It is kept warm."""
    first = await child_of(planner)
    assert await child_of(planner) == first


async def test_a_killed_child_is_replaced_without_notice(planner: Planner) -> None:
    """Who kills it while it is idle is not the configuration."""
    first = await child_of(planner)
    os.kill(first, signal.SIGKILL)
    assert names(await planner.plan(Tree({FILE: RIGHT}), CONTEXT)) == ["ci"]
    assert await child_of(planner) != first


async def test_what_takes_too_long_is_a_problem() -> None:
    """The child is ended and the next configuration is read."""
    planner = Planner(Limits(seconds=0.05))
    slow = b"runs: [" + b"{name: x, tasks: []}, " * 30_000 + b"]"
    planned = await planner.plan(Tree({FILE: slow}), CONTEXT)
    assert "takes longer than 0.05 s" in planned.problems[0].message
    assert names(await planner.plan(Tree({FILE: RIGHT}), CONTEXT)) == ["ci"]
    await planner.close()


async def test_a_slow_configuration_does_not_hold_up_the_others() -> None:
    """They are read meanwhile, by children of their own, which end again."""
    planner = Planner(Limits(seconds=20))
    slow = Tree({".tidemill/config.jsonnet": b"local f(x) = f(x + 1) tailstrict; f(0)"})
    async with anyio.create_task_group() as group:
        group.start_soon(planner.plan, slow, CONTEXT)
        await anyio.lowlevel.checkpoint()
        with anyio.fail_after(15):
            for _ in range(2):
                assert names(await planner.plan(Tree({FILE: RIGHT}), CONTEXT)) == ["ci"]
        group.cancel_scope.cancel()
    assert names(await planner.plan(Tree({FILE: RIGHT}), CONTEXT)) == ["ci"]
    await planner.close()


async def test_what_needs_too_much_memory_is_a_problem() -> None:
    """It is refused by the child, which serves on."""
    planner = Planner(Limits(memory=128 * 1024 * 1024, seconds=30))
    many = b"runs: [" + b"{}," * 190_000 + b"]"
    planned = await planner.plan(Tree({FILE: many}), CONTEXT)
    assert "bytes of memory" in planned.problems[0].message
    assert names(await planner.plan(Tree({FILE: RIGHT}), CONTEXT)) == ["ci"]
    await planner.close()


async def test_plans_that_are_too_large_are_a_problem() -> None:
    """They would be stored and sent with every job."""
    planner = Planner(Limits(answer=100))
    planned = await planner.plan(Tree({FILE: RIGHT}), CONTEXT)
    assert "at most 100 are allowed" in planned.problems[0].message
    await planner.close()


async def test_a_child_that_always_dies_is_a_problem() -> None:
    """Two tries, then a sentence that says how it ended."""
    planner = Planner(Limits(seconds=-1))  # no alarm can be set to that: the child fails
    planned = await planner.plan(Tree({FILE: RIGHT}), CONTEXT)
    assert "the process that reads it ended with code 1" in planned.problems[0].message
    await planner.close()


async def test_a_cancelled_question_does_not_spoil_the_next(planner: Planner) -> None:
    """Its answer is never taken for another's."""
    await planner.plan(Tree({FILE: RIGHT}), CONTEXT)
    slow = b"runs: [" + b"{name: slow, tasks: []}, " * 5000 + b"]"
    for _ in range(3):
        with anyio.move_on_after(0.01):
            await planner.plan(Tree({FILE: slow}), CONTEXT)
        assert names(await planner.plan(Tree({FILE: RIGHT}), CONTEXT)) == ["ci"]


async def test_the_child_inherits_nothing(planner: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment, no open files, limits on memory and files."""
    monkeypatch.setenv("TIDEMILL_SECRET", "x")
    fresh = Planner()
    pid = await child_of(fresh)
    process = Path("/proc") / str(pid)
    assert b"SECRET" not in (process / "environ").read_bytes()
    assert {int(entry.name) for entry in (process / "fd").iterdir()} <= {0, 1, 2}
    await fresh.close()


async def test_a_hung_child_is_killed() -> None:
    """One that was stopped from outside cannot even be ended by its own alarm."""
    planner = Planner(Limits(seconds=0.1))
    os.kill(await child_of(planner), signal.SIGSTOP)
    planned = await planner.plan(Tree({FILE: RIGHT}), CONTEXT)
    assert "takes longer than 0.1 s" in planned.problems[0].message
    assert names(await planner.plan(Tree({FILE: RIGHT}), CONTEXT)) == ["ci"]
    await planner.close()


async def test_the_child_ends_with_the_server() -> None:
    """Also when the server is killed: its pipe closes."""
    program = (
        "import anyio, os, signal, sys\n"
        "from tidemill.planning.planner import _SOME, Planner, _Small\n"
        "from tests.planning.test_planner import child_of\n"
        "async def main():\n"
        "    planner = Planner()\n"
        "    print(await child_of(planner), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "anyio.run(main)\n"
    )
    root = Path(__file__).parents[2]
    boot = f"import sys; sys.path[:] = {json.dumps([str(root), *sys.path])}"
    server = await anyio.run_process([sys.executable, "-c", f"{boot}\n{program}"], check=False)
    assert server.returncode == -signal.SIGKILL
    await _gone(int(server.stdout))


async def _gone(pid: int) -> None:
    """Wait until the process has ended, by its descriptor."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready = await anyio.to_thread.run_sync(select.select, [descriptor], [], [], 30)
        assert ready[0], f"process {pid} is still there"
    finally:
        os.close(descriptor)
