"""Waiting longer after each failure, however many there have been."""

import pytest

from tidemill.kit.back_off import back_off


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0.5), (1, 1), (3, 4), (10, 60), (1023, 60), (1024, 60), (10**9, 60)]
)
def test_the_wait_doubles_up_to_the_most(failures: int, seconds: float) -> None:
    """No number of failures is too many: what has failed all night is tried again in the morning."""
    assert back_off(failures, first=0.5, most=60) == seconds
