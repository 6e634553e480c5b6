"""The feed read at two instances while many commit, by consumers that die at random moments."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest

from tests.conftest import Clock, DatabaseUrl, OpenDatabase
from tests.services.runservice.conftest import KnownValues
from tests.services.runservice.playing import create
from tidemill.contracts.feed import Feed
from tidemill.contracts.runservice import Runservice
from tidemill.kit.carriers import direct
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.kit.event_stream import messages
from tidemill.kit.objects import Objects
from tidemill.services.runservice import RunserviceService
from tidemill.settings import RunserviceSettings

pytestmark = pytest.mark.anyio


class Consumer:
    """Keeps an inbox and a cursor that change together, as one transaction would; dies at any moment."""

    def __init__(self, feeds: list[Feed], seed: int) -> None:
        self.inbox: list[str] = []
        self.cursor = "oldest"
        self._feeds = feeds
        self._random = random.Random(seed)

    async def run(self, count: int) -> int:
        """Live and die until *count* events are in, longer each time; answers how many lives that took."""
        lives = 0
        while len(self.inbox) < count:
            lives += 1
            living = asyncio.ensure_future(self._live(self._random.choice(self._feeds)))
            await asyncio.wait([living], timeout=self._random.uniform(0, 0.02 + lives / 500))
            living.cancel()
            with suppress(asyncio.CancelledError):
                await living
        return lives

    async def _live(self, feed: Feed) -> None:
        async with aclosing(messages(_cut(await feed.events(self.cursor), self._random))) as stream:
            async for message in stream:
                await asyncio.sleep(0)
                self.inbox, self.cursor = [*self.inbox, message.id], message.id


async def _cut(blocks: AsyncIterator[bytes], random: random.Random) -> AsyncIterator[bytes]:
    """The same bytes in other pieces, so that a death comes anywhere between them."""
    async with aclosing(cast("Any", blocks)) as stream:
        async for block in stream:
            at = random.randrange(len(block) + 1)
            yield block[:at]
            yield block[at:]


@pytest.fixture
async def second(
    open_database: OpenDatabase, database_url: DatabaseUrl, db: Database, tmp_path: Path, clock: Clock
) -> AsyncIterator[tuple[RunserviceService, Bells]]:
    """Another instance: on PostgreSQL with connections of its own, on SQLite on the same."""
    shares = database_url("runservice").startswith("postgresql")
    other = await open_database("runservice", "tidemill.services.runservice.migrations") if shares else db
    bells = Bells()
    service = RunserviceService(
        RunserviceSettings(),
        other,
        Objects.open((tmp_path / "objects").as_uri()),
        bells,
        KnownValues(),
        clock=clock,
        new_id=lambda: str(uuid4()),
    )
    yield service, bells
    await service.close()


async def test_each_event_exactly_once_in_one_order(
    whole: RunserviceService, second: tuple[RunserviceService, Bells], bells: Bells, db: Database
) -> None:
    """Committers at two instances in random order, consumers that die at random: all have the same feed."""
    other, other_bells = second
    instances = [whole, other]
    ringing = asyncio.ensure_future(_tell_each_other(bells, other_bells))

    async def commit(number: int) -> None:
        chance = random.Random(number)
        for _ in range(5):
            runs: Runservice = chance.choice(instances)
            (run,) = await create(runs, group=f"/project/p{number}/branch/main")
            if chance.random() < 0.5:
                await chance.choice(instances).cancel_run(run.id)

    consumers = [
        Consumer([direct(Feed, cast("Feed", one.faces()[Feed])) for one in instances], seed)
        for seed in range(3)
    ]
    following = [asyncio.ensure_future(one.run(60)) for one in consumers]
    async with asyncio.timeout(120):
        await asyncio.gather(*(commit(number) for number in range(12)))
        lives = await asyncio.gather(*following)
    ringing.cancel()
    assert min(lives) > 1
    told = [f"{db.epoch}-{event.sequence}" for event in await db.events(0, limit=1000)]
    for consumer in consumers:
        assert consumer.inbox == told[: len(consumer.inbox)]


async def _tell_each_other(*all_bells: Bells) -> None:
    """What etcd does between instances."""

    async def carry(here: Bells, there: Bells) -> None:
        with here.listen("events") as bell:
            while True:
                if await bell.wait():
                    for listener in there._listeners.get("events", set()).copy():
                        listener.ring()

    first, second = all_bells
    await asyncio.gather(carry(first, second), carry(second, first))
