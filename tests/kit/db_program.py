"""A program that writes as fast as it can and says what was acknowledged, until it is killed."""

import asyncio
import sys

import sqlalchemy as sa

from tests.kit.things import MIGRATIONS, things
from tidemill.kit.db import Database, Transaction

CALLERS = 8


async def main(url: str) -> None:
    """Print one line per acknowledged commit."""
    database = await Database.open(url, name="unit", migrations=MIGRATIONS)
    await asyncio.gather(*(call(database, caller) for caller in range(CALLERS)))


async def call(database: Database, caller: int) -> None:
    number = 0
    while True:
        name = f"{caller}-{number}"
        await database.do(adding_and_telling(name))
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
        number += 1


def adding_and_telling(name: str):
    async def add(tx: Transaction) -> None:
        await tx.run(sa.insert(things).values(name=name, size=0))
        tx.emit("thing", name, b"")
        await tx.run(sa.update(things).where(things.c.name == name).values(size=1))

    return add


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
