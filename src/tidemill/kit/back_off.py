"""How long to wait before the next try of what has failed."""

_ENOUGH = 64  # doublings; more would leave the range of numbers after a night without a database


def back_off(failures: int, *, first: float, most: float) -> float:
    """*first* seconds after no earlier failure, twice as long after each, *most* in the end."""
    return min(first * 2.0 ** min(failures, _ENOUGH), most)
