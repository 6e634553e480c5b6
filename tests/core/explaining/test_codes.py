"""The table of codes is true: what is said stands in it, and what stands in it is said."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.explaining.test_explaining import RUNS, STEP_CASES, TASKS
from tidemill.core import explaining
from tidemill.core.explaining import codes

FOLDER = Path(explaining.__path__[0])
ELSEWHERE = {
    "run_not_started",
    "run_cancelled",
    "waits_for_tasks",
    "skipped_by_dependency",
    "skipped_by_stop",
}
"""What tests of their own explain."""


def written(module: str) -> Iterator[str]:
    """Every word that a module writes where a code belongs."""
    for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
        is_code = isinstance(node, ast.keyword) and node.arg == "code"
        if isinstance(node, ast.Assign):
            is_code = any(isinstance(target, ast.Name) and target.id == "code" for target in node.targets)
        if is_code:
            words = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
            yield from (word for word in words if isinstance(word, str) and re.fullmatch(r"[a-z_]+", word))


@pytest.mark.parametrize(
    ("table", "modules"),
    [(codes.RUN, ["runs"]), (codes.TASK, ["tasks", "chances"]), (codes.STEP, ["steps"])],
    ids=["run", "task", "step"],
)
def test_what_is_said_is_in_the_table(table: dict[str, str], modules: list[str]) -> None:
    """A code that has no meaning there means nothing to programs."""
    said = {word for module in modules for word in written(module)}
    assert len(said) > 5
    assert said <= table.keys()


def test_what_is_in_the_table_is_said() -> None:
    """Each of them is explained in a test."""
    assert {code for *_, code, _ in RUNS} == codes.RUN.keys()
    assert {code for *_, code, _ in TASKS} | ELSEWHERE == codes.TASK.keys()
    assert {code for *_, code, _ in STEP_CASES} == codes.STEP.keys()
