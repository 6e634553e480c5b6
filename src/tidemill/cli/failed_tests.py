"""A failed test as lines for people."""

from collections.abc import Iterator

from tidemill.cli.output import inert

_MOST_LINES = 12


def failed_lines(task: str, names: tuple[str, str], message: str, text: str) -> Iterator[str]:
    """Which it is, why, and where: a few lines of what its runner said."""
    yield ""
    yield inert(f"{task}: {': '.join(_line(name) for name in names if name)}")
    body = text.strip("\n").splitlines()
    first = _line(message)
    if first and first not in (_line(line) for line in body[:1]):
        yield f"  {inert(first)}"
    yield from (f"  {inert(line)}" for line in body[:_MOST_LINES])
    if len(body) > _MOST_LINES:
        yield f"  … {len(body) - _MOST_LINES:,} more lines"


def _line(text: str) -> str:
    return " ".join(text.split())
