"""An alarm rings once, when it was last set to."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest

from tidemill.kit.alarm import Alarm

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_it_rings_when_its_moment_has_come() -> None:
    """Also one that has passed."""
    rung = anyio.Event()
    Alarm(rung.set).ring_at(NOW - timedelta(hours=1), NOW)
    with anyio.fail_after(5):
        await rung.wait()


async def test_it_is_set_to_one_moment() -> None:
    """The one before is forgotten, and with None all are."""
    rings: list[str] = []
    last = anyio.Event()
    first, second, third = (Alarm(lambda name=name: rings.append(name)) for name in "abc")  # type: ignore[misc]
    first.ring_in(0.01)
    first.ring_in(3600)
    second.ring_in(0.01)
    second.ring_at(None, NOW)
    third.ring_in(0.02)
    Alarm(last.set).ring_in(0.05)
    with anyio.fail_after(5):
        await last.wait()
    assert rings == ["c"]
    first.ring_in(None)
