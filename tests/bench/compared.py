"""Another system's figures beside ours: the same work on the same machine, one table."""

from collections.abc import Mapping, Sequence

from tests.bench.figures import table

#: What is compared, by the name under which both sides tell it: words for people, unit, whether more is better.
COMPARED = {
    "first_step": ("trigger → first step started, p50", "ms", False),
    "last_step": ("last step ended → finished, p50", "ms", False),
    "three_steps": ("3 steps, trigger → finished, p50", "ms", False),
    "queued_1": ("200 queued, 1 step each, 4 at once", "a minute", True),
    "queued_3": ("200 queued, 3 steps each, 4 at once", "a minute", True),
    "cpu": ("processor time of the server for each of these", "ms", False),
    "log": ("a log of 100 MB, printed to stored", "MB/s", True),
    "log_memory": ("server's memory at most meanwhile", "MB", False),
    "rest": ("server's memory at rest", "MB", False),
}


def compared(ours: Mapping[str, float], theirs: Mapping[str, float], name: str) -> str:
    """Both sides as a Markdown table; the last column says how many times better ours is."""
    rows: list[Sequence[str]] = [("what", "Tidemill", name, "times better")]
    for key, (what, unit, more_is_better) in COMPARED.items():
        if key in ours and key in theirs:
            times = ours[key] / theirs[key] if more_is_better else theirs[key] / ours[key]
            rows.append((what, f"{ours[key]:,.1f} {unit}", f"{theirs[key]:,.1f} {unit}", f"{times:.1f}"))
    return table(rows)
