"""A configuration file becomes plans, or problems at line and column."""

import msgspec
import pytest

from tests.planning.trees import Shelf
from tidemill.core.context import Context
from tidemill.core.refs import Ref, RefType, branch, tag
from tidemill.planning.evaluate import evaluate
from tidemill.planning.frames import Question
from tidemill.planning.planned import Planned, Severity

CONTEXT = Context(ref=branch("main"), commit_sha="a" * 40)
FILE = ".tidemill/config.yml"


def planned(text: str | bytes, file: str = FILE) -> Planned:
    raw = text.encode() if isinstance(text, str) else text
    return evaluate(Question(file=file, raw=raw, context=CONTEXT), Shelf({}))


def problems(text: str | bytes) -> list[str]:
    return [str(problem) for problem in planned(text).problems]


def test_a_right_configuration_gives_plans() -> None:
    """The file that was read is named."""
    found = planned(
        "runs:\n  - name: ci\n    tasks:\n      - {name: a, runtime: {type: host}, steps: [run: make]}"
    )
    assert found.file == FILE
    assert [plan.name for plan in found.plans] == ["ci"]
    assert found.problems == ()


def test_json_is_read_as_yaml() -> None:
    """With tabs, as JSON may have them."""
    found = planned('{\n\t"runs": [\n\t\t{"name": "ci"}\n\t]\n}', ".agola/config.json")
    assert [plan.name for plan in found.plans] == ["ci"]


WRONG = """\
runs:
  - name: ci
    tasks:
      - name: lint
        runtime: {type: host}
        environment:
          DEBUG: yes
        steps:
          - clone:
          - rn: make lint
      - name: test
        steps:
          - run: make test
          - save_cache: {contents: []}
  - name: ci
"""


def test_each_problem_has_its_place_in_the_order_of_the_text() -> None:
    """Values at their own place, wrong keys at the key, missing ones at what lacks them."""
    assert [line.split(": ")[0] for line in problems(WRONG)] == [
        f"{FILE}:7:18",
        f"{FILE}:10:13",
        f"{FILE}:11:9",
        f"{FILE}:14:25",
        f"{FILE}:15:11",
    ]
    assert problems(WRONG)[1] == f"{FILE}:10:13: unknown step type `rn`: did you mean `run`?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("runs: [", f"{FILE}:1:8: not valid YAML"),
        ("runs:\n\t- a", f"{FILE}:2:1: YAML does not allow tabs"),
        (b"runs: \xff", f"{FILE}:1:7: the byte 0xff"),
        ("", f"{FILE}:1:1: no runs defined"),
        ("a: b", f"{FILE}:1:1: no runs defined"),
        ("x: 1\nruns: {}", f"{FILE}:2:7: `runs` must be a list"),
        ("[" * 60_000, f"{FILE}:1:101: nested"),
        ("a" * (1024 * 1024 + 1), f"{FILE}: the file has 1048577 bytes"),
    ],
)
def test_texts_that_are_no_configuration(text: str | bytes, expected: str) -> None:
    """One problem, with its place where it has one."""
    (found,) = problems(text)
    assert found.startswith(expected)


def test_edges_of_the_graph_have_their_places() -> None:
    """A circle is shown at the edges that close it."""
    task = "{{name: {0}, runtime: {{type: host}}, depends: [{1}]}}"
    text = f"runs:\n- name: r\n  tasks:\n  - {task.format('a', 'b')}\n  - {task.format('b', 'a')}\n"
    assert [line.split(": ")[0] for line in problems(text)] == [f"{FILE}:4:48", f"{FILE}:5:48"]


def test_very_many_problems_are_counted() -> None:
    """The first hundred are shown."""
    found = problems("runs: [" + "null, " * 500 + "]")
    assert len(found) == 101
    assert found[-1] == f"{FILE}: and 400 more like these"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.jsonnet", "function(ctx) {runs: [{name: std.join(' ', std.objectFields(ctx))}]}"),
        ("config.star", "def main(ctx):\n  return {'runs': [{'name': ' '.join(sorted(ctx.keys()))}]}"),
    ],
)
def test_programs_see_the_context_of_their_dialect(file: str, text: str) -> None:
    """Agola's six fields (reference 1.9), and in our folder ours beside them."""
    agola = "branch commit_sha pull_request_id ref ref_type tag"
    assert [plan.name for plan in planned(text, f".agola/{file}").plans] == [agola]
    ours = "branch changed_files commit_sha event inputs pull_request_id ref ref_type tag"
    assert [plan.name for plan in planned(text, f".tidemill/{file}").plans] == [ours]


