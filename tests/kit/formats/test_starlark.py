"""Starlark becomes plain data: `main`, what it returns, what it may load, and where its errors are."""

from typing import Any

import pytest

from tidemill.kit.formats.document import NotReadable, Place
from tidemill.kit.formats.starlark import read_starlark

FILE = ".tidemill/config.star"
FILES = {
    ".tidemill/lib.star": b"load('../ci/other.star', 'number')\nname = 'lib'\ndouble = 2 * number\n",
    "ci/other.star": b"number = 21\n",
    "ci/wrong.star": b"x = 1\ny = (\n",
    "ci/failing.star": b"def helper():\n  fail('not', 'here')\n\nx = helper()\n",
    "ci/latin.star": b"# x\ny = '\xe9'\n",
    "ci/loop.star": b"load('//ci/pool.star', 'x')\n",
    "ci/pool.star": b"load('//ci/loop.star', 'x')\n",
}


def load(path: str) -> bytes:
    if path not in FILES:
        raise NotReadable(f"there is no file {path}")
    return FILES[path]


def read(text: str, **fields: Any) -> Any:
    return read_starlark(FILE, text.encode(), fields, load).data


def returning(value: str) -> str:
    return f"def main(ctx):\n  return {value}\n"


def failure(text: str) -> NotReadable:
    with pytest.raises(NotReadable) as caught:
        read(text, branch="main")
    return caught.value


def test_main_gets_the_context() -> None:
    """As its one positional argument, a dict; its name is free."""
    text = "def main(context):\n  return {'a': context['branch'], 'b': context['paths']}\n"
    assert read(text, branch="main", paths=None) == {"a": "main", "b": None}
    assert read("main = lambda c: {'a': len(c['paths'])}", paths=["x", "y"]) == {"a": 2}


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("None", None),
        ("True", True),
        ("1 << 100", 1 << 100),
        ("-1.5", -1.5),
        ("'<é&>'", "<é&>"),
        ("[1, [2]]", [1, [2]]),
        ("(1, 'x')", [1, "x"]),
        ("{'b': 1, 'a': {}}", {"b": 1, "a": {}}),
        ("[x for x in range(3) if x]", [1, 2]),
        ("range(3)", [0, 1, 2]),
        ("{'b': [(range(2), 1)]}", {"b": [[[0, 1], 1]]}),
    ],
)
def test_what_main_returns_becomes_plain_data(value: str, data: Any) -> None:
    """As the reference converts it."""
    assert read(returning(f"{{'a': {value}}}")) == {"a": data}


def test_the_order_of_a_dict_is_kept() -> None:
    """As it was filled."""
    assert list(read(returning("{'b': 1, 'c': 2, 'a': 3}"))) == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (returning("[1]"), "`main` must return a dict, not list"),
        (returning("None"), "`main` must return a dict, not NoneType"),
        (returning("{1: 2}"), "a key must be a string, not 1"),
        (returning("{'a': {True: 2}}"), "a key must be a string, not True"),
        (returning("{'a': {(1,): 2}}"), "must return plain data"),
        (returning("{'a': main}"), "a function cannot be part of it"),
        ("x = 5", "there is no `main`"),
        (returning("{'a': 1 << 1500}"), "1501 bits is too large"),
        (returning("{'a': 1 << 20000}"), "too large for a configuration"),
        ("main = 5", "must be a function of one argument, as `def main(ctx):`"),
        ("main = 5", "`call()` not supported on type `int`"),
        ("def main():\n  return {}", "extra positional argument"),
        (returning("{'a': 'x' * 1024 * 1024}"), "at most 1048576 are allowed"),
        ("def main(c):\n  x = []\n  for i in range(200):\n    x = [x]\n  return {'a': x}", "levels deep"),
        ("def main(c):\n  x = []\n  x.append(x)\n  return {'a': x}", "Cycle detected"),
        ("def main(c):\n  x = [range(1)]\n  x.append(x)\n  return {'a': x}", "call stack overflow"),
        (returning("{'a': range(3), 'b': main}"), "a function cannot be part of it"),
    ],
)
def test_programs_that_give_no_configuration(text: str, message: str) -> None:
    """Each says what is wrong with what it returns."""
    assert message in failure(text).message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def main(c):\n  while True:\n    pass\n", "while"),
        ("for x in [1]:\n  pass\n", "`for` cannot be used outside `def`"),
        ("if True:\n  x = 1\n", "`if` cannot be used outside `def`"),
        (returning("{'a': set([1])}"), "`set` not found"),
        ("def main(c):\n  import os\n", "reserved keyword `import`"),
        (returning("{'a': open('/etc/passwd')}"), "`open` not found"),
        ("def f(x):\n  return f(x)\n" + returning("f(1)"), "call stack overflow"),
    ],
)
def test_what_the_language_does_not_have(text: str, message: str) -> None:
    """No loops without end, no statements at the top, no endless recursion, no files."""
    error = failure(text)
    assert message in error.message
    assert error.file == FILE
    assert error.place is not None


def test_other_files_are_loaded() -> None:
    """Relative to who loads them, and from the root; each once."""
    text = "load('lib.star', 'name', d='double')\nload('//ci/other.star', 'number')\n" + returning(
        "{'name': name, 'double': d, 'number': number}"
    )
    assert read(text) == {"name": "lib", "double": 42, "number": 21}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("/etc/passwd", "absolute path"),
        ("///etc/passwd", "absolute path"),
        ("../../x", "leads out of the repository"),
        ("//../x", "leads out of the repository"),
        ("nothing.star", "there is no file .tidemill/nothing.star"),
    ],
)
def test_nothing_else_is_loaded(wanted: str, message: str) -> None:
    """The refusal is shown where the load is written."""
    error = failure(f"x = 1\nload({wanted!r}, 'x')\n")
    assert message in error.message
    assert (error.file, error.place) == (FILE, Place(2, 1))


@pytest.mark.parametrize(
    ("text", "file", "place", "message"),
    [
        ("def main(c)\n  return {}", FILE, (1, 12), "unexpected new line"),
        ("def main(c):\n  return foo", FILE, (2, 10), "Variable `foo` not found"),
        ("def main(c):\n  fail('oh no')", FILE, (2, 3), "oh no"),
        ("def main(c):\n  fail('error: x')", FILE, (2, 3), "error: x"),
        ("def main(c):\n  return {'a': c['nope']}", FILE, (2, 16), "was not found"),
        ("load('//ci/wrong.star', 'x')", "ci/wrong.star", (2, 6), "the file ends too early"),
        ("def main(c):\n  return {\n    'a': [1,\n", FILE, (3, 13), "the file ends too early"),
        ("load('//ci/latin.star', 'x')", "ci/latin.star", (2, 6), "not valid UTF-8"),
        ("load('//ci/failing.star', 'x')", "ci/failing.star", (2, 3), "not here"),
        ("load('//ci/loop.star', 'x')", "ci/pool.star", (1, 1), "ci/loop.star loads itself"),
        ("load('//ci/other.star', 'nope')", FILE, None, "no symbol `nope`"),
    ],
)
def test_errors_have_the_place_of_the_evaluator(
    text: str, file: str, place: tuple[int, int] | None, message: str
) -> None:
    """In the file that is at fault, without the stack."""
    error = failure(text)
    assert message in error.message
    assert "Traceback" not in error.message
    assert error.file == file
    assert place is None or error.place == Place(*place)


def test_prints_do_not_reach_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output is for frames; anything may be printed."""
    assert read("def main(ctx):\n  print('seen', main)\n  return {'a': 1}") == {"a": 1}
    assert capfd.readouterr().out == ""
