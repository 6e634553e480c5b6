"""docs/run-configuration.md is true: its examples are plans, its tables are the keys that there are."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.docs.blocks import PAGE, Block, blocks
from tests.planning.trees import Tree
from tidemill.core.context import Context
from tidemill.core.definition.keys import run, step, task, when
from tidemill.core.definition.keys.kind import Key, Kind
from tidemill.core.refs import branch
from tidemill.planning.planner import Planner

CONTEXT = Context(ref=branch("main"), commit_sha="a" * 40, changed_files=("docs/index.md",))
INCLUDED = {
    "ci/checks.yml": b"runs: [{name: checks}]",
    "ci/package.jsonnet": b"function(ctx) {runs: [{name: 'package'}]}",
}
#: Tables whose first column holds keys, by the heading above them and the kind that they describe.
TABLES = {
    "The file": run.WHOLE,
    "Runs": run.RUN,
    "Inputs": run.INPUT,
    "Tasks": task.TASK,
    "Matrix": task.MATRIX,
    "Runtime": task.RUNTIME,
    "Steps": Kind(name="steps", what="any step", keys=step.COMMON),
    "When": when.WHEN,
}
#: Kinds that have no table of their own: under which heading their keys are named.
NAMED = {
    "Registries": [run.REGISTRY],
    "Runs": [run.CONCURRENCY],
    "Tasks": [task.RETRY, task.APPROVAL],
    "Dependencies": [task.DEPEND],
    "Runtime": [task.RESOURCES, task.CONTAINER, task.READINESS, task.VOLUME, task.TMPFS],
    "Values": [run.VALUE],
    "When": [when.CONDITIONS],
    "Workspaces": [step.CONTENT],
}
_CELL = re.compile(r"`([^`]+)`")


@pytest.fixture(scope="module")
async def planner() -> AsyncIterator[Planner]:
    planner = Planner()
    await planner.start()
    yield planner
    await planner.close()


@pytest.mark.anyio
@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.id)
async def test_an_example_is_planned(planner: Planner, block: Block) -> None:
    """Without errors and without warnings, into at least one run."""
    files = {block.file: block.whole.encode()} | (INCLUDED if "file=include" in block.info else {})
    planned = await planner.plan(Tree(files), CONTEXT)
    assert [str(problem) for problem in (*planned.problems, *planned.warnings)] == []
    assert planned.plans


def sections() -> dict[str, str]:
    """The text under each heading."""
    parts = re.split(r"^#+ (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(section: str, first: str) -> Iterator[list[str]]:
    """The rows of the tables in *section* whose first column is called *first*."""
    for table in re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE):
        head, _, *body = (
            [cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()
        )
        if head[0] == first:
            yield from body


@pytest.mark.parametrize("heading", TABLES)
def test_a_table_names_the_keys_that_there_are(heading: str) -> None:
    """Every one of them and no other, and says which are ours."""
    said = {
        name: any(cell.startswith("*ours*") for cell in row)
        for row in rows(sections()[heading], "key")
        for name in _CELL.findall(row[0])
    }
    there: dict[str, Key] = TABLES[heading].keys
    beside = {"name"} if heading == "Steps" else set()  # the sentence above the table has it
    assert said == {name: key.ours for name, key in there.items() if name not in beside}


def test_the_table_of_steps_names_every_kind_with_its_keys() -> None:
    """And no other kind, and no other key."""
    said = {
        _CELL.findall(row[0])[0]: (set(_CELL.findall(row[1])), row[2].startswith("*ours*"))
        for row in rows(sections()["Steps"], "kind")
    }
    assert said == {
        name: (set(kind.keys) - set(step.COMMON), name in step.OURS) for name, kind in step.STEPS.items()
    }


@pytest.mark.parametrize("heading", NAMED)
def test_other_keys_are_named_where_they_belong(heading: str) -> None:
    """Each key of a kind that has no table stands under its heading, in the text or in an example."""
    section = sections()[heading]
    missing = [
        f"{kind.name}.{key}"
        for kind in NAMED[heading]
        for key in kind.keys
        if not re.search(rf"`{key}`|\b{key}:", section)
    ]
    assert missing == []


def test_every_kind_of_mapping_is_described() -> None:
    """A kind that is new in the tables must be given its place here and on the page."""
    described = {kind.name for kind in TABLES.values()} | {
        kind.name for kinds in NAMED.values() for kind in kinds
    }
    there = {
        thing.name
        for module in (run, step, task, when)
        for thing in vars(module).values()
        if isinstance(thing, Kind)
    }
    assert there - described - {when.EVENT_CONDITIONS.name} == set()