@pytest.mark.parametrize(
    ("ref", "fields"),
    [
        (branch("a/b"), "branch refs/heads/a/b a/b  "),
        (tag("v1"), "tag refs/tags/v1  v1 "),
        (
            Ref(type=RefType.PULL_REQUEST, name="7", full="refs/pull/7/head"),
            "pull_request refs/pull/7/head   7",
        ),
    ],
)
@pytest.mark.parametrize("file", ["config.jsonnet", "config.star"])
def test_the_fields_of_the_context_are_those_of_the_reference(ref: Ref, fields: str, file: str) -> None:
    """All strings, empty when not applicable."""
    names = ["ref_type", "ref", "branch", "tag", "pull_request_id"]
    if file.endswith("star"):
        text = f"def main(c):\n  return {{'runs': [{{'name': ' '.join([c[n] for n in {names}])}}]}}"
    else:
        text = f"function(ctx) {{runs: [{{name: std.join(' ', [ctx[n] for n in {names}])}}]}}"
    question = Question(
        file=f".agola/{file}", raw=text.encode(), context=Context(ref=ref, commit_sha="a" * 40)
    )
    assert [plan.name for plan in evaluate(question, Shelf({})).plans] == [fields]


def test_the_changed_files_are_asked_for_when_they_matter() -> None:
    """By a `when.paths`, or by a program that looks at them; else nobody compares commits."""
    cases = [
        ("config.yml", "runs: [{name: a}]", 0),
        ("config.yml", "runs: [{name: a, when: {branch: main}}]", 0),
        ("config.yml", "runs: [{name: a, when: {paths: ['src/**']}}]", 1),
        ("config.yml", "runs: [{name: a, when: {paths_ignore: 'docs/**'}}]", 1),
        ("config.jsonnet", "function(ctx) {runs: [{name: ctx.branch}]}", 0),
        ("config.jsonnet", "function(ctx) {runs: [{name: ctx.changed_files[0]}]}", 1),
        ("config.star", "def main(ctx):\n  return {'runs': [{'name': ctx['changed_files'][0]}]}", 1),
    ]
    for file, text, expected in cases:
        shelf = Shelf({}, changed=("src/a.py",))
        question = Question(file=f".tidemill/{file}", raw=text.encode(), context=CONTEXT)
        assert len(evaluate(question, shelf).plans) == 1, text
        assert shelf.asked_for_changes == expected, text


def test_changed_files_decide_over_paths() -> None:
    """One must match; when they are not known, every run is made."""
    text = b"runs: [{name: src, when: {paths: ['src/**']}}, {name: docs, when: {paths: ['docs/**']}}]"
    question = Question(file=FILE, raw=text, context=CONTEXT)
    known = evaluate(question, Shelf({}, changed=("docs/a.md",)))
    assert [plan.name for plan in known.plans] == ["docs"]
    unknown = evaluate(question, Shelf({}))
    assert [plan.name for plan in unknown.plans] == ["src", "docs"]
    given = Question(file=FILE, raw=text, context=msgspec.structs.replace(CONTEXT, changed_files=("src/x",)))
    assert [plan.name for plan in evaluate(given, Shelf({})).plans] == ["src"]


DOUBLE = "runs:\n  - name: a\n    name: b\n"


def test_a_key_that_stands_twice_is_an_error() -> None:
    """With both places; in Agola's folder the last one wins, with a warning."""
    (problem,) = planned(DOUBLE).problems
    assert str(problem) == f"{FILE}:3:5: the key 'name' stands in line 2 already: remove one of them"
    assert (problem.where, problem.source) == ("runs[0].name", "    name: b")
    found = planned(DOUBLE, ".agola/config.yml")
    assert [plan.name for plan in found.plans] == ["b"]
    assert str(found.warnings[0]) == (
        ".agola/config.yml:3:5: the key 'name' stands in line 2 already: this one wins"
    )


def test_a_key_that_yaml_reads_as_a_boolean_gets_a_warning() -> None:
    """An input called `n` would be called `false`; `retry` may have its `on`."""
    text = """
runs:
  - name: ci
    inputs: {n: {type: number}, "y": {}}
    tasks: [{name: a, runtime: {type: host}, retry: {attempts: 2, on: lost}, environment: {true: x, Yes: x}}]
"""
    assert [str(each).partition(": ")[2] for each in planned(text).warnings] == [
        "the key 'n' is 'false' in YAML 1.1: quote it if it is meant",
        "the key 'Yes' is 'true' in YAML 1.1: quote it if it is meant",
    ]
    assert planned(text).warnings[0].where == "runs[0].inputs.false"


