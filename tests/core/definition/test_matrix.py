"""A task with a matrix becomes a task for each combination: names, values, edges, what is left out."""

import pytest

from tests.core.definition.vectors import run, task
from tidemill.core.definition.faults import WrongDefinition
from tidemill.core.definition.nouns import Dialect, RunDefinition
from tidemill.core.definition.reading import read_definition
from tidemill.core.plan import Depend, Literal, RunStep
from tidemill.kit.formats.reading import read_yaml


def read(text: str) -> RunDefinition:
    (found,) = read_definition(read_yaml(text.encode()).data).definition.runs
    return found


def matrix(fragment: str) -> RunDefinition:
    return read(task(f"matrix: {{{fragment}}}"))


def combinations(found: RunDefinition) -> list[str]:
    """The names of the tasks without the one that they share."""
    return [one.name.removeprefix("t ") for one in found.tasks]


@pytest.mark.parametrize(
    ("fragment", "names"),
    [
        pytest.param(
            "axes: {a: [x, z], b: [1, true]}",
            ["(a=x, b=1)", "(a=x, b=true)", "(a=z, b=1)", "(a=z, b=true)"],
            id="all combinations, the last axis fastest",
        ),
        pytest.param(
            "axes: {a: [x, z], b: [u]}, exclude: [{a: x}]", ["(a=z, b=u)"], id="an exclude of one axis"
        ),
        pytest.param(
            "axes: {a: [x, z], b: [u, v]}, exclude: [{a: x, b: u}, {a: z, b: v}]",
            ["(a=x, b=v)", "(a=z, b=u)"],
            id="excludes of both axes",
        ),
        pytest.param(
            "axes: {a: [x]}, include: [{a: z}]", ["(a=x)", "(a=z)"], id="an include of a new combination"
        ),
        pytest.param(
            "axes: {a: [x], b: [u]}, include: [{a: x, b: w, c: 1}]",
            ["(a=x, b=u)", "(a=x, b=w, c=1)"],
            id="an include that differs in one axis",
        ),
        pytest.param("include: [{a: x}, {b: u}]", ["(a=x)", "(b=u)"], id="only includes"),
        pytest.param(
            "axes: {a: [x, z]}, exclude: [{a: x}], include: [{a: x}]",
            ["(a=z)", "(a=x)"],
            id="an include of what is excluded",
        ),
    ],
)
def test_which_combinations_there_are(fragment: str, names: list[str]) -> None:
    """The product of the axes without what is excluded, then what is included."""
    assert combinations(matrix(fragment)) == names


def test_an_include_that_agrees_adds_its_values() -> None:
    """As with GitHub: to the combinations that agree on what they share; to all when they share nothing."""
    found = matrix("axes: {a: [x, z]}, include: [{c: all}, {a: z, c: one, d: more}]")
    assert [one.matrix for one in found.tasks] == [
        {"a": "x", "c": "all"},
        {"a": "z", "c": "one", "d": "more"},
    ]
    assert combinations(found) == ["(a=x)", "(a=z)"]


def test_what_is_excluded_is_named() -> None:
    """So that a plan can say why it is not there."""
    found = matrix("axes: {a: [x, z], b: [u]}, exclude: [{a: x}]")
    assert found.excluded == ("t (a=x, b=u)",)


def test_tasks_of_a_matrix_know_where_they_are_from() -> None:
    """The name as written, and the combination."""
    (one,) = matrix("axes: {python: ['3.10']}").tasks
    assert (one.name, one.base, one.matrix) == ("t (python=3.10)", "t", {"python": "3.10"})
    (plain,) = read(task("user: x")).tasks
    assert (plain.base, plain.matrix) == ("", {})


def test_placeholders_are_replaced_in_every_string() -> None:
    """In lists and mappings too; keys and other placeholders stay; what a combination lacks is empty."""
    (first, second) = read(
        task(
            "matrix: {axes: {a: [x, z]}, include: [{a: z, c: more}]},"
            " environment: {'${matrix.a}': '${matrix.a}${matrix.c}${matrix.a}', B: '$matrix.a ${a}'},"
            " steps: [{run: {name: s, command: 'make ${matrix.a}'}}]"
        )
    ).tasks
    assert first.environment == {"${matrix.a}": Literal("xx"), "B": Literal("$matrix.a ${a}")}
    assert second.environment["${matrix.a}"] == Literal("zmorez")
    assert [one.steps[0].step for one in (first, second)] == [
        RunStep(name="s", command="make x"),
        RunStep(name="s", command="make z"),
    ]


