"""Leaderships: one at a time, each with a larger token, taken again when they are lost."""

import asyncio

import anyio
import pytest

from tests.kit.coord.conftest import World
from tidemill.kit.coord import Candidacy, Coordinator, Leadership, Lease, campaign, leader

pytestmark = pytest.mark.anyio

LEASE = 2.0


async def lead(coordinator: Coordinator, who: str) -> tuple[Leadership, Lease]:
    lease = await coordinator.grant(LEASE)
    leadership = await campaign(coordinator, "cron", who, lease)
    assert leadership is not None
    return leadership, lease


async def test_one_leads_at_a_time(coordinator: Coordinator, world: World) -> None:
    """A second candidate gets nothing until the first is gone, and then a larger token."""
    first, lease = await lead(coordinator, "one")
    assert await campaign(coordinator, "cron", "two", await coordinator.grant(LEASE)) is None
    assert await leader(coordinator, "cron") == "one"
    await world.over(lease)
    second, _ = await lead(coordinator, "two")
    assert second.token > first.token
    assert (await first.is_held(), await second.is_held()) == (False, True)


async def test_a_leader_that_asks_again_goes_on(coordinator: Coordinator) -> None:
    """Whose answer was lost finds that it leads already, under the token it has."""
    first, lease = await lead(coordinator, "one")
    again = await campaign(coordinator, "cron", "one", lease)
    assert again is not None
    assert again.token == first.token


async def test_a_deposed_leader_cannot_resign_for_another(coordinator: Coordinator, world: World) -> None:
    """Resigning what is lost already leaves the new leader in its place."""
    first, lease = await lead(coordinator, "one")
    await world.over(lease)
    second, _ = await lead(coordinator, "two")
    await first.resign()
    assert await second.is_held()
    await second.resign()
    assert await leader(coordinator, "cron") is None


async def test_a_candidate_waits_for_its_turn(coordinator: Coordinator) -> None:
    """Whoever waits takes over as soon as the leader resigns."""
    first, _ = await lead(coordinator, "one")
    lease = await coordinator.grant(60)
    waiting = asyncio.create_task(campaign(coordinator, "cron", "two", lease, seconds=60))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    await first.resign()
    with anyio.fail_after(5):
        second = await waiting
    assert second is not None
    assert second.token > first.token


async def test_a_candidacy_keeps_and_regains(coordinator: Coordinator, world: World) -> None:
    """Standing keeps what is held under one token, and takes again what its lease has lost, with a larger one."""
    candidacy = Candidacy(coordinator, "cron", "one", LEASE)
    first = await candidacy.stand()
    assert first is not None
    assert await candidacy.stand() is first
    assert candidacy._lease is not None
    await world.over(candidacy._lease)
    second = await candidacy.stand()
    assert second is not None
    assert second.token > first.token
    assert not await first.is_held()


async def test_a_candidacy_yields_to_who_was_faster(coordinator: Coordinator, world: World) -> None:
    """Who has lost the leadership to another knows it at the next look, and leads again when that one goes."""
    one, two = (Candidacy(coordinator, "cron", who, LEASE) for who in ("one", "two"))
    assert await one.stand() is not None
    assert await two.stand() is None
    assert one._lease is not None
    await world.over(one._lease)
    assert await two.stand() is not None
    assert await one.stand() is None
    await two.withdraw()
    assert await one.stand() is not None
    assert await leader(coordinator, "cron") == "one"