def test_strictly_warnings_are_errors() -> None:
    """Then there are no plans."""
    question = Question(file=".agola/config.yml", raw=DOUBLE.encode(), context=CONTEXT, strict=True)
    found = evaluate(question, Shelf({}))
    assert found.plans == ()
    assert found.warnings == ()
    assert [problem.severity for problem in found.problems] == [Severity.ERROR]


def test_problems_of_programs_have_a_path_and_no_line() -> None:
    """What a program returns stands nowhere; its own errors have their place and their line."""
    (problem,) = planned("{runs: [{name: 'a', tasks: 5}]}", ".tidemill/config.jsonnet").problems
    assert (problem.line, problem.column, problem.where) == (0, 0, "runs[0].tasks")
    (problem,) = planned("{\n  runs: foo\n}", ".tidemill/config.jsonnet").problems
    assert (problem.line, problem.column, problem.source) == (2, 9, "  runs: foo")
    (problem,) = planned("def main(ctx):\n  fail('no')", ".tidemill/config.star").problems
    assert (problem.line, problem.column, problem.source) == (2, 3, "  fail('no')")


def test_problems_of_an_imported_file_are_shown_there() -> None:
    """With the line of that file."""
    shelf = Shelf({"lib/a.libsonnet": b"{\n  x: nope,\n}"})
    raw = b"import '../lib/a.libsonnet'"
    question = Question(file=".tidemill/config.jsonnet", raw=raw, context=CONTEXT)
    (problem,) = evaluate(question, shelf).problems
    assert str(problem) == "lib/a.libsonnet:2:6: Unknown variable: nope"
    assert problem.source == "  x: nope,"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".tidemill/config.jsonnet", r'error "no\n\t/etc/passwd:1:1\tx"'),
        (".tidemill/config.star", "def main(ctx):\n  fail('no\\n --> /etc/passwd:1:1\\n')"),
        (".tidemill/config.star", "def main(ctx):\n  a = [range(3)]\n  a.append(a)\n  return {'a': a}"),
    ],
)
def test_a_place_that_only_the_message_speaks_of_is_none(file: str, text: str) -> None:
    """A program writes into its errors what it likes; no file is read for that."""
    (problem,) = planned(text, file).problems
    assert (problem.path, problem.line, problem.source) == (file, 0, "")
    assert problem.message


KEYS = """
runs:
  - name: ci
    tasks:
      - name: a
        runtime: {containers: [{image: alpine}]}
        steps:
          - save_cache: {key: 'a-{{ md6sum "x" }}'}
          - type: restore_cache
            keys: ['a-{{ arch }}', 'a-{{ os']
"""


@pytest.mark.parametrize("folder", [".tidemill", ".agola"])
def test_keys_of_caches_are_checked(folder: str) -> None:
    """What a step would complain about is said before it is run."""
    found = planned(KEYS, f"{folder}/config.yml").problems
    assert [(problem.line, problem.column) for problem in found] == [(8, 31), (10, 36)]
    assert "there is no function 'md6sum'; supported are md5sum" in found[0].message
    assert "a `{{` has no `}}` behind it" in found[1].message


def test_odd_keys_in_a_path_are_quoted() -> None:
    """So that they can be told from steps of the path."""
    text = "runs: [{name: a, tasks: [{name: b, runtime: {type: host}, environment: {'a.b c': 1}}]}]"
    assert planned(text).problems[0].where == "runs[0].tasks[0].environment['a.b c']"


def test_a_line_that_is_too_long_is_not_shown() -> None:
    """A JSON file of one line would be shown whole with each of its problems."""
    text = '{"runs": [{"name": "a", "tasks": 5, "when": null}' + " " * 1000 + "]}"
    (problem,) = planned(text, ".tidemill/config.json").problems
    assert (problem.line, problem.source) == (1, "")


def test_a_message_that_is_too_long_is_cut() -> None:
    """Evaluators repeat what they are given, however long it is."""
    (problem,) = planned("error std.repeat('x', 100000)", ".tidemill/config.jsonnet").problems
    assert problem.message == "x" * 2000 + "…"
