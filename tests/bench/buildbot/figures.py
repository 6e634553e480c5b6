"""Buildbot's figures: trigger to first step, three steps to their end, a queue of 200, a log of 100 MB."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench.buildbot.running import Buildbot
from tests.bench.figures import Figure, median_ms, milliseconds
from tests.bench.main_job import LOG_MB, PRINT, QUEUED, cpu_seconds, memory

SINGLE = 20
#: A step of Buildbot's own comes first, which prepares the worker.
FIRST = 1


def measure(directory: Path) -> Iterator[Figure]:
    """All figures; each belongs beside the one of the same name of the main job."""
    home = directory / "buildbot"
    home.mkdir()
    with Buildbot(home, PRINT).running() as buildbot:
        yield rest(buildbot)
        yield from single(buildbot)
        for builder, steps in (("one", 1), ("three", 3)):
            yield queued(buildbot, builder, steps)
        yield printed(buildbot)


def rest(buildbot: Buildbot) -> Figure:
    used = memory(buildbot.master.pid)
    return Figure("Buildbot: master at rest, RSS", f"{used:.0f} MB", numbers={"rest": used})


def single(buildbot: Buildbot) -> Iterator[Figure]:
    """Builds of three steps one after another, on an idle machine."""
    first, last, whole = [], [], []
    for _ in range(SINGLE):
        before = ended(buildbot.events())
        asked = buildbot.trigger("three")
        events = buildbot.finished(before + 1)
        build = max(event["build"] for event in events)
        mine = [event for event in events if event["build"] == build]
        steps = [event["at"] for event in mine if event["what"] == "steps finished"]
        end = next(event["at"] for event in mine if event["what"] == "builds finished")
        first.append(begun(mine) - asked)
        last.append(end - max(steps))
        whole.append(end - asked)
    for key, what, seconds in (
        ("first_step", "trigger → first step started", first),
        ("last_step", "last step ended → build finished", last),
        ("three_steps", "3-step build, trigger → finished", whole),
    ):
        yield Figure(f"Buildbot: {what}", milliseconds(seconds), numbers={key: median_ms(seconds)})


def queued(buildbot: Buildbot, builder: str, steps: int) -> Figure:
    """So many builds asked for at once, four of them at a time."""
    before = ended(buildbot.events())
    cpu = cpu_seconds(buildbot.master.pid)
    asked = [buildbot.trigger(builder) for _ in range(QUEUED)]
    events = buildbot.finished(before + QUEUED)
    end = max(event["at"] for event in events if event["what"] == "builds finished")
    used = (cpu_seconds(buildbot.master.pid) - cpu) / QUEUED * 1e3
    per_minute = QUEUED / (end - asked[0]) * 60
    return Figure(
        f"Buildbot: {QUEUED} builds of {steps} step{'s' if steps > 1 else ''} queued, 4 at once",
        f"{per_minute:,.0f} builds/min, {used:.0f} ms CPU each, {memory(buildbot.master.pid):.0f} MB RSS",
        numbers={f"queued_{steps}": per_minute, "cpu": used},
    )


def printed(buildbot: Buildbot) -> Figure:
    """A step that prints 100 MB, from its begin to the end of its build."""
    before = ended(buildbot.events())
    buildbot.trigger("print")
    events = buildbot.finished(before + 1)
    mine = [event for event in events if event["build"] == max(event["build"] for event in events)]
    seconds = max(event["at"] for event in mine) - begun(mine)
    peak = memory(buildbot.master.pid, "VmHWM")
    return Figure(
        f"Buildbot: a log of {LOG_MB} MB, printed to stored",
        f"{LOG_MB / seconds:.1f} MB/s, {peak:.0f} MB RSS at most",
        numbers={"log": LOG_MB / seconds, "log_memory": peak},
    )


def begun(events: Sequence[dict[str, Any]]) -> float:
    """When the first step of ours began."""
    starts = (e["at"] for e in events if e["what"] == "steps started" and e["number"] == FIRST)
    return float(next(starts))


def ended(events: Sequence[dict[str, Any]]) -> int:
    """How many builds are over."""
    return sum(event["what"] == "builds finished" for event in events)