def test_a_value_is_not_read_again() -> None:
    """A value that looks like a placeholder, or like YAML, stays what it is."""
    (one,) = read(
        task(
            "matrix: {axes: {a: ['${matrix.a}'], b: ['{x: y}']}, include: []}, user: '${matrix.a}', shell: '${matrix.b}'"
        )
    ).tasks
    assert (one.user, one.shell) == ("${matrix.a}", "{x: y}")


def test_a_task_without_a_matrix_keeps_its_text() -> None:
    """There is nothing to replace."""
    assert read(task("user: '${matrix.a}'")).tasks[0].user == "${matrix.a}"


def test_a_name_with_placeholders_is_the_whole_name() -> None:
    """It tells the combinations apart by itself, or is refused."""
    text = run(
        "tasks: [{name: 'test ${matrix.a}', runtime: {type: host}, matrix: {axes: {a: [x, z], b: [1]}}}]"
    )
    assert [one.name for one in read(text).tasks] == ["test x", "test z"]
    with pytest.raises(WrongDefinition, match="two tasks would have the name `test 1`"):
        read(text.replace("test ${matrix.a}", "test ${matrix.b}"))


A = "{name: a, runtime: {type: host}, matrix: {axes: {v: ['1', '2']}}}"
B = "name: b, runtime: {type: host}"


def joined(b: str) -> dict[str, list[str]]:
    """What tasks depend on, of a run with the matrix a and a task b."""
    found = read(run(f"tasks: [{A}, {{{B}, {b}}}]"))
    return {one.name: [edge.task for edge in one.depends] for one in found.tasks}


def test_a_name_as_written_means_all_combinations() -> None:
    """With the same conditions for each."""
    found = read(run(f"tasks: [{A}, {{{B}, depends: [a: [on_failure]]}}]"))
    assert found.tasks[2].depends == tuple(
        Depend(task=f"a (v={number})", conditions=("on_failure",)) for number in (1, 2)
    )


def test_one_combination_may_be_named() -> None:
    """By its full name, which placeholders may make."""
    assert joined("depends: ['a (v=2)']")["b"] == ["a (v=2)"]
    found = joined("matrix: {axes: {v: ['1', '2']}}, depends: ['a (v=${matrix.v})']")
    assert (found["b (v=1)"], found["b (v=2)"]) == (["a (v=1)"], ["a (v=2)"])


@pytest.mark.parametrize(
    ("b", "says"),
    [
        pytest.param(
            "depends: ['a (v=3)']", "not a task of run `r`: did you mean `a (v=2)`?", id="a wrong value"
        ),
        pytest.param("depends: [a, 'a (v=1)']", "lists `a (v=1)` 2 times", id="all and one"),
        pytest.param(
            "matrix: {axes: {v: ['1']}}, depends: [b]", "depends on itself", id="a matrix on itself"
        ),
        pytest.param(
            "matrix: {axes: {w: ['1', '2']}}, depends: [b]",
            "circular dependency",
            id="a larger matrix on itself",
        ),
        pytest.param(
            "matrix: {axes: {v: ['1', '5']}}, depends: ['a (v=${matrix.v})']",
            "depends on `a (v=5)`, which is not a task",
            id="a combination that only one has",
        ),
    ],
)
def test_wrong_edges_are_told_where_they_are_written(b: str, says: str) -> None:
    """Once, however many combinations there are."""
    with pytest.raises(WrongDefinition) as caught:
        joined(b)
    places = {fault.path[:5] for fault in caught.value.faults}
    assert len(places) == 1
    assert says in caught.value.faults[0].message


def test_an_excluded_combination_cannot_be_depended_on() -> None:
    """And the message says why it is not there."""
    a = A.replace("}}}", "}, exclude: [{v: '2'}]}}")
    with pytest.raises(WrongDefinition, match=r"depends on `a \(v=2\)`, which is excluded by a matrix"):
        read(run(f"tasks: [{a}, {{{B}, depends: ['a (v=2)']}}]"))


def test_a_combination_may_not_have_another_task_s_name() -> None:
    """Names are unique whoever makes them."""
    with pytest.raises(WrongDefinition, match=r"two tasks would have the name `a \(v=1\)`"):
        read(run(f"tasks: [{A}, {{name: a (v=1), runtime: {{type: host}}}}]"))


def test_a_placeholder_without_a_matrix_gets_a_warning() -> None:
    """It is left as it stands; Agola's files may hold it."""
    text = """
    runs:
      - name: ci
        tasks: [{name: a, runtime: {containers: [{image: a}]}, steps: [run: 'echo ${matrix.a}']}]
    """
    data = read_yaml(text.encode()).data
    (warning,) = read_definition(data).warnings
    assert warning.path == ("runs", 0, "tasks", 0, "steps", 0, "run")
    assert warning.message == "a `${matrix.…}` is left as it stands: the task has no `matrix`"
    assert read_definition(data, Dialect.AGOLA).warnings == ()
