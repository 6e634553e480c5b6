"""Jsonnet becomes plain data: what it is handed, what it may import, and where its errors are."""

from typing import Any

import pytest

from tidemill.kit.formats.document import NotReadable, Place
from tidemill.kit.formats.jsonnet import read_jsonnet

FILE = ".tidemill/config.jsonnet"
FILES = {
    ".tidemill/lib.libsonnet": b"{name: 'lib', other: import '../ci/other.libsonnet'}",
    "ci/other.libsonnet": b"{text: importstr 'text.txt', bytes: importbin 'text.txt'}",
    "ci/text.txt": "é\n".encode(),
    "ci/wrong.libsonnet": b"{\n  a: 1 +\n}",
    "ci/failing.libsonnet": b"{\n  a: error 'not here',\n}",
}


def load(path: str) -> bytes:
    if path not in FILES:
        raise NotReadable(f"there is no file {path}")
    return FILES[path]


def read(text: str, **fields: Any) -> Any:
    return read_jsonnet(FILE, text.encode(), fields, load).data


def failure(text: str) -> NotReadable:
    with pytest.raises(NotReadable) as caught:
        read(text, branch="main")
    return caught.value


def test_a_function_gets_the_context() -> None:
    """As its argument `ctx`, with every field."""
    assert read("function(ctx) {a: ctx.branch, b: ctx}", branch="ma'in", n=None) == {
        "a": "ma'in",
        "b": {"branch": "ma'in", "n": None},
    }


def test_a_plain_object_ignores_the_context() -> None:
    """Numbers that are whole are whole."""
    assert read("{a: 1.0, b: 2.5, c: [true, null], d:: 'hidden'}", branch="x") == {
        "a": 1,
        "b": 2.5,
        "c": [True, None],
    }


def test_a_function_without_ctx_is_refused() -> None:
    """As in the reference."""
    assert "no parameter ctx" in failure("function(context) {}").message
    for text in ("function(context) {}", "function(ctx, other) {}"):
        assert "must take `ctx` alone, as `function(ctx) {…}`" in failure(text).message


def test_lazy_fields_are_computed_when_they_are_looked_at() -> None:
    """What costs a question is not asked in vain."""
    asked = []

    def compute() -> list[str]:
        asked.append(1)
        return ["a", "b"]

    def ask(text: str) -> Any:
        return read_jsonnet(FILE, text.encode(), {"branch": "m"}, load, lazy={"changed": compute}).data

    assert ask("function(ctx) {a: ctx.branch}") == {"a": "m"}
    assert not asked
    assert ask("function(ctx) ctx") == {"branch": "m", "changed": ["a", "b"]}
    assert asked


def test_files_of_the_repository_are_imported() -> None:
    """Relative to the importing file, as data, text and bytes."""
    assert read("import 'lib.libsonnet'") == {
        "name": "lib",
        "other": {"text": "é\n", "bytes": list("é\n".encode())},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('importstr "/etc/passwd"', "absolute path"),
        ('import "../../x"', "leads out of the repository"),
        ('importbin "../.tidemill/../../etc/passwd"', "leads out of the repository"),
        ('import "nothing"', "there is no file .tidemill/nothing"),
    ],
)
def test_nothing_else_is_imported(text: str, message: str) -> None:
    """The refusal is shown where the import is written."""
    error = failure(f"{{\n  a: {text}\n}}")
    assert message in error.message
    assert "couldn't open" not in error.message
    assert (error.file, error.place) == (FILE, Place(2, 6))


@pytest.mark.parametrize(
    ("text", "file", "place", "message"),
    [
        ("{a: 1", FILE, (1, 6), "expected a comma before next field."),
        ("{\n  a: foo,\n}", FILE, (2, 6), "Unknown variable: foo"),
        ("{\n  a: error 'no\nway',\n}", FILE, (2, 6), "no\nway"),
        ("{\n a: {\n\n}.c }", FILE, (2, 5), "field does not exist: c"),
        ("{a: std.length(5)}", FILE, (1, 5), "length operates on"),
        ("import '../ci/wrong.libsonnet'", "ci/wrong.libsonnet", (3, 1), 'unexpected: "}"'),
        ("import '../ci/failing.libsonnet'", "ci/failing.libsonnet", (2, 6), "not here"),
        ("local f(x) = 1 + f(x); f(1)", FILE, (1, 18), "max stack frames exceeded."),
        ("{\n  a: error ''}", FILE, (2, 6), "an error without a message"),
        ("{a: function(x) x}", FILE, (1, 5), "couldn't manifest function"),
    ],
)
def test_errors_have_the_place_of_the_evaluator(
    text: str, file: str, place: tuple[int, int], message: str
) -> None:
    """In the innermost file of the user's, never in the standard library."""
    error = failure(text)
    assert message in error.message
    assert (error.file, error.place) == (file, Place(*place))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("std.repeat('x', 1024 * 1024)", "it evaluates to 1048579 bytes; at most 1048576 are allowed"),
        ("local f(n) = if n == 0 then 1 else [f(n - 1)]; f(101)", "more than 100 levels deep"),
    ],
)
def test_what_it_evaluates_to_has_bounds(text: str, message: str) -> None:
    """The same as for a text."""
    assert message in failure(text).message


def test_a_text_that_is_no_text_says_so() -> None:
    """Before the evaluator sees it."""
    with pytest.raises(NotReadable, match="0xff is not valid UTF-8"):
        read_jsonnet(FILE, b"{a: '\xff'}", {}, load)


def test_a_zero_byte_is_refused() -> None:
    """The evaluator could not take it; its place is told."""
    found = failure("{\n  a: '\0'}")
    assert (found.message, found.place) == (
        "the character U+0000 is not allowed here: remove it",
        Place(2, 7),
    )


@pytest.mark.parametrize("text", ["{a: std.char(55357)}", "error std.char(55357)", "{[std.char(56000)]: 1}"])
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    """Wherever the evaluator lets it out."""
    assert "half a surrogate pair" in failure(text).message


def test_traces_do_not_reach_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output is for frames."""
    assert read("std.trace('seen', {a: 1})") == {"a": 1}
    assert capfd.readouterr().out == ""
