"""The registry of live instances: what they show, until they are silent."""

import pytest

from tests.kit.coord.conftest import World
from tidemill.kit.coord import Coordinator, Presence, instances

pytestmark = pytest.mark.anyio

LEASE = 2.0


async def test_instances_show_what_they_observe(coordinator: Coordinator, world: World) -> None:
    """The registry lists live instances with their state, and drops the silent."""
    one = Presence(coordinator, "runservice", "one", LEASE)
    two = Presence(coordinator, "runservice", "two", LEASE)
    other = Presence(coordinator, "runservice2", "one", LEASE)
    await one.publish(b"normal")
    await two.show()
    await other.show()
    assert [instance.id for instance in await instances(coordinator, "runservice")] == ["one", "two"]
    await one.publish(b"draining")
    assert two._lease is not None
    await world.over(two._lease)
    live = await instances(coordinator, "runservice")
    assert [(instance.id, instance.observed) for instance in live] == [("one", b"draining")]


async def test_an_instance_that_was_forgotten_registers_again(coordinator: Coordinator, world: World) -> None:
    """After its lease has run out, the next sign of life brings it back with its state."""
    presence = Presence(coordinator, "runservice", "one", LEASE)
    await presence.publish(b"normal")
    assert presence._lease is not None
    await world.over(presence._lease)
    assert await instances(coordinator, "runservice") == []
    await presence.show()
    assert [instance.observed for instance in await instances(coordinator, "runservice")] == [b"normal"]
    await presence.leave()
    assert await instances(coordinator, "runservice") == []
