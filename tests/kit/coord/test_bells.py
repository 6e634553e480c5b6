"""Bells: heard by prefix, coalesced, kept until their owner has waited."""

import asyncio

import anyio
import pytest

from tidemill.kit.coord import Bells

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("prefix", ["", "r", "runs/", "runs/x"])
async def test_a_ring_is_heard_under_every_prefix(prefix: str) -> None:
    """Whoever listens to a beginning of the name wakes, and nobody else."""
    bells = Bells()
    bell, other = bells.listen(prefix), bells.listen("jobs/")
    bells.ring("runs/x")
    assert await bell.wait(0)
    assert not await other.wait(0)


async def test_a_longer_prefix_hears_nothing_shorter() -> None:
    """`runs/x` does not hear `runs/`."""
    bells = Bells()
    bell = bells.listen("runs/x")
    bells.ring("runs/")
    assert not await bell.wait(0)


async def test_rings_between_waits_are_kept_as_one() -> None:
    """A bell that nobody waits for stays rung, once however often it was rung."""
    bells = Bells()
    bell = bells.listen("runs/")
    bells.ring("runs/x")
    bells.ring("runs/y")
    assert await bell.wait(0)
    assert not await bell.wait(0)


async def test_a_ring_ends_the_waiting() -> None:
    """A waiting listener wakes long before its slow timer."""
    bells = Bells()
    bell = bells.listen("runs/")
    waiting = asyncio.create_task(bell.wait(60))
    await asyncio.sleep(0)
    bells.ring("runs/x")
    with anyio.fail_after(5):
        assert await waiting


async def test_every_listener_hears_it() -> None:
    """Two bells of one prefix are rung both; waiting for one leaves the other rung."""
    bells = Bells()
    one, two = bells.listen("runs/"), bells.listen("runs/")
    bells.ring("runs/x")
    assert await one.wait(0)
    assert await two.wait(0)


async def test_silence_ends_with_the_timer() -> None:
    """Without a ring the listener wakes by itself and knows that it was not rung."""
    with anyio.fail_after(5):
        assert not await Bells().listen("").wait(0.01)


async def test_a_cancelled_wait_loses_no_ring() -> None:
    """Who is cancelled while waiting finds the bell rung the next time."""
    bells = Bells()
    bell = bells.listen("runs/")
    waiting = asyncio.create_task(bell.wait(60))
    await asyncio.sleep(0)
    waiting.cancel()
    bells.ring("runs/x")
    await asyncio.wait([waiting])
    assert await bell.wait(0)


async def test_a_closed_bell_is_silent() -> None:
    """After its close a bell is not rung any more, and nothing of it is kept."""
    bells = Bells()
    with bells.listen("runs/") as bell:
        pass
    bells.ring("runs/x")
    assert not await bell.wait(0)
    bell.close()
    assert bells._listeners == {}


async def test_an_owner_may_ring_its_own() -> None:
    """A loop can be woken alone."""
    bell = Bells().listen("runs/")
    bell.ring()
    assert await bell.wait(0)
