"""What asks for very much is refused before it is built, or read all the same, within seconds."""

from typing import Any

import pytest

from tidemill.core.definition.faults import WrongDefinition
from tidemill.core.definition.reading import read_definition

HOST = {"type": "host"}
SIXTEEN = [f"v{number}" for number in range(16)]
MATRIX = {"axes": {"a": SIXTEEN, "b": SIXTEEN}}
BIG = 10**5000


def run(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"runs": [{"name": "r", "tasks": tasks}]}


def task(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "runtime": HOST, **fields}


def nested(depth: int) -> Any:
    data: Any = []
    for _ in range(depth):
        data = [data]
    return data


def faults(data: Any) -> list[str]:
    try:
        read_definition(data)
    except WrongDefinition as wrong:
        return [fault.message for fault in wrong.faults]
    return []


def test_five_thousand_tasks_are_read() -> None:
    """One after the other."""
    tasks = [task(f"t{number}", depends=[f"t{number - 1}"] if number else []) for number in range(5000)]
    assert len(read_definition(run(tasks)).definition.runs[0].tasks) == 5000


def test_a_matrix_after_a_matrix_is_read() -> None:
    """Each of 256 combinations depends on 256; they share what they depend on."""
    found = read_definition(
        run([task("a", matrix=MATRIX), task("b", matrix=MATRIX, depends=["a"])])
    ).definition
    assert len({id(one.depends) for one in found.runs[0].tasks[256:]}) == 1
    assert len(found.runs[0].tasks[256].depends) == 256


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(
            run([task("t", matrix={"axes": {f"a{n}": [1, 2, 3, 4] for n in range(2000)}})]),
            "there may be 256",
            id="a matrix of 4 to the 2000",
        ),
        pytest.param(
            run([task(f"t{n}", matrix=MATRIX) for n in range(30)]), "more than 5000 tasks", id="30 matrices"
        ),
        pytest.param(
            run([task(f"t{n}", matrix=MATRIX, depends=[f"t{n - 1}"] if n else []) for n in range(10)]),
            "more than 100000 dependencies",
            id="ten matrices, each after the other",
        ),
        pytest.param(
            run([task("t", matrix=MATRIX, steps=[{"run": "echo ${matrix.a}"}] * 500)]),
            "more than 100000 values",
            id="a long task in a matrix",
        ),
        pytest.param(
            run([task("t", matrix={"axes": {"a": ["x" * 100_000]}}, shell="${matrix.a}" * 90_000)]),
            "too much text",
            id="a long value in many places",
        ),
        pytest.param(
            run([task("t", matrix={"axes": {"a": ["x"]}}, shell=nested(10_000))]),
            "too much text",
            id="a deep task in a matrix",
        ),
        pytest.param(
            run(
                [
                    task(f"t{n}", matrix={**MATRIX, "exclude": [{"a": "v1", "b": b} for b in SIXTEEN] * 16})
                    for n in range(10)
                ]
            ),
            "include and exclude too much",
            id="many excludes of many matrices",
        ),
        pytest.param(
            run([task("t", when={"branch": [rf"/(\pL{{1,20}}{n}){{1,30}}/" for n in range(1000)]})]),
            "more than 400 regular expressions",
            id="a thousand large expressions",
        ),
        pytest.param(run([task("t", shell=nested(100_000))]), "must be a string", id="a deep value"),
        pytest.param(run([task("t", when=nested(100_000))]), "must be a mapping", id="a deep when"),
        pytest.param(run([task("n" * 1_000_000)]), "longer than 100 bytes", id="a name of a megabyte"),
        pytest.param(
            run([task("t", retry=BIG)]), "must be a number of at most", id="a number of 5000 digits"
        ),
        pytest.param({"version": BIG, "runs": [{"name": "r"}]}, "not known", id="a version of 5000 digits"),
        pytest.param(
            run([task("t", depends=[f"x{n}"]) for n in range(2000)]),
            "another task",
            id="2000 tasks of one name",
        ),
        pytest.param(
            run([task(f"task {n}", depends=[f"tusk {n}"]) for n in range(2000)]),
            "which is not a task of run",
            id="2000 mistyped dependencies",
        ),
        pytest.param(
            run([task(f"t{n}", depends=[f"t{m}" for m in range(n)]) for n in range(300)]),
            "both depend on",
            id="everything depends on everything",
        ),
        pytest.param(
            run([task("t", steps=[{f"rnu{n}": "x"} for n in range(20_000)])]),
            "unknown step type",
            id="20000 mistyped steps",
        ),
    ],
)
def test_what_asks_for_too_much(data: Any, says: str) -> None:
    """One can read what is wrong with it; no message is long."""
    found = faults(data)
    assert any(says in message for message in found)
    assert max(map(len, found)) < 1000


def test_twenty_thousand_unknown_keys_are_warnings() -> None:
    """Each has its own; hints stop when they would take long."""
    keys = {f"stepz{number}": 1 for number in range(20_000)}
    warnings = read_definition(run([task("t", **keys)])).warnings
    assert len(warnings) == 20_000
    assert "did you mean `steps`?" in warnings[0].message
