"""Times of bytes, however marks are cut, moved and thinned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.logs.marks import (
    Mark,
    between,
    decode,
    encode,
    first_since,
    moved,
    read,
    seen_at,
    spelt,
    thinned,
)

MARKS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 10)), max_size=20).map(
    lambda pairs: [
        Mark(offset, 1000 + place * 10 + rest)
        for place, (offset, rest) in enumerate(sorted(dict(pairs).items()))
    ]
)


@given(marks=MARKS, start=st.integers(0, 220), length=st.integers(1, 100))
def test_a_part_knows_the_times_of_its_bytes(marks: list[Mark], start: int, length: int) -> None:
    """As the whole does, but that what is before the first mark may take that mark's time for its own."""
    part = between(marks, start, start + length)
    for offset in range(length):
        if seen_at(marks, start + offset) is not None:
            assert seen_at(part, offset) == seen_at(marks, start + offset)
    assert all(0 <= mark.offset < length for mark in part)


@given(marks=MARKS, at=st.integers(990, 1210))
def test_what_was_seen_since_a_time(marks: list[Mark], at: int) -> None:
    """Everything before it was seen earlier."""
    found = first_since(marks, at)
    times = [seen_at(marks, offset) for offset in range(221)]
    late = [offset for offset, seen in enumerate(times) if seen is not None and seen >= at]
    if found is None:
        assert not late
    elif found != 0:
        assert found == late[0]


@given(marks=MARKS, most=st.integers(1, 30))
def test_thinned_marks_are_some_of_them(marks: list[Mark], most: int) -> None:
    """The first is among them, and their order stays."""
    few = thinned(marks, most)
    assert len(few) <= most
    assert list(few) == [mark for mark in marks if mark in few]
    assert few[:1] == tuple(marks[:1])


def test_marks_are_stored_and_moved() -> None:
    """Where nothing is stored there are none."""
    marks = (Mark(0, 1_764_000_000_000), Mark(17, 1_764_000_000_100))
    assert decode(encode(marks)) == marks
    assert decode(None) == ()
    assert moved(marks, 5) == (Mark(5, 1_764_000_000_000), Mark(22, 1_764_000_000_100))


def test_marks_are_spelt_and_read() -> None:
    """Of what was never said there are none."""
    marks = (Mark(0, 1764000000000), Mark(17, 1764000000100))
    assert read(spelt(marks), 18) == marks
    assert read("", 18) == ()


@pytest.mark.parametrize(
    "text", ["0", "-", "0-", "-1", "0-1-2", "x-1", "1-1,0-1", "1-1,1-2", "9-1", ",", "0-1,", "0-\u0663"]
)
def test_what_is_no_list_of_marks_is_refused(text: str) -> None:
    """With the error that its reader turns into an answer."""
    with pytest.raises(ValueError, match=r"marks|offset"):
        read(text, 9)
