"""A configuration and what it includes: merged, with every problem in the file and line that it is from."""

from typing import Any

import pytest

from tests.planning.trees import Shelf
from tidemill.core.context import Context
from tidemill.core.definition.nouns import Dialect
from tidemill.core.refs import branch
from tidemill.planning.documents import Setting
from tidemill.planning.evaluate import evaluate
from tidemill.planning.frames import Question
from tidemill.planning.including import gather
from tidemill.planning.planned import Planned
from tidemill.planning.repository import Commit

CONTEXT = Context(ref=branch("main"), commit_sha="a" * 40)
MAIN = ".tidemill/config.yml"


def planned(text: str, files: dict[str, str] | None = None) -> Planned:
    shelf = Shelf({path: content.encode() for path, content in (files or {}).items()})
    return evaluate(Question(file=MAIN, raw=text.encode(), context=CONTEXT), shelf)


def problems(text: str, files: dict[str, str] | None = None) -> list[str]:
    return [str(problem) for problem in planned(text, files).problems]


def data(text: str, files: dict[str, str]) -> Any:
    shelf = Shelf({path: content.encode() for path, content in files.items()})
    setting = Setting(CONTEXT, Dialect.TIDEMILL, Commit(shelf, None))
    whole, found = gather(MAIN, text.encode(), setting)
    assert whole is not None, found
    return whole.data


def test_included_runs_come_first() -> None:
    """In the order in which they are named, those that they include before them; every format will do."""
    files = {
        "ci/a.yml": "include: ci/deep.json\nruns: [{name: a}]",
        "ci/deep.json": '{"runs": [{"name": "deep"}]}',
        "ci/b.jsonnet": "function(ctx) {runs: [{name: 'b ' + ctx.branch}]}",
        "ci/c.star": "def main(ctx):\n  return {'runs': [{'name': 'c ' + ctx['branch']}]}",
        "ci/empty.yml": "",
    }
    found = planned("include: [ci/a.yml, ci/b.jsonnet, ci/c.star, ci/empty.yml]\nruns: [{name: own}]", files)
    assert [plan.name for plan in found.plans] == ["deep", "a", "b main", "c main", "own"]
    assert found.file == MAIN


def test_mappings_merge_and_the_including_file_wins() -> None:
    """Entry by entry; what is not a mapping is replaced whole, nothing replaces nothing."""
    files = {
        "a.yml": "variables: {x: a, 'on': a}\ntask_timeout_interval: 1s\nother: 1",
        "b.yml": "variables: {x: b, z: b}",
    }
    assert data("include: [a.yml, b.yml]\nRuns: []\nvariables: {z: own}\nother: ~", files) == {
        "include": ["a.yml", "b.yml"],
        "variables": {"x": "b", "on": "a", "z": "own"},
        "task_timeout_interval": "1s",
        "other": 1,
        "runs": [],
    }


def test_a_file_that_two_include_is_read_once() -> None:
    """Its runs would have a name twice."""
    files = {"a.yml": "include: lib.yml", "b.yml": "include: lib.yml", "lib.yml": "runs: [{name: lib}]"}
    found = planned("include: [a.yml, b.yml]", files)
    assert [plan.name for plan in found.plans] == ["lib"]


def test_problems_name_the_included_file_and_its_line() -> None:
    """Their path is the one in that file; those of the including file keep theirs."""
    files = {
        "a.yml": "runs:\n  - name: a\n  - name: b\n    tasks: 5\n",
        "b.yml": "task_timeout_interval: soon\nruns: [{name: c}]",
        "c.jsonnet": "{runs: [{name: 'd'}, {name: 'e', tasks: 5}]}",
    }
    found = planned(f"include: [a.yml, b.yml, c.jsonnet]\nruns:\n  - {{name: a}}\n{'  - 7'}\n", files)
    assert [(p.path, p.line, p.column, p.where) for p in found.problems] == [
        ("a.yml", 4, 12, "runs[1].tasks"),
        ("b.yml", 1, 24, "task_timeout_interval"),
        ("c.jsonnet", 0, 0, "runs[1].tasks"),
        (MAIN, 3, 12, "runs[0].name"),
        (MAIN, 4, 5, "runs[1]"),
    ]
    assert found.problems[0].source == "    tasks: 5"


def test_a_key_twice_in_an_included_file_is_shown_there() -> None:
    """It is looked at as written, not as merged."""
    (problem,) = planned("include: a.yml", {"a.yml": "runs: [{name: a}]\nruns: [{name: b}]"}).problems
    assert (problem.path, problem.line) == ("a.yml", 2)


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("[no.yml]", "there is no file `no.yml` in the repository"),
        ("[/a.yml]", "takes paths from the repository's root: write 'a.yml'"),
        ("[./a.yml]", "takes plain paths from the repository's root: write 'a.yml'"),
        ("[x/../a.yml]", "write 'a.yml'"),
        ("[../a.yml]", "leads out of the repository"),
        ("[a.txt]", "the format of `a.txt` is not known"),
        ("[.tidemill/config.yml]", ".tidemill/config.yml includes itself"),
        ("[broken.yml]", "not valid YAML"),
        ("[list.yml]", "an included file must be a mapping"),
        ("[runs.yml]", "`runs` must be a list"),
        ("[odd.yml]", "`include` must be a path or a list of paths"),
        ("[round.yml]", "round.yml includes itself: .tidemill/config.yml -> round.yml -> round.yml"),
    ],
)
def test_what_cannot_be_included_says_why(include: str, message: str) -> None:
    """There are no plans then."""
    files = {
        "a.yml": "",
        "a.txt": "runs: []",
        "broken.yml": "x: [",
        "list.yml": "- a",
        "runs.yml": "runs: {a: 1}",
        "odd.yml": "include: {a: 1}",
        "round.yml": "include: round.yml",
    }
    found = planned(f"include: {include}\nruns: [{{name: a}}]", files)
    assert found.plans == ()
    assert message in str(found.problems[0])


def test_all_that_cannot_be_included_is_said_at_once() -> None:
    """Each at its entry."""
    found = problems("include:\n  - no.yml\n  - /x.yml\nruns: []")
    assert [line.split(": ")[0] for line in found] == [f"{MAIN}:2:5", f"{MAIN}:3:5"]


def test_depth_and_number_have_bounds() -> None:
    """Ten deep and fifty files are enough."""
    chain = {f"{n}.yml": f"include: {n + 1}.yml" for n in range(12)}
    assert "nested more than 10 deep" in problems("include: 0.yml", chain)[0]
    deep = {**{f"{n}.yml": f"include: {n + 1}.yml" for n in range(9)}, "9.yml": "runs: [{name: end}]"}
    assert [plan.name for plan in planned("include: 0.yml", deep).plans] == ["end"]
    many = {f"{n}.yml": f"runs: [{{name: r{n}}}]" for n in range(51)}
    listed = ", ".join(list(many)[:50])
    assert len(planned(f"include: [{listed}]", many).plans) == 50
    listed = ", ".join(many)
    assert "more than 50 files are included" in problems(f"include: [{listed}]", many)[0]


def test_agola_knows_no_include() -> None:
    """In its folder the key is ignored, with a warning, and nothing is asked for."""
    raw = b"include: [no.yml]\nruns: [{name: a}]"
    found = evaluate(Question(file=".agola/config.yml", raw=raw, context=CONTEXT), Shelf({}))
    assert [plan.name for plan in found.plans] == ["a"]
    assert any("include" in warning.message for warning in found.warnings)
