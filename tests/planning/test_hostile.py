"""Configurations that mean harm: each ends in a clear problem within its limits, and the next one is read."""

import itertools
from collections.abc import AsyncIterator

import anyio
import pytest

from tests.planning.trees import Tree
from tidemill.core.context import Context
from tidemill.core.refs import branch
from tidemill.planning.frames import Limits
from tidemill.planning.planned import Planned
from tidemill.planning.planner import Planner

pytestmark = pytest.mark.anyio

CONTEXT = Context(ref=branch("main"), commit_sha="a" * 40)
JSONNET, STARLARK, YAML = (f".tidemill/config.{extension}" for extension in ("jsonnet", "star", "yml"))
RIGHT = {YAML: b"runs: [{name: ci}]"}
SECONDS = 1.5

MEMORY = f"needs more than {Limits().memory} bytes of memory"
TIME = f"takes longer than {SECONDS:g} s"
DEEP = "nested too deeply"


def returning(value: str) -> str:
    return f"def main(ctx):\n  return {{'runs': {value}}}\n"


@pytest.fixture(scope="module")
async def planner(anyio_backend: str) -> AsyncIterator[Planner]:
    """One for all of them: none spoils it for the next."""
    made = Planner(Limits(seconds=20))  # this machine may have much else to do
    yield made
    await made.close()


@pytest.fixture(scope="module")
async def hasty(anyio_backend: str) -> AsyncIterator[Planner]:
    """One for what would not end."""
    made = Planner(Limits(seconds=SECONDS))
    yield made
    await made.close()


async def problem(planner: Planner, file: str, text: str) -> str:
    """What becomes of *text*; afterwards a right configuration is read."""
    with anyio.fail_after(30):
        planned: Planned = await planner.plan(Tree({file: text.encode()}), CONTEXT)
        after = await planner.plan(Tree(RIGHT), CONTEXT)
    assert [plan.name for plan in after.plans] == ["ci"]
    assert planned.plans == ()
    return str(planned.problems[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("std.repeat('x', 2147483648)", MEMORY),
        ("local d(s, n) = if n == 0 then s else d(s + s, n - 1); d('xxxxxxxxxxxxxxxx', 27)", MEMORY),
        ("std.makeArray(2000000000, function(i) i)", MEMORY),
        ("[i for i in std.range(1, 1000000000)]", MEMORY),
        ("{[std.toString(i)]: i for i in std.range(1, 100000000)}", MEMORY),
        ("local f(x) = 1 + f(x); f(0)", "max stack frames exceeded"),
        ("local f(n) = {a: f(n + 1)}; f(0)", "max stack frames exceeded"),
        ("[" * 100_000, "parse depth limit"),
        ("1" + "+1" * 100_000, DEEP),
        ("local d(s, n) = if n == 0 then s else d(s + s, n - 1); d('x', 20)", "at most 1048576 are allowed"),
    ],
)
async def test_jsonnet(planner: Planner, text: str, expected: str) -> None:
    """Strings of gigabytes, lists without end, loops, and depth of every kind."""
    assert expected in await problem(planner, JSONNET, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (returning("'x' * 2147483648"), "too big"),
        (returning("['x' * 100000000 + str(i) for i in range(20)]"), MEMORY),
        (returning("[x for x in range(1000000000)]"), MEMORY),
        (returning("[1] * 1000000000"), MEMORY),
        (returning("list(range(2000000000))"), MEMORY),
        (returning("','.join(['x' * 1000000] * 3000)"), MEMORY),
        ("def f(x):\n  return f(x)\ndef main(c):\n  return f(c)", "call stack overflow"),
        ("def f(x):\n  return g(x)\ndef g(x):\n  return f(x)\ndef main(c):\n  return f(c)", "stack overflow"),
        ("def main(c):\n  x = []\n  for i in range(1000000):\n    x = [x]\n  return {'a': str(x)}", DEEP),
        (returning("[" * 100_000 + "]" * 100_000), DEEP),
        (returning("'x' * 2000000"), "at most 1048576 are allowed"),
    ],
)
async def test_starlark(planner: Planner, text: str, expected: str) -> None:
    """The same by its own means."""
    assert expected in await problem(planner, STARLARK, text)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (JSONNET, "local f(x) = f(x + 1) tailstrict; f(0)"),
        (STARLARK, "def main(c):\n  for i in range(2000000000):\n    for j in range(9):\n      pass\n"),
        (STARLARK, "def main(c):\n  x = [1]\n  for i in range(60):\n    x = [x, x]\n  return {'runs': x}"),
        (STARLARK, "def main(c):\n  x = 3\n  for i in range(100):\n    x = x * x\n  return {}"),
    ],
)
async def test_what_would_not_end(hasty: Planner, file: str, text: str) -> None:
    """Its time is over, or its memory before that."""
    found = await problem(hasty, file, text)
    assert TIME in found or MEMORY in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[" * 60_000, "nested more than 100 levels deep"),
        ("{a: " * 60_000, "nested more than 100 levels deep"),
        (
            "a: &a [x]\n"
            + "".join(
                f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in itertools.pairwise("abcdefghi")
            ),
            "more than 200000 values, aliases unfolded",
        ),
        ("runs: &a [*a]", "contains itself"),
        ("a: 1\n" * 60_000, "more like these"),
    ],
)
async def test_yaml(planner: Planner, text: str, expected: str) -> None:
    """Brackets, bombs of aliases, and keys over and over."""
    with anyio.fail_after(30):
        planned = await planner.plan(Tree({YAML: text.encode()}), CONTEXT)
    assert any(expected in str(problem) for problem in planned.problems)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (JSONNET, 'importstr "/etc/passwd"'),
        (JSONNET, 'import "../../x"'),
        (JSONNET, 'importbin "/proc/self/environ"'),
        (STARLARK, "load('/etc/passwd', 'root')"),
        (STARLARK, "load('../../../etc/passwd', 'root')"),
        (YAML, "include: [../../etc/passwd]"),
        (YAML, "include: [/etc/passwd]"),
    ],
)
async def test_ways_out_of_the_repository(planner: Planner, file: str, text: str) -> None:
    """Refused in the child: nobody is even asked for such a file."""
    tree = Tree({file: text.encode()})
    planned = await planner.plan(tree, CONTEXT)
    assert planned.plans == ()
    assert planned.problems[0].path == file
    assert len(tree.asked) == 1


async def test_what_evaluators_print_does_not_stop_them(planner: Planner) -> None:
    """Megabytes of it go nowhere."""
    loud = "std.filter(function(n) std.trace(std.repeat('x', 1000), false), std.range(1, 2000))"
    text = f"{{runs: [{{name: 'a', tasks: {loud}}}]}}"
    planned = await planner.plan(Tree({JSONNET: text.encode()}), CONTEXT)
    assert [plan.name for plan in planned.plans] == ["a"]
    text = "def main(c):\n  for i in range(2000):\n    print('x' * 1000)\n  return {'runs': [{'name': 'b'}]}"
    planned = await planner.plan(Tree({STARLARK: text.encode()}), CONTEXT)
    assert [plan.name for plan in planned.plans] == ["b"]


async def test_hunger_does_not_stay(planner: Planner) -> None:
    """A child that has once needed much is replaced: it may not give all of it back."""
    much = returning("[]") + "x = ['y' * 1000000 + str(i) for i in range(50)]\n"
    await planner.plan(Tree(RIGHT), CONTEXT)
    assert planner._child is not None
    before = planner._child.pid
    assert "no runs defined" in await problem(planner, STARLARK, much)
    assert planner._child.pid != before
