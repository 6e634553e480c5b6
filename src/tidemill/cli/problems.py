"""What is wrong with configurations, printed: for people, for programs, for GitHub's annotations."""

import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol, TextIO

from tidemill.cli.output import inert, show
from tidemill.planning.planned import Problem, Severity

ProblemFormat = Literal["text", "json", "github"]

_TAB = 4
_WIDEST = 400
_MARGIN = " | "
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", None: "bold green"}


class Summary(NamedTuple):
    """How many problems of which weight were found in how many files."""

    files: int
    errors: int
    warnings: int

    @property
    def style(self) -> str:
        """The colour of the worst of them."""
        return _STYLES[Severity.ERROR if self.errors else Severity.WARNING if self.warnings else None]

    def __str__(self) -> str:
        where = _count(self.files, "file")
        if not self.errors and not self.warnings:
            return f"{where} checked, nothing wrong"
        found = ((self.errors, "error"), (self.warnings, "warning"))
        return f"{' and '.join(_count(n, word) for n, word in found if n)} in {where}"


def summarise(problems: Sequence[Problem], files: int) -> Summary:
    """The numbers for the last line."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    return Summary(files, errors, len(problems) - errors)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """*problems* as they stand in their files, those without a line last."""
    found = list(problems)
    files = list(dict.fromkeys(problem.path for problem in found))
    return sorted(found, key=lambda each: (files.index(each.path), not each.line, each.line, each.column))


def print_problems(problems: Sequence[Problem], format: ProblemFormat, summary: Summary) -> None:
    """Print *problems* on stdout, and the *summary* to people."""
    if format == "json":
        show(problems, "json")
    elif format == "github":
        for problem in problems:
            sys.stdout.write(github(problem) + "\n")
    else:
        explain(problems, sys.stdout)
        _say_to(sys.stdout)([(str(summary), summary.style)])


def explain(problems: Sequence[Problem], stream: TextIO) -> None:
    """Print *problems* for people: place, message, and the line of the file."""
    say = _say_to(stream)
    for problem in problems:
        style = _STYLES[problem.severity]
        place = inert(problem.path) + (f":{problem.line}:{problem.column}" if problem.line else "")
        message = " ".join(inert(problem.message).split())
        say([(f"{place}: ", "bold"), (problem.severity.value, style), (f": {message}", "")])
        for line, colour in zip(excerpt(problem, _width(stream)), ("", style), strict=False):
            say([(line, colour)], wrap=False)
        if problem.where:
            say([(f"  in {inert(problem.where)}", "dim")])


def github(problem: Problem) -> str:
    """A workflow command that makes an annotation."""
    place = {"file": problem.path}
    if problem.line:
        place |= {"line": str(problem.line), "col": str(problem.column)}
    properties = ",".join(f"{name}={_property(value)}" for name, value in place.items())
    return f"::{problem.severity} {properties}::{_data(problem.message)}"


def excerpt(problem: Problem, width: int = _WIDEST) -> list[str]:
    """The line of the file with a caret below the place, of at most *width* columns; empty without one."""
    if not problem.source.strip() or not problem.line:
        return []
    before = inert(problem.source[: max(problem.column - 1, 0)]).expandtabs(_TAB)
    line = inert(problem.source).expandtabs(_TAB)
    number = str(problem.line)
    line, caret = _window(line, len(before), max(width - len(number) - len(_MARGIN) - 2, 10))
    return [f"  {number}{_MARGIN}{line}", f"  {' ' * len(number)}{_MARGIN}{' ' * caret}^"]


def _window(line: str, at: int, width: int) -> tuple[str, int]:
    """The part of *line* around the character *at* that fits, and the column of that character."""
    start = 0
    while start < at and _columns(line[start:at]) > width * 2 // 3 and _columns(line) > width:
        start += 1
    shown = "…" + line[start + 1 :] if start else line
    at -= start
    while _columns(shown) > width:
        shown = shown[:-2] + "…"
    return shown.rstrip(), _columns(shown[:at])


def _columns(text: str) -> int:
    """How many columns of a terminal *text* takes."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


class _Say(Protocol):
    """Prints one line, made of texts with their styles."""

    def __call__(self, pieces: Sequence[tuple[str, str]], *, wrap: bool = True) -> None: ...


def _say_to(stream: TextIO) -> _Say:
    """Plain lines, or coloured ones where *stream* is a terminal."""
    if not stream.isatty():

        def write(pieces: Sequence[tuple[str, str]], *, wrap: bool = True) -> None:  # noqa: ARG001
            stream.write("".join(text for text, _ in pieces) + "\n")

        return write
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, emoji=False, markup=False)

    def say(pieces: Sequence[tuple[str, str]], *, wrap: bool = True) -> None:
        console.print(Text.assemble(*pieces), no_wrap=not wrap, overflow="fold", crop=not wrap)

    return say


def _width(stream: TextIO) -> int:
    return shutil.get_terminal_size().columns if stream.isatty() else _WIDEST


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
