"""A process that deletes a run and is killed on its way: `python -m …dying DATABASE OBJECTS RUN DELETIONS`."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime

from tidemill.core.run import RunId
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.kit.objects import Objects
from tidemill.services.runservice.retention.rounds import Retention
from tidemill.settings.retention import RetentionSettings


class Dying(Objects):
    """An object store whose process is killed once so many objects are deleted."""

    left = 0

    async def delete(self, name: str) -> None:
        if self.left == 0:
            die()
        await super().delete(name)
        self.left -= 1
        if self.left == 0:
            die()


def die() -> None:
    """As a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


async def main(database: str, store: str, run: str, deletions: str) -> None:
    """Delete a run and be killed: at once when *deletions* is -1, else after so many objects."""
    migrations = "tidemill.services.runservice.migrations"
    db = await Database.open(database, name="runservice", migrations=migrations)
    objects = Dying.open(store)
    assert isinstance(objects, Dying)
    objects.left = int(deletions)
    retention = Retention(db, objects, Bells(), RetentionSettings(), clock=lambda: datetime.now(UTC))
    await retention.storage.delete_run(RunId(run))
    if objects.left < 0:
        die()
    await retention.clearing.work()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
