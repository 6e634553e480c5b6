"""At rest the system rests."""

import re
import threading

import httpx2

from tests.system.server import Server, Work, config

IDLE_SECONDS = 60
FASTEST_TICK = 15


def loop_runs(server: Server) -> dict[str, float]:
    """How often each loop has run, by its name."""
    text = httpx2.get(f"{server.url}/metrics", timeout=10).text
    counts: dict[str, float] = {}
    for name, count in re.findall(
        r'^tidemill_loop_runs_total{.*?loop="([^"]+)".*?} (\S+)$', text, re.MULTILINE
    ):
        counts[name] = counts.get(name, 0) + float(count)
    return counts


def test_no_loop_is_faster_than_15_seconds_at_rest(server: Server, work: Work) -> None:
    """After a run, over 60 idle seconds, every loop runs at most once in 15 s (and one at the border)."""
    work.commit(config("true"))
    work.push()
    work.project.finished(1)
    threading.Event().wait(5)  # the work after a run (compaction, clean-up) is not rest
    before = loop_runs(server)
    threading.Event().wait(IDLE_SECONDS)  # the measured time itself, not a wait for a condition
    after = loop_runs(server)
    assert before
    busy = {name: after[name] - before.get(name, 0) for name in after}
    assert not {name: runs for name, runs in busy.items() if runs > IDLE_SECONDS / FASTEST_TICK + 1}
