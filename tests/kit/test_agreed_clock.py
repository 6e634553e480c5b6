"""The clock that all instances of a service go by: the database's, not their machines'."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import OpenDatabase
from tests.kit.things import MIGRATIONS
from tidemill.kit.db.agreed_clock import AgreedClock, ticking

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


@pytest.mark.parametrize("minutes", [-5, 0, 5])
async def test_a_clock_that_is_wrong_is_put_right(open_database: OpenDatabase, minutes: int) -> None:
    """However far a machine's own clock is off, the agreed time is the server's."""
    database = await open_database("unit", MIGRATIONS)
    clock = AgreedClock(database, lambda: ticking() + 60 * minutes)
    await clock.put_right()
    assert abs(clock() - datetime.now(UTC)) < timedelta(seconds=1)


async def test_it_is_counted_on_between_two_looks(open_database: OpenDatabase) -> None:
    """By seconds that nobody can set, and not by what this machine takes for the time."""
    count = 1000.0
    clock = AgreedClock(await open_database("unit", MIGRATIONS), lambda: count)
    await clock.put_right()
    before = clock()
    count += 3600
    assert clock() - before == timedelta(hours=1)
