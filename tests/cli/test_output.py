"""Output: tables for people, JSON for programs, nothing that a stranger could do to a terminal."""

import io
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tidemill.cli.output import age, duration, inert, show

BEGAN = datetime(2026, 7, 30, 12, 0, tzinfo=UTC)
COLUMNS = {"NAME": "name", "SIZE": "size", "AT": "at"}


class Thing(msgspec.Struct, frozen=True):
    name: str
    size: int | None = None
    at: datetime | None = None
    tags: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢 \t tab", "plain ü 漢 \t tab"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]8;;http://evil.invalid\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]52;c;aGk=\x07x", "x"),
        ("a\x00b\x07c\x08d\x7fe", "abcde"),
        ("\x9b31mred", "31mred"),
        ("over\rwritten", "overwritten"),
        ("user\u202etxt.exe\u2066\u2069\u200f", "usertxt.exe"),
        ("\x1b", ""),
        ("end\x1b]8;;http://never.closed", "end"),
    ],
)
def test_text_of_strangers_is_inert(text: str, shown: str) -> None:
    """Escape sequences, links, control characters and directions are dropped; text stays."""
    assert inert(text) == shown


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns are as wide as their widest cell; what is missing is a dash."""
    show([Thing("a", 5, BEGAN), Thing("longer")], "table", columns=COLUMNS)
    assert capsys.readouterr().out == (
        "NAME    SIZE  AT\na       5     2026-07-30 12:00:00\nlonger  -     -\n"
    )


def test_a_table_of_nothing_has_headings(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list shows what there could be."""
    show([], "table", columns=COLUMNS)
    assert capsys.readouterr().out == "NAME  SIZE  AT\n"


def test_a_cell_stays_in_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    """A name with line ends and colours is one inert cell."""
    show(Thing("two\nlines \x1b[31mred\x1b[0m [red]x[/red]"), "table", columns={"NAME": "name"})
    assert capsys.readouterr().out == "NAME\ntwo lines red [red]x[/red]\n"


@pytest.mark.parametrize("columns", [60, 30, 10])
def test_a_table_fits_its_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """On a terminal the widest columns are cut, none of them to less than eight characters."""
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = screen(
        monkeypatch, [Thing("x" * 50, 5), Thing("short", tags=("y" * 40,))], ("name", "size", "tags")
    )
    assert max(map(len, lines)) <= max(columns, 8 + 2 + 4 + 2 + 8)
    assert [line.split()[0] for line in lines[:1]] == ["NAME"]
    assert "…" in lines[1]
    assert lines[2].startswith("short")


def test_a_terminal_shows_how_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moments are ages for whoever looks at them now, wherever they sit."""
    at = datetime.now(UTC) - timedelta(hours=3, minutes=5)
    assert screen(monkeypatch, [Thing("a", at=at)], ("name", "at")) == ["NAME  AT", "a     3 h ago"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0 s ago"), (59, "59 s ago"), (119, "1 m ago"), (7200, "2 h ago"), (86400 * 400, "400 d ago")],
)
def test_an_age_is_for_people(seconds: float, shown: str) -> None:
    """One unit, rounded down."""
    assert age(BEGAN, BEGAN + timedelta(seconds=seconds)) == shown


def screen(monkeypatch: pytest.MonkeyPatch, things: list[Thing], names: tuple[str, ...]) -> list[str]:
    """The lines of a table on a terminal."""
    written = io.StringIO()
    written.isatty = lambda: True  # type: ignore[method-assign]  # as a terminal's answers
    monkeypatch.setattr("sys.stdout", written)
    show(things, "table", columns={name.upper(): name for name in names})
    return written.getvalue().splitlines()


def test_columns_are_those_of_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Without columns every field is one; a list in a cell is separated by commas."""
    show(Thing("a", tags=("x", "y")), "table")
    assert [line.split(maxsplit=3) for line in capsys.readouterr().out.splitlines()] == [
        ["NAME", "SIZE", "AT", "TAGS"],
        ["a", "-", "-", "x, y"],
    ]


def test_json_is_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON holds every field, shown or not."""
    show([Thing("a", tags=("\x1b[31m",))], "json", columns=COLUMNS)
    out = capsys.readouterr().out
    assert json.loads(out) == [{"name": "a", "size": None, "at": None, "tags": ["\x1b[31m"]}]
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.34, "340 ms"),
        (12.34, "12.3 s"),
        (245, "4 m 05 s"),
        (59.96, "1 m 00 s"),
        (119.7, "2 m 00 s"),
        (-1, "0 ms"),
        (0.9999, "1.0 s"),
    ],
)
def test_a_duration_is_for_people(seconds: float, shown: str) -> None:
    """Three figures at most, in the unit that fits."""
    assert duration(BEGAN, BEGAN + timedelta(seconds=seconds)) == shown


def test_what_has_not_begun_took_no_time() -> None:
    """No start, no duration; no end, the time until now."""
    assert duration(None, None) == ""
    assert duration(BEGAN, None, BEGAN + timedelta(seconds=2)) == "2.0 s"
