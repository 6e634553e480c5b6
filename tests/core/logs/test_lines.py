"""Places of lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.logs.lines import behind_newline


@given(data=st.lists(st.sampled_from([b"\n", b"\r\n", b"x", b"y" * 300]), max_size=200).map(b"".join))
def test_each_newline_is_found(data: bytes) -> None:
    """As counting one by one finds it."""
    places = [place + 1 for place, byte in enumerate(data) if byte == 10]
    assert [behind_newline(data, number) for number in range(1, len(places) + 1)] == places


@pytest.mark.parametrize("number", [0, -1, 3])
def test_there_is_no_other(number: int) -> None:
    """Asking for it is a mistake."""
    with pytest.raises(ValueError, match="no newline"):
        behind_newline(b"one\ntwo\nthree", number)
