"""A log has a limit; the step has none, and whoever reads knows what is missing."""

import anyio
import pytest

from tests.work.places import Place, job, run
from tidemill.core.job import Outcome
from tidemill.core.run import StepPhase
from tidemill.pods.fake import FakeDriver
from tidemill.work.directory import kept_jobs

pytestmark = pytest.mark.anyio

FULL = b"\n--- the log has reached its limit of 10 bytes; what follows is left out ---\n"


async def log_of(place: Place, *commands: str, log_limit: int, **given: str) -> bytes:
    """The log of the first step of a job that succeeds."""
    spec = job(*commands, values=tuple(given))
    with anyio.fail_after(10):
        await place.accepted(spec, given, log_limit=log_limit).run()
    assert place.reports[-1].outcome is Outcome.SUCCESS
    return place.store.log(0)


async def test_the_log_says_what_is_left_out(place: Place) -> None:
    """Where it was cut off, and at its end how much is missing; the step succeeds and the next one begins."""
    log = await log_of(place, "echo 0123456789abc\nflood 1000000", "echo two", log_limit=10)
    assert log == b"0123456789" + FULL + b"--- 1,000,004 bytes are left out ---\n"
    assert place.store.log(1) == b"two\n"


async def test_a_log_of_just_the_limit_is_whole(place: Place) -> None:
    """Nothing is said then."""
    assert await log_of(place, "echo 012345678", log_limit=10) == b"012345678\n"


async def test_the_cut_is_seen_while_the_step_goes_on(place: Place, driver: FakeDriver) -> None:
    """A follower need not wait for the end to know why nothing comes."""
    worker = place.accepted(job("echo 0123456789\nwait gate\necho more"), log_limit=10)
    async with place.working(worker):
        await place.store.until(0, FULL)
        assert place.store.log(0) == b"0123456789" + FULL
        driver.release("gate")
    assert place.store.log(0) == b"0123456789" + FULL + b"--- 6 bytes are left out ---\n"


@pytest.mark.parametrize("stored", [0, 5, 10, 12, 60, 90])
async def test_another_life_goes_on_with_the_same_words(
    place: Place, driver: FakeDriver, stored: int
) -> None:
    """Wherever the store ends, and whatever limit the settings have by then."""
    spec = job("echo 0123456789\nwait gate\necho more")
    async with place.working(place.accepted(spec, log_limit=10)) as life:
        await place.store.until(0, FULL)
        life.cancel_scope.cancel()
    del place.store.logs[0][stored:]
    (kept,) = kept_jobs(place.directory.path.parent)
    async with place.working(place.worker(kept, {}, log_limit=500)):
        driver.release("gate")
    assert place.store.log(0) == b"0123456789" + FULL + b"--- 6 bytes are left out ---\n"


@pytest.mark.parametrize("cut", range(4, 17))
async def test_no_part_of_a_secret_is_left_at_the_cut(place: Place, cut: int) -> None:
    """What may be its beginning is not shown when its end is thrown away."""
    log = await log_of(place, "echo open sesame open", log_limit=cut, word="open sesame")
    shown = log.partition(b"\n---")[0]
    assert shown in ((b"***", b"*** ") if cut > 10 else (b"",))


async def test_the_timeout_still_ends_who_prints_for_ever(place: Place) -> None:
    """The log says both."""
    spec = job(run("echo 0123456789\nwait for-ever", timeout=0.3))
    with anyio.fail_after(10):
        await place.accepted(spec, log_limit=10).run()
    report = place.reports[-1]
    assert (report.steps[0].phase, report.outcome) == (StepPhase.FAILED, Outcome.FAILED)
    assert place.store.log(0) == (
        b"0123456789" + FULL + b"--- 1 bytes are left out ---\n\nthe step's time limit of 0.3 s is over\n"
    )


async def test_a_pod_that_is_lost_leaves_what_it_has_told(place: Place, driver: FakeDriver) -> None:
    """Up to the cut."""
    worker = place.accepted(job("echo 0123456789\nwait gate"), log_limit=10)
    async with place.working(worker):
        await place.store.until(0, FULL)
        driver.kill("job.1")
    assert place.store.log(0).startswith(b"0123456789" + FULL)


async def test_secrets_that_are_too_short_to_be_masked_are_named(place: Place) -> None:
    """By name only; those that are empty hide nothing and are not."""
    spec = job("echo abc", values=("PIN", "NOTHING", "LONG"))
    await place.done(spec, {"PIN": "abc", "NOTHING": "", "LONG": "abcd"})
    setup = place.store.log(-1)
    assert b"not masked in logs, because they have fewer than 4 characters: PIN\n" in setup
    assert b"abc" not in setup
    assert place.store.log(0) == b"abc\n"
    assert b"LONG" not in setup
