"""The check of what is stored can fail: bytes of a log that are missing are found, whichever form it has."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import OpenDatabase
from tests.faults.checking import MIGRATIONS, check
from tests.services.runservice.conftest import KnownValues
from tests.services.runservice.playing import Player, create, plan, start
from tidemill.kit.coord import Bells
from tidemill.kit.objects import Objects
from tidemill.services.runservice import RunserviceService
from tidemill.services.runservice.logs.appending import DIRECT
from tidemill.settings import RunserviceSettings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("is_put_away", [False, True])
async def test_a_log_that_lacks_bytes_is_found(
    open_database: OpenDatabase, tmp_path: Path, is_put_away: bool
) -> None:
    """An object is cut, and then it is gone."""
    database = await open_database("runservice", MIGRATIONS)
    objects = Objects.open((tmp_path / "objects").as_uri())
    service = RunserviceService(
        RunserviceSettings(),
        database,
        objects,
        Bells(),
        KnownValues(),
        clock=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid4()),
    )
    (run,) = await create(service, plan())
    await start(service, run.id)
    player = Player(service)
    (job,) = await player.take()
    await service.append_log(job, 1, 0, 0, b"line\n" * DIRECT)
    await player.finish(job)
    if is_put_away:
        await service.put_logs_away()
    await check(database, objects)
    (name,) = [name async for name in objects.list("logs")]
    whole = b"".join([chunk async for chunk in await objects.get(name)])
    await objects.put(name, whole[: len(whole) // 2])
    with pytest.raises(AssertionError, match=f"{name} has"):
        await check(database, objects)
    await objects.delete(name)
    with pytest.raises(AssertionError, match="is gone"):
        await check(database, objects)
    await service.close()
