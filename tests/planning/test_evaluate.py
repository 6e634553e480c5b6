"""A configuration file becomes plans, or problems at line and column."""

import pytest

from tests.planning.trees import Shelf
from tidemill.core.context import Context
from tidemill.core.refs import branch
from tidemill.planning.evaluate import evaluate
from tidemill.planning.frames import Question
from tidemill.planning.planned import Planned

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
    assert problems(WRONG)[1] == f"{FILE}:10:13: 'rn' is not a type of step; did you mean 'run'?"


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
