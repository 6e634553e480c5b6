"""What an evaluation gets from its source: bounded, patient, and never a failure as absence."""

from collections.abc import AsyncIterator, Mapping, Sequence

import anyio
import pytest

from tests.planning.trees import Tree
from tidemill.core.context import Context
from tidemill.core.refs import branch
from tidemill.errors import Internal, NotFound, Unavailable
from tidemill.planning.frames import Limits
from tidemill.planning.planned import CANDIDATES, Planned
from tidemill.planning.planner import Planner

pytestmark = pytest.mark.anyio

CONTEXT = Context(ref=branch("main"), commit_sha="a" * 40)
YAML, JSONNET, STARLARK = (f".tidemill/config.{extension}" for extension in ("yml", "jsonnet", "star"))
IMPORTING = b"{runs: [{name: (import 'lib.libsonnet')}]}"
LIBRARY = ".tidemill/lib.libsonnet"
LARGE = b"#" * (1024 * 1024 + 1)


@pytest.fixture(scope="module")
async def planner(anyio_backend: str) -> AsyncIterator[Planner]:
    made = Planner()
    yield made
    await made.close()


def names(planned: Planned) -> list[str]:
    assert planned.problems == ()
    return [plan.name for plan in planned.plans]


class Failing(Tree):
    """A tree that fails when it is asked for *path*, as often as it has failures."""

    def __init__(self, files: Mapping[str, bytes], path: str, *failures: Exception) -> None:
        super().__init__(files)
        self._path = path
        self.failures = list(failures)

    async def files(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        if self._path in paths and self.failures:
            raise self.failures.pop(0)
        return await super().files(paths)

    async def changed(self) -> tuple[str, ...] | None:
        if self.failures:
            raise self.failures.pop(0)
        return await super().changed()


class Slow(Tree):
    """A tree that answers questions after the first one only when it is told to."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(files)
        self.is_asked = anyio.Event()
        self.may_answer = anyio.Event()

    async def files(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        if self.asked:
            self.is_asked.set()
            await self.may_answer.wait()
        return await super().files(paths)


async def test_all_candidates_are_asked_for_at_once(planner: Planner) -> None:
    """And nothing else, when nothing else is wanted."""
    tree = Tree({YAML: b"runs: [{name: a}]"})
    assert names(await planner.plan(tree, CONTEXT)) == ["a"]
    assert tree.asked == [CANDIDATES]
    assert tree.asked_for_changes == 0


async def test_a_file_may_be_named(planner: Planner) -> None:
    """Then no other is looked for."""
    tree = Tree({YAML: b"runs: [{name: a}]", "ci/x.json": b'{"runs": [{"name": "b"}]}'})
    planned = await planner.plan(tree, CONTEXT, file="ci/x.json")
    assert (planned.file, names(planned)) == ("ci/x.json", ["b"])
    assert await planner.plan(tree, CONTEXT, file="ci/no.json") == Planned()


async def test_warnings_are_errors_when_asked_strictly(planner: Planner) -> None:
    """Of the same file."""
    tree = Tree({".agola/config.yml": b"runs: [{name: a}]\nruns: [{name: b}]"})
    relaxed = await planner.plan(tree, CONTEXT)
    assert (names(relaxed), len(relaxed.warnings)) == (["b"], 1)
    strict = await planner.plan(tree, CONTEXT, strict=True)
    assert (strict.plans, len(strict.problems)) == ((), 1)


@pytest.mark.parametrize(
    "failure", [Unavailable("away"), Internal("git broke"), NotFound("no commit", code="commitDoesNotExist")]
)
@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({STARLARK: b"", YAML: b"runs: [{name: a}]"}, STARLARK),
        ({JSONNET: IMPORTING, LIBRARY: b"'lib'"}, LIBRARY),
        ({YAML: b"include: [a.yml]", "a.yml": b"runs: [{name: lib}]"}, "a.yml"),
        ({STARLARK: b"load('//a.star', 'x')", "a.star": b"x = 1"}, "a.star"),
        ({YAML: b"runs: [{name: a, when: {paths: ['**']}}]"}, ""),
    ],
)
async def test_a_failure_is_raised_and_no_absence(
    planner: Planner, failure: Exception, files: dict[str, bytes], path: str
) -> None:
    """Whenever it happens; neither another candidate is taken nor is there no configuration."""
    with pytest.raises(type(failure)) as caught:
        await planner.plan(Failing(files, path, failure), CONTEXT)
    assert caught.value is failure


async def test_after_a_failure_the_same_is_planned(planner: Planner) -> None:
    """Trying again is all that is needed."""
    tree = Failing({JSONNET: IMPORTING, LIBRARY: b"'lib'"}, LIBRARY, Unavailable("away"))
    with pytest.raises(Unavailable):
        await planner.plan(tree, CONTEXT)
    assert names(await planner.plan(tree, CONTEXT)) == ["lib"]


async def test_the_time_of_the_child_stands_still_while_it_waits() -> None:
    """However long the files take, as long as they come."""
    planner = Planner(Limits(seconds=0.3))
    tree = Slow({JSONNET: IMPORTING, LIBRARY: b"'lib'"})
    async with anyio.create_task_group() as group:

        async def answer_late() -> None:
            await tree.is_asked.wait()
            with anyio.move_on_after(1.0):  # longer than the child's time
                await anyio.Event().wait()
            tree.may_answer.set()

        group.start_soon(answer_late)
        assert names(await planner.plan(tree, CONTEXT)) == ["lib"]
    await planner.close()


async def test_patience_has_an_end() -> None:
    """A source that does not answer is one that fails."""
    planner = Planner(Limits(patience=0.05))
    with pytest.raises(Unavailable, match=r"not read within 0\.05 s"):
        await planner.plan(Slow({JSONNET: IMPORTING}), CONTEXT)
    assert names(await planner.plan(Tree({YAML: b"runs: [{name: a}]"}), CONTEXT)) == ["a"]
    await planner.close()


async def test_a_question_given_up_while_files_are_fetched_does_not_spoil_the_next(planner: Planner) -> None:
    """Its child is not asked again."""
    tree = Slow({JSONNET: IMPORTING})
    async with anyio.create_task_group() as group:
        group.start_soon(planner.plan, tree, CONTEXT)
        await tree.is_asked.wait()
        group.cancel_scope.cancel()
    assert names(await planner.plan(Tree({YAML: b"runs: [{name: a}]"}), CONTEXT)) == ["a"]


async def test_files_are_counted() -> None:
    """Beyond the bound the import that asks for one more is shown."""
    planner = Planner(Limits(files=3))
    files = {f".tidemill/{n}": b"'x'" for n in range(5)}
    for count, is_allowed in ((3, True), (4, False)):
        listed = ", ".join(f"(import '{n}')" for n in range(count))
        text = f"local all = [{listed}]; {{runs: [{{name: std.join('', all)}}]}}"
        planned = await planner.plan(Tree({JSONNET: text.encode(), **files}), CONTEXT)
        if is_allowed:
            assert names(planned) == ["xxx"]
        else:
            assert "more than 3 files are asked for" in planned.problems[0].message
            assert planned.problems[0].line == 1
    await planner.close()


async def test_bytes_are_counted_and_little_more_is_fetched() -> None:
    """Files come in portions, and none after the bound."""
    planner = Planner(Limits(contents=1500))
    files = {f"{n}.yml": b"#" * 1000 for n in range(40)}
    tree = Tree({YAML: f"include: [{', '.join(files)}]".encode(), **files})
    planned = await planner.plan(tree, CONTEXT)
    assert "more than 1500 bytes are asked for" in planned.problems[0].message
    assert sum(len(paths) for paths in tree.asked[1:]) == 8
    await planner.close()


@pytest.mark.parametrize(
    ("files", "file"),
    [
        ({YAML: LARGE}, YAML),
        ({YAML: LARGE, ".agola/config.yml": b"runs: [{name: a}]"}, YAML),
        ({YAML: b"include: [a.yml]\nruns: []", "a.yml": LARGE}, YAML),
        ({JSONNET: IMPORTING, LIBRARY: LARGE}, JSONNET),
    ],
)
async def test_a_file_that_is_too_large_is_a_problem(
    planner: Planner, files: dict[str, bytes], file: str
) -> None:
    """Of the configuration, not of the source."""
    planned = await planner.plan(Tree(files), CONTEXT)
    assert planned.problems[0].path == file
    assert "1048577 bytes" in planned.problems[0].message


async def test_a_large_file_that_nobody_reads_harms_nobody(planner: Planner) -> None:
    """A candidate of lower precedence may be of any size."""
    tree = Tree({YAML: b"runs: [{name: a}]", ".agola/config.yml": LARGE})
    assert names(await planner.plan(tree, CONTEXT)) == ["a"]


async def test_changed_files_reach_the_child(planner: Planner) -> None:
    """When a `when` asks for them; not known is not none."""
    text = b"runs: [{name: src, when: {paths: ['src/**']}}, {name: all}]"
    for changed, expected in ((("src/x",), ["src", "all"]), (("doc",), ["all"]), (None, ["src", "all"])):
        assert names(await planner.plan(Tree({YAML: text}, changed), CONTEXT)) == expected
