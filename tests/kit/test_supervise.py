"""Supervised loops: started at once, woken by bells, ticking slowly, never dying of a failure."""

from collections.abc import Awaitable, Callable

import anyio
import pytest
import structlog
from prometheus_client import REGISTRY

from tidemill.errors import Unavailable
from tidemill.kit import supervise
from tidemill.kit.coord import Bells
from tidemill.kit.supervise import Loop, one_by_one, run_loops

pytestmark = pytest.mark.anyio

SECONDS = 10


class Work:
    """Counts its runs, and lets a test wait for them."""

    def __init__(self, fail: int = 0) -> None:
        self.runs = 0
        self.failures_left = fail
        self._changed = anyio.Event()

    async def __call__(self) -> None:
        self.runs += 1
        self._changed.set()
        self._changed = anyio.Event()
        if self.failures_left:
            self.failures_left -= 1
            raise RuntimeError("broken")

    async def reached(self, runs: int) -> None:
        with anyio.fail_after(SECONDS):
            while self.runs < runs:
                await self._changed.wait()


class Pauses:
    """Records how long loops rest, and makes the rest short."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await anyio.lowlevel.checkpoint()


def counted(loop: str, cause: str) -> float:
    return REGISTRY.get_sample_value("tidemill_loop_runs_total", {"loop": loop, "cause": cause}) or 0


async def while_running(loops: list[Loop], test: Callable[[], Awaitable[None]]) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(run_loops, loops)
        await test()
        group.cancel_scope.cancel()


async def test_a_loop_runs_at_once_and_when_its_bell_rings() -> None:
    """Every ring that comes after a run makes another one, promptly."""
    bells, work = Bells(), Work()

    async def test() -> None:
        await work.reached(1)
        bells.ring("jobs/1")
        await work.reached(2)
        bells.ring("jobs/2")
        await work.reached(3)

    await while_running([Loop("belled", work, bell=bells.listen("jobs"))], test)
    assert counted("belled", "start") == 1
    assert counted("belled", "wake") == 2


async def test_a_loop_without_a_bell_ticks_with_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """It rests at least its seconds, a little longer, and never the same."""
    work, pauses = Work(), Pauses()
    monkeypatch.setattr(anyio, "sleep", pauses)
    await while_running([Loop("ticking", work, seconds=20)], lambda: work.reached(50))
    assert min(pauses.seconds) >= 20
    assert max(pauses.seconds) <= 22
    assert len(set(pauses.seconds)) == len(pauses.seconds)
    assert counted("ticking", "tick") >= 49


async def test_a_failing_loop_backs_off_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """1, 2, 4 … 60 s between failures, each logged and counted; after a success all is forgotten."""
    work, pauses = Work(fail=8), Pauses()
    monkeypatch.setattr(anyio, "sleep", pauses)
    with structlog.testing.capture_logs() as lines:
        await while_running([Loop("failing", work)], lambda: work.reached(10))
    assert pauses.seconds[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pauses.seconds[8] >= 15
    assert [line["failures"] for line in lines if line["log_level"] == "error"] == list(range(1, 9))
    assert counted("failing", "retry") == 8
    assert REGISTRY.get_sample_value("tidemill_loop_failures_total", {"loop": "failing"}) == 8


async def test_a_loop_may_fail_all_night(monkeypatch: pytest.MonkeyPatch) -> None:
    """After thousands of failures in a row it is still tried again."""
    work, pauses = Work(fail=1500), Pauses()
    monkeypatch.setattr(anyio, "sleep", pauses)
    with structlog.testing.capture_logs():
        await while_running([Loop("failing long", work)], lambda: work.reached(1501))
    assert pauses.seconds[1499] == 60


async def test_a_bell_does_not_hurry_a_failing_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is rung, a loop that fails keeps its distance."""
    bells, work, pauses = Bells(), Work(fail=3), Pauses()
    monkeypatch.setattr(anyio, "sleep", pauses)
    bell = bells.listen("")

    async def ringing() -> None:
        bells.ring("now")
        await work()

    await while_running([Loop("rung", ringing, bell=bell)], lambda: work.reached(4))
    assert pauses.seconds == [1, 2, 4]


async def test_one_loop_does_not_wait_for_another() -> None:
    """A loop that hangs leaves the others alone, and cancelling ends them all."""
    bells, work = Bells(), Work()

    async def hang() -> None:
        await anyio.sleep_forever()

    async def test() -> None:
        bells.ring("x")
        await work.reached(2)

    with anyio.fail_after(SECONDS):
        await while_running([Loop("hanging", hang), Loop("other", work, bell=bells.listen("x"))], test)


@pytest.mark.parametrize("seconds", [0, 1, 14.9])
def test_loops_are_slow(seconds: float) -> None:
    """A loop that wants to be prompt needs a bell, not a fast timer."""
    with pytest.raises(ValueError, match="bell"):
        Loop("hasty", Work(), seconds=seconds)
    assert supervise.FASTEST_TICK == 15


async def test_one_of_many_that_fails_holds_up_no_other() -> None:
    """It is counted and left out of what was done; what is away ends the look, since all would fail."""
    turns: list[int] = []

    async def work(item: int) -> None:
        turns.append(item)
        if item == 2:
            raise RuntimeError("broken")
        if item == 4:
            raise Unavailable("away")

    def failures() -> float:
        return REGISTRY.get_sample_value("tidemill_loop_failures_total", {"loop": "many"}) or 0.0

    before = failures()
    assert await one_by_one("many", [1, 2, 3], work) == [1, 3]
    assert failures() == before + 1
    with pytest.raises(Unavailable):
        await one_by_one("many", [4, 5], work)
    assert turns == [1, 2, 3, 4]
