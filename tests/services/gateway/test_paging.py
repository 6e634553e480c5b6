"""Parameters and cursors of lists (reference, API 1.4)."""

import json
from base64 import b64decode, b64encode

import pytest

from tidemill.errors import BadRequest
from tidemill.services.gateway.paging import (
    LARGEST_NUMBER,
    NamesPage,
    RunsPage,
    names_page,
    page_size,
    run_number,
    runs_page,
)


def code(call: object, *arguments: object, **named: object) -> str:
    with pytest.raises(BadRequest) as caught:
        call(*arguments, **named)  # type: ignore[operator]
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 30), ("1", 1), ("30", 30), ("31", 30), ("99999999999999999999", 30), ("0", 0), ("+5", 5)],
)
def test_limits(text: str, size: int) -> None:
    """30 unless said otherwise and never more, except for 0, which is all."""
    assert page_size(text) == size


@pytest.mark.parametrize("text", ["-1", "x", "1.5", " 1", "1_0", "\u0663"])
def test_bad_limits(text: str) -> None:
    """Whatever is not a whole number from 0 on."""
    assert code(page_size, text) == "invalidLimit"


def test_a_list_of_names_begins_and_goes_on() -> None:
    """The cursor is what Agola's server writes, and brings its own direction."""
    first = names_page({"limit": "2", "sortdirection": "desc"})
    assert first == NamesPage(after="", limit=2, ascending=False)
    cursor = first.cursor("bob")
    assert b64decode(cursor) == b'{"Start":"bob","SortDirection":"desc"}'
    assert names_page({"cursor": cursor, "limit": "5"}) == NamesPage(after="bob", limit=5, ascending=False)
    assert first.cursor("") == ""
    assert names_page({}).ascending


def test_a_list_of_runs_begins_and_goes_on() -> None:
    """Newest first by default; the filters stand in the cursor and hold on every page."""
    first = runs_page({"start": "9", "subgroup": "/branch//main/", "phase": ("running", "")})
    assert first == RunsPage(
        after=9, limit=30, ascending=False, subgroup="branch/main", phases=("running",), results=()
    )
    cursor = first.cursor(4)
    assert json.loads(b64decode(cursor)) == {
        "StartRunCounter": 4,
        "SortDirection": "desc",
        "SubGroup": "branch/main",
        "PhaseFilter": ["running"],
        "ResultFilter": None,
    }
    second = runs_page({"cursor": cursor, "limit": "3"})
    assert second == RunsPage(
        after=4, limit=3, ascending=False, subgroup="branch/main", phases=("running",), results=()
    )


def test_a_cursor_without_filters_is_agolas_to_the_letter() -> None:
    """Key order and nulls."""
    assert b64decode(runs_page({}).cursor(4)) == (
        b'{"StartRunCounter":4,"SortDirection":"desc","SubGroup":"","PhaseFilter":null,"ResultFilter":null}'
    )


@pytest.mark.parametrize(
    "beside", [{"sortdirection": "asc"}, {"start": "1"}, {"subgroup": "branch"}, {"phase": ("running",)}]
)
def test_nothing_stands_beside_a_cursor(beside: dict[str, object]) -> None:
    """Only the limit."""
    cursor = runs_page({}).cursor(4)
    assert code(runs_page, {"cursor": cursor} | beside) == "badRequest"


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!",
        b64encode(b"{}").decode(),
        b64encode(b'{"Start":5,"SortDirection":"asc"}').decode(),
        b64encode(b'{"Start":"a\\u0000b","SortDirection":"asc"}').decode(),
        b64encode(b'{"StartRunCounter":-1,"SortDirection":"asc"}').decode(),
        b64encode(b'{"StartRunCounter":99999999999999999999,"SortDirection":"asc"}').decode(),
    ],
)
def test_damaged_cursors(cursor: str) -> None:
    """A plain 400."""
    assert code(names_page, {"cursor": cursor}) == "badRequest"
    assert code(runs_page, {"cursor": cursor}) == "badRequest"


def test_directions() -> None:
    """Two, also inside a cursor."""
    assert code(names_page, {"sortdirection": "up"}) == "invalidSortDirection"
    forged = b64encode(b'{"Start":"a","SortDirection":"up"}').decode()
    assert code(names_page, {"cursor": forged}) == "invalidSortDirection"


def test_run_numbers() -> None:
    """Digits; a number that no database holds is one that no run has."""
    assert run_number("17") == 17
    assert run_number("99999999999999999999") == LARGEST_NUMBER
    for text in ("", "x", "-1", "1.0", "\u0661"):
        assert code(run_number, text) == "invalidRunNumber"


def test_a_limit_is_looked_at_before_a_direction() -> None:
    """The reference's order of checks."""
    assert code(names_page, {"limit": "x", "sortdirection": "up"}) == "invalidLimit"
