"""The clock that all instances of a service go by: the database's, not their machines'."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import OpenDatabase
from tests.kit.things import MIGRATIONS
from tidemill.kit.db.agreed_clock import AgreedClock

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("minutes", [-5, 0, 5])
async def test_a_clock_that_is_wrong_is_put_right(open_database: OpenDatabase, minutes: int) -> None:
    """However far a machine's own clock is off, the agreed time is the server's."""
    database = await open_database("unit", MIGRATIONS)
    clock = AgreedClock(database, lambda: datetime.now(UTC) + timedelta(minutes=minutes))
    await clock.put_right()
    assert abs(clock() - datetime.now(UTC)) < timedelta(seconds=1)
