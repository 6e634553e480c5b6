"""How problems are shown: the line with a caret, annotations of GitHub, the numbers at the end."""

import io

import pytest

from tidemill.cli.problems import excerpt, explain, github, in_order, summarise
from tidemill.planning.planned import Problem, Severity


def problem(source: str = "", column: int = 1, **fields: object) -> Problem:
    """A problem in line 7 of a file."""
    given = {"path": "a.yml", "line": 7, "column": column, "message": "wrong", "source": source}
    return Problem(**given | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "column", "line", "caret_at"),
    [
        ("runs: x", 7, "runs: x", 6),
        ("runs:", 6, "runs:", 5),
        ("\trun: x", 2, "    run: x", 4),
        ("  a\tb", 5, "  a b", 4),
        ("名前: x", 5, "名前: x", 6),
        ("e\u0301: x", 4, "e\u0301: x", 2),
        ("a: \x1b[31mred", 9, "a: red", 3),
        ("a: \u202ex", 5, "a: x", 3),
    ],
)
def test_the_caret_is_below_the_place(source: str, column: int, line: str, caret_at: int) -> None:
    """Whatever a terminal makes of the characters before it; what would move it is taken out."""
    shown, caret = excerpt(problem(source, column))
    assert shown == f"  7 | {line}"
    assert caret == f"    | {' ' * caret_at}^"


def test_a_long_line_is_shown_around_the_place() -> None:
    """As much of it as there is room for, in two lines of the same width."""
    source = "a" * 300 + "HERE" + "b" * 300
    shown, caret = excerpt(problem(source, 301), width=60)
    assert len(shown) <= 60
    assert shown[caret.index("^") :].startswith("HERE")
    assert "…a" in shown
    assert shown.endswith("b…")


@pytest.mark.parametrize("column", [1, 20, 299, 604])
@pytest.mark.parametrize("width", [1, 12, 40])
def test_the_caret_is_in_sight_however_narrow(column: int, width: int) -> None:
    """At both ends of a long line too."""
    shown, caret = excerpt(problem("名" * 302, min(column, 302)), width=width)
    assert len(caret) <= max(width, 18)
    assert shown.startswith("  7 | ")


@pytest.mark.parametrize("wrong", [problem(""), problem("   "), problem("x", line=0)])
def test_without_a_line_there_is_no_caret(wrong: Problem) -> None:
    """Nothing is shown below the message."""
    assert excerpt(wrong) == []


def test_problems_are_explained() -> None:
    """The place, the weight, the message in one line, the excerpt, and where in the data it is."""
    stream = io.StringIO()
    explain(
        [
            problem("runs: 1", 7, where="runs", message="must be\na list"),
            Problem(path="b.yml", message="odd", severity=Severity.WARNING),
        ],
        stream,
    )
    assert stream.getvalue() == (
        "a.yml:7:7: error: must be a list\n  7 | runs: 1\n    |       ^\n  in runs\nb.yml: warning: odd\n"
    )


def test_problems_come_as_they_stand_in_their_files() -> None:
    """Whatever their weight; one of a whole file comes last."""
    places = [("b", 2), ("b", 0), ("a", 3), ("b", 1), ("a", 1)]
    found = in_order(problem(path=path, line=line) for path, line in places)
    assert [(each.path, each.line) for each in found] == [("b", 1), ("b", 2), ("b", 0), ("a", 1), ("a", 3)]


@pytest.mark.parametrize(
    ("wrong", "command"),
    [
        (problem(), "::error file=a.yml,line=7,col=1::wrong"),
        (problem(severity=Severity.WARNING), "::warning file=a.yml,line=7,col=1::wrong"),
        (problem(line=0, column=0), "::error file=a.yml::wrong"),
        (problem(message="50%\r\nof a: b, c"), "::error file=a.yml,line=7,col=1::50%25%0D%0Aof a: b, c"),
        (problem(path="a,b:c%.yml"), "::error file=a%2Cb%3Ac%25.yml,line=7,col=1::wrong"),
        (problem(path="a\n::error::b"), "::error file=a%0A%3A%3Aerror%3A%3Ab,line=7,col=1::wrong"),
    ],
)
def test_annotations_are_escaped(wrong: Problem, command: str) -> None:
    """Nothing in a path or message can end the command or begin another one."""
    assert github(wrong) == command


@pytest.mark.parametrize(
    ("errors", "warnings", "files", "sentence"),
    [
        (0, 0, 1, "1 file checked, nothing wrong"),
        (0, 0, 2, "2 files checked, nothing wrong"),
        (1, 0, 1, "1 error in 1 file"),
        (2, 1, 3, "2 errors and 1 warning in 3 files"),
        (0, 2, 1, "2 warnings in 1 file"),
    ],
)
def test_the_last_line_counts(errors: int, warnings: int, files: int, sentence: str) -> None:
    """Errors and warnings apart."""
    problems = [problem()] * errors + [problem(severity=Severity.WARNING)] * warnings
    assert str(summarise(problems, files)) == sentence
