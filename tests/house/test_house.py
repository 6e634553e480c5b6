"""The house rules of the style guide that no linter knows."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import tidemill
import tidemill.contracts
import tidemill.core

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tidemill"
FILES = sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)
MAX_LINES = 350
MAX_FUNCTION_LINES = 60
FORBIDDEN_NAMES = {
    "utils",
    "util",
    "common",
    "helpers",
    "misc",
    "base",
    "manager",
    "handler",
    "types",
    "models",
}


def name(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_is_one_room(path: Path) -> None:
    """No file is longer than 350 lines, no function longer than 60, no name says nothing."""
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    assert path.stem not in FORBIDDEN_NAMES
    for function in functions(ast.parse(text)):
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= MAX_FUNCTION_LINES, f"{function.name} has {length} lines"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_module_opens_with_a_sentence(path: Path) -> None:
    """The first paragraph of a module's docstring ends as a sentence does; classes have docstrings."""
    tree = ast.parse(path.read_text())
    first = (ast.get_docstring(tree) or "").split("\n\n")[0]
    assert first.endswith((".", ":")), "the module needs a docstring that begins with a sentence"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"class {node.name} needs a docstring"


@pytest.mark.parametrize("path", sorted((SOURCE / "core").rglob("*.py")), ids=name)
def test_the_core_reads_no_clock_and_opens_nothing(path: Path) -> None:
    """What imports cannot show: no call of now, today, utcnow or open in the core."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in {"now", "today", "utcnow", "open"}, f"line {node.lineno} calls {called}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_the_environment_is_read_in_one_place(path: Path) -> None:
    """Only the command line, the composition root, and programs of their own inside a sandbox read it."""
    if path.relative_to(SOURCE).parts[0] in {"cli", "serve", "__main__.py"}:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        reads = isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
        allowed = path.name in {"supervisor.py", "evaluator.py"} or "toolbox" in path.parts
        assert not reads or allowed, f"line {node.lineno} reads the environment"


def test_nouns_are_frozen() -> None:
    """Every struct of the core and of the contracts is frozen, so that rules are functions of values."""
    for package in (tidemill.core, tidemill.contracts):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            for thing in vars(importlib.import_module(module.name)).values():
                if isinstance(thing, type) and issubclass(thing, msgspec.Struct):
                    assert thing.__struct_config__.frozen, f"{module.name}.{thing.__name__} is not frozen"


def test_every_room_has_its_tests() -> None:
    """tests/ mirrors src/: a package or module of ours is named by a test file or folder beside it."""
    tests = ROOT / "tests"
    untested = []
    for path in FILES:
        relative = path.relative_to(SOURCE)
        if path.name == "__init__.py" or relative.parts[0] in {"contracts", "errors.py", "__main__.py"}:
            continue
        folder = tests.joinpath(*relative.parent.parts)
        owner = relative.parent.name
        candidates = [
            folder / f"test_{path.stem}.py",
            folder / f"test_{owner}.py",
            folder.parent / f"test_{owner}.py",
        ]
        if not any(c.exists() for c in candidates) and not list(folder.glob("test_*.py")):
            untested.append(str(relative))
    assert not untested


def test_no_machine_stands_in_a_file() -> None:
    """No absolute path of a machine and no address in the lock file."""
    lock = (ROOT / "requirements" / "lock.txt").read_text()
    assert "://" not in lock
    assert "--index-url" not in lock
