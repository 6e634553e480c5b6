"""Lengths of time as people say them."""

import pytest

from tidemill.core.spans import span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.5 s"),
        (0.021249, "0.02 s"),
        (90, "90 s"),
        (119.9, "119 s"),
        (120, "2 min"),
        (150, "2 min 30 s"),
        (5400, "1 h 30 min"),
        (86400, "24 h"),
        (3 * 86400, "72 h"),
        (10 * 86400 + 7200, "10 d 2 h"),
        (3601, "1 h 1 s"),
    ],
)
def test_a_length_of_time(seconds: float, text: str) -> None:
    """Two units at most."""
    assert span(seconds) == text
