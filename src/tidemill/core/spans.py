"""Lengths of time in sentences for people."""

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
_MOST_HOURS = 72


def span(seconds: float) -> str:
    """Such as `24 h`, `1 h 30 min`, `90 s` or `0.5 s`: at most two units, the smaller one rounded down."""
    if seconds < 120:
        return f"{round(seconds, 2):g} s" if seconds < 10 else f"{int(seconds)} s"
    rest = int(seconds)
    parts = []
    for size, unit in _UNITS if rest > _MOST_HOURS * 3600 else _UNITS[1:]:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    if rest:
        parts.append(f"{rest} s")
    return " ".join(parts[:2])
