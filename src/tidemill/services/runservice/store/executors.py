"""Questions about executors: as they presented themselves, and when they were last heard."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import bindparam, func, select, update

from tidemill.contracts.fleet import Executor
from tidemill.contracts.jobs import ExecutorInfo
from tidemill.core.job import ExecutorId
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.runservice.store.tables import executors, jobs

_info = msgspec.json.Decoder(ExecutorInfo)
_take = select(executors).where(executors.c.id == bindparam("executor")).with_for_update()
_keep = update(executors).where(executors.c.id == bindparam("executor"))


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an executor: its own words, when they were heard, and in which sync."""

    info: ExecutorInfo
    seen_at: datetime
    sequence: int


async def take(tx: Transaction, id: ExecutorId) -> Heard | None:
    """Lock an executor's row, so that its syncs take turns."""
    row = await tx.one(_take, {"executor": id})
    return None if row is None else _heard(row)


async def keep(tx: Transaction, heard: Heard, *, is_new: bool) -> None:
    """Store what an executor said of itself."""
    values = {"info": msgspec.json.encode(heard.info), "seen_at": heard.seen_at, "sequence": heard.sequence}
    if not is_new or not await tx.insert_new(executors, {"id": heard.info.id, **values}):
        await tx.run(_keep, {"executor": heard.info.id, **values})


async def at_work(tx: Snapshot) -> dict[ExecutorId, datetime]:
    """Executors that have jobs, and when each was last heard."""
    having = select(jobs.c.executor).where(jobs.c.executor.is_not(None))
    found = await tx.all(select(executors.c.id, executors.c.seen_at).where(executors.c.id.in_(having)))
    return {row.id: row.seen_at for row in found}


async def listed(tx: Snapshot, *, now: datetime, lease: timedelta) -> tuple[Executor, ...]:
    """All executors by name, with how many jobs they have and whether their lease holds."""
    load = select(jobs.c.executor, func.count().label("jobs")).group_by(jobs.c.executor).subquery()
    query = select(executors, load.c.jobs).outerjoin(load, load.c.executor == executors.c.id)
    found = [_listed(_heard(row), row.jobs or 0, now - lease) for row in await tx.all(query)]
    return tuple(sorted(found, key=lambda executor: (executor.name, executor.id)))


def _heard(row: AnyRow) -> Heard:
    return Heard(info=_info.decode(row.info), seen_at=row.seen_at, sequence=row.sequence)


def _listed(heard: Heard, load: int, lease_began: datetime) -> Executor:
    info = heard.info
    return Executor(
        id=info.id,
        name=info.name,
        slots=info.slots,
        jobs=load,
        runtimes=info.runtimes,
        arch=info.arch,
        labels=info.labels,
        draining=info.draining,
        online=heard.seen_at > lease_began,
        seen_at=heard.seen_at,
    )
