"""How long failures are borne: when a delivery is tried again, and when a receiver is let be for a while."""

import random

from tidemill.kit.back_off import back_off

#: Seconds until the second attempt of a delivery, doubled after each further one up to the last.
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 3600.0
#: Failures in a row after which a receiver rests; then one delivery at a time finds out whether it is back.
FAILURES = 5
_FIRST_REST, _LONGEST_REST = 10.0, 300.0
_JITTER = 0.25


def pause(attempts: int) -> float:
    """Seconds until a delivery is tried again that has failed so often."""
    return _spread(back_off(attempts - 1, first=_FIRST_PAUSE, most=_LONGEST_PAUSE))


def rest(failures: int) -> float:
    """Seconds for which a receiver is let be that has failed so often in a row; 0 is not at all."""
    if failures < FAILURES:
        return 0.0
    return _spread(back_off(failures - FAILURES, first=_FIRST_REST, most=_LONGEST_REST))


def _spread(seconds: float) -> float:
    """A little more or less, so that what has failed together is not tried together."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads load
