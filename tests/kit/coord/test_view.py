"""A view shows what stands under a prefix, whatever becomes of the history."""

import pytest

from tests.kit.coord.conftest import World
from tidemill.kit.coord import Coordinator, View

pytestmark = pytest.mark.anyio


async def test_a_view_follows(coordinator: Coordinator) -> None:
    """The first look reads everything, the next ones what has changed."""
    await coordinator.put("a/1", b"1")
    await coordinator.put("b/1", b"not this")
    view = View(coordinator, "a/")
    assert await view.look(60)
    assert view.values == {"a/1": b"1"}
    assert not await view.look(0)
    await coordinator.put("a/2", b"2")
    assert await view.look(5)
    assert view.values == {"a/1": b"1", "a/2": b"2"}
    await coordinator.delete("a/1")
    assert await view.look(5)
    assert view.values == {"a/2": b"2"}
    view.close()


async def test_a_view_survives_a_forgotten_history(coordinator: Coordinator, world: World) -> None:
    """Changes that nobody can tell any more are read: what went meanwhile is not shown for ever."""
    await coordinator.put("a/1", b"1")
    view = View(coordinator, "a/")
    await view.look(0)
    await coordinator.delete("a/1")
    for number in range(60):
        await coordinator.put("a/2", b"%d" % number)
    await world.forget(50)
    view.close()
    assert await view.look(5)
    assert view.values == {"a/2": b"59"}
    view.close()
