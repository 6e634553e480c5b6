"""One figure of a bench and the table of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """What was measured, on which work, beside what."""

    what: str
    ours: str
    raw: str = ""
    ratio: str = ""
    budget: str = ""
    verdict: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    """What of it is compared with another system, by the names of `compared`."""


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which *part* of the values lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def median_ms(values: Sequence[float]) -> float:
    """The median of seconds, in milliseconds."""
    return quantile(values, 0.5) * 1e3


def milliseconds(values: Sequence[float]) -> str:
    """Median and 99th percentile of seconds, for people."""
    return f"{median_ms(values):.1f} ms (p99 {quantile(values, 0.99) * 1e3:.1f})"


def met(value: float, budget: float) -> str:
    """Whether *value* is within *budget*."""
    return "met" if value <= budget else "MISSED"


def draw(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    headings = ("what", "ours", "raw baseline", "ratio", "budget", "")
    return table([headings, *((f.what, f.ours, f.raw, f.ratio, f.budget, f.verdict) for f in figures)])


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows, the first of which are the headings, as a Markdown table."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
