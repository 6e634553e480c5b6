"""What became of a commit whose answer never came: PostgreSQL knows, by the transaction's number."""

import asyncio
from datetime import datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tidemill.kit.db import failures

#: Seconds in which the server has to say it.
PATIENCE = 10.0
_PAUSE = 0.1

_LOOK = text(
    "SELECT pg_xact_status(CAST(CAST(:number AS text) AS xid8)) AS status, pg_postmaster_start_time() AS life"
)

#: Another process of the server has crashed, and all of them begin anew in the same life.
_CRASHED = "57P02"
#: What a server says of a number that it has not given yet: it began anew before the transaction was safe.
_NOT_GIVEN = "22023"


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """By what a transaction is found again."""

    number: str
    life: datetime
    """Since when the server runs. One that began anew may give a number again that it has lost."""


async def was_committed(pool: AsyncEngine, stamp: Stamp, error: Exception, name: str) -> bool:
    """Whether the transaction whose commit ended with *error* was committed after all.

    Raises Unavailable (`outcomeUnknown`) when nobody can say.
    """
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while failures.sqlstate(error) != _CRASHED:
        try:
            async with asyncio.timeout_at(deadline):
                status = await _status(pool, stamp)
                if status in ("committed", "aborted"):
                    return status == "committed"
                if status != "in progress":
                    break
                await asyncio.sleep(_PAUSE)
        except Exception as failure:  # noqa: BLE001 - whatever keeps us from learning it
            if failures.sqlstate(failure) == _NOT_GIVEN:
                return False
            if not failures.is_passing(failure):
                break
            await asyncio.sleep(_PAUSE)
    raise failures.unknown_outcome(name) from error


async def _status(pool: AsyncEngine, stamp: Stamp) -> str:
    """What the server says of the transaction; nothing where its word could be about another one."""
    async with pool.connect() as connection:
        found = (await connection.execute(_LOOK, {"number": stamp.number})).one()
    if found.life != stamp.life and found.status == "committed":
        return ""
    return found.status or ""
