"""Each repository of examples/ is without problems and makes the runs that it is there to show."""

from collections.abc import AsyncIterator

import pytest

from tests.examples.repositories import EXAMPLES, files_of, outline
from tests.planning.trees import Tree
from tidemill.core.context import Context, Event
from tidemill.core.refs import Ref, RefType, branch, tag
from tidemill.planning.planner import Planner

pytestmark = pytest.mark.anyio

COMMIT = "a" * 40
MAIN = Context(ref=branch("main"), commit_sha=COMMIT)
#: What Agola ignores silently is told of.
WARNINGS = {
    "agola-yaml": [
        ".agola/config.yml:2:1: `version` is ignored in `.agola/`: move the configuration to `.tidemill/`",
        (
            ".agola/config.yml:18:15: unknown key `auth` of a container: there are"
            " `image`, `environment`, `user`, `privileged`, `entrypoint`, `volumes`"
        ),
    ],
}
ON_MAIN = {
    "agola-jsonnet": """
run app build/test
  build go 1.24 amd64
  build go 1.24 arm64
  build go 1.25 amd64
  build go 1.25 arm64
  build image 1.24 <- build go 1.24 amd64 -- `when.branch` includes `master`, this is `main`
  build image 1.25 <- build go 1.25 amd64 -- `when.branch` includes `master`, this is `main`
""",
    "agola-yaml": """
run run
  build
  deploy <- build -- `when.branch` includes `master`, this is `main`
""",
    "cache": """
run cache
  dependencies
""",
    "graph": """
run build and tell
  compile
  unit tests <- compile
  flaky benchmark <- compile
  publish <- unit tests
  explain the failure <- flaky benchmark (on_failure)
  clean up <- unit tests (always), flaky benchmark (always)
""",
    "hello": """
run hello
  greet
""",
    "include": """
run checks
  lint
run package
  package
run summary
  tell
""",
    "inputs": """
run deploy
  deploy
""",
    "jsonnet": """
run made by functions
  format
  types
  imports
  shard 1 of 2 <- types
  shard 2 of 2 <- types
  publish <- shard 1 of 2, shard 2 of 2
""",
    "matrix": """
run matrix
  test (python=3.11, database=sqlite)
  test (python=3.12, database=sqlite)
  test (python=3.12, database=postgresql)
  test (python=3.13, database=sqlite)
  report <- test (python=3.11, database=sqlite), test (python=3.12, database=sqlite), test (python=3.12, database=postgresql), test (python=3.13, database=sqlite)
""",
    "services": """
run integration
  integration
  deploy <- integration
""",
    "starlark": """
run services
  build api
  build web
  integrate <- build api, build web
""",
    "steps": """
run steps
  careful
    step 3 -- `when` has no condition for a branch, this is the branch `main`
""",
    "when": """
run checks
  lint
  documentation
  end to end
    step 2 -- `when.event` includes `manual`, this is `push`
no run release -- not made: `when` has no condition for a branch, this is the branch `main`
""",
    "workspace": """
run workspace
  build
  use <- build
""",
}
PULL_REQUEST = Ref(type=RefType.PULL_REQUEST, name="7", full="refs/pull/7/head")
ELSEWHERE = {
    "when, on a tag": (
        "when",
        Context(ref=tag("v1.2.3"), commit_sha=COMMIT),
        r"""
run release
  publish
no run checks -- not made: `when.ref` includes `/refs/pull/\d+/head/`, this is `refs/tags/v1.2.3`
""",
    ),
    "when, on a branch that is excluded": (
        "when",
        Context(ref=branch("wip/a/b"), commit_sha=COMMIT),
        """
no run checks -- not made: `when.branch` excludes `wip/**`, this is `wip/a/b`
no run release -- not made: `when` has no condition for a branch, this is the branch `wip/a/b`
""",
    ),
    "when, for a pull request": (
        "when",
        Context(ref=PULL_REQUEST, commit_sha=COMMIT, event=Event.PULL_REQUEST, changed_files=("README.md",)),
        """
run checks
  lint
  documentation
  end to end -- `when` has no condition for a pull request, this is the pull request `7`
no run release -- not made: `when` has no condition for a pull request, this is the pull request `7`
""",
    ),
    "when, with changes beside the documentation": (
        "when",
        Context(ref=branch("topic"), commit_sha=COMMIT, changed_files=("src/a.c",)),
        """
run checks
  lint
  documentation -- `when.paths` is `docs/**`, `*.md`, which no changed file matches
  end to end -- `when.branch` includes `main`, `release/*`, this is `topic`
no run release -- not made: `when` has no condition for a branch, this is the branch `topic`
""",
    ),
    "when, by hand, with a word in the message": (
        "when",
        Context(ref=branch("release/1"), commit_sha=COMMIT, message="Fix [quick]", event=Event.MANUAL),
        r"""
run checks
  lint
  documentation
  end to end -- `when.message` excludes `/\[quick\]/`, this is `Fix [quick]`
no run release -- not made: `when` has no condition for a branch, this is the branch `release/1`
""",
    ),
    "steps, on a tag": (
        "steps",
        Context(ref=tag("v1"), commit_sha=COMMIT),
        """
run steps
  careful
""",
    ),
    "jsonnet, on another branch": (
        "jsonnet",
        Context(ref=branch("topic"), commit_sha=COMMIT),
        """
run made by functions
  format
  types
  imports
  shard 1 of 2 <- types
  shard 2 of 2 <- types
""",
    ),
    "agola-jsonnet, on a tag": (
        "agola-jsonnet",
        Context(ref=tag("v1.0"), commit_sha=COMMIT),
        """
run app build/test
  build go 1.24 amd64
  build go 1.24 arm64
  build go 1.25 amd64
  build go 1.25 arm64
  build image 1.24 <- build go 1.24 amd64
  build image 1.25 <- build go 1.25 amd64
""",
    ),
    "agola-jsonnet, on a branch that is excluded": (
        "agola-jsonnet",
        Context(ref=branch("wip-x"), commit_sha=COMMIT),
        """
no run app build/test -- not made: `when.branch` excludes `/^wip-/`, this is `wip-x`
""",
    ),
}


@pytest.fixture(scope="module")
async def planner() -> AsyncIterator[Planner]:
    planner = Planner()
    await planner.start()
    yield planner
    await planner.close()


@pytest.mark.parametrize("example", EXAMPLES)
async def test_an_example_makes_the_runs_that_it_shows(planner: Planner, example: str) -> None:
    """For the branch main, with its graph, and with nothing to complain about."""
    planned = await planner.plan(Tree(files_of(example)), MAIN)
    assert [str(problem) for problem in planned.problems] == []
    assert [str(warning) for warning in planned.warnings] == WARNINGS.get(example, [])
    assert outline(planned) == ON_MAIN[example].strip()


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_an_example_depends_on_the_occasion(planner: Planner, name: str) -> None:
    """On other refs, for other events, with other changes it makes something else."""
    example, context, expected = ELSEWHERE[name]
    planned = await planner.plan(Tree(files_of(example)), context)
    assert outline(planned) == expected.strip()
