"""Questions about executors: how they presented themselves, when they were heard, what is wanted of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Select, bindparam, delete, func, select, tuple_, update

from tidemill.contracts.fleet import Executor, Wanted, Wish
from tidemill.contracts.jobs import ExecutorInfo
from tidemill.core.job import ExecutorId
from tidemill.core.placement import Demand, used_by
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.runservice.store.demands import Demands
from tidemill.services.runservice.store.tables import executors, jobs

_info = msgspec.json.Decoder(ExecutorInfo)
_take = select(executors).where(executors.c.id == bindparam("executor")).with_for_update()
_keep = update(executors).where(executors.c.id == bindparam("executor"))
_having = select(jobs.c.executor).where(jobs.c.executor.is_not(None))
_listed = select(executors).order_by(executors.c.name, executors.c.id)
_held = (
    select(jobs.c.executor, jobs.c.demand, func.count().label("number"))
    .where(jobs.c.executor.in_(bindparam("these", expanding=True)))
    .group_by(jobs.c.executor, jobs.c.demand)
)


#: What a job asks for that a process of the version before has given away.
_UNKNOWN = Demand(runtime="")


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an executor: its own words, when they were heard, and in which sync."""

    info: ExecutorInfo
    seen_at: datetime
    sequence: int
    wanted: Wanted = Wanted.WORK


class Lease(msgspec.Struct, frozen=True):
    """When it is, and for how long an executor may be silent."""

    now: datetime
    length: timedelta

    def holds(self, seen_at: datetime) -> bool:
        """Whether an executor that was last heard then counts as there."""
        return seen_at > self.now - self.length


async def take(tx: Transaction, id: ExecutorId) -> Heard | None:
    """Lock an executor's row, so that its syncs take turns."""
    row = await tx.one(_take, {"executor": id})
    return None if row is None else _heard(row)


async def keep(tx: Transaction, heard: Heard, *, is_new: bool) -> None:
    """Store what an executor said of itself."""
    values = {
        "info": msgspec.json.encode(heard.info),
        "seen_at": heard.seen_at,
        "sequence": heard.sequence,
        "name": heard.info.name or heard.info.id,
    }
    if not is_new or not await tx.insert_new(executors, {"id": heard.info.id, **values}):
        await tx.run(_keep, {"executor": heard.info.id, **values})


async def want(tx: Transaction, id: ExecutorId, wish: Wish, now: datetime) -> bool:
    """Note what is wanted of an executor; False when there is none or it was wanted before."""
    values = {"wanted": wish.wanted, "wanted_by": wish.by, "wanted_why": wish.why, "wanted_at": now}
    changed = await tx.run(
        update(executors).where(executors.c.id == id, executors.c.wanted != wish.wanted).values(values)
    )
    return changed == 1


async def forget(tx: Transaction, id: ExecutorId) -> None:
    """Remove one that has no jobs."""
    await tx.run(delete(executors).where(executors.c.id == id))


async def forget_silent(tx: Transaction, since: datetime) -> int:
    """Remove those that have no jobs, were not heard *since*, and are not expected back."""
    return await tx.run(
        delete(executors).where(
            executors.c.seen_at < since, executors.c.wanted != Wanted.PAUSE, executors.c.id.not_in(_having)
        )
    )


async def at_work(tx: Snapshot) -> dict[ExecutorId, datetime]:
    """Executors that have jobs, and when each was last heard."""
    found = await tx.all(select(executors.c.id, executors.c.seen_at).where(executors.c.id.in_(_having)))
    return {row.id: row.seen_at for row in found}


async def offers(tx: Snapshot) -> list[Heard]:
    """All executors."""
    return [_heard(row) for row in await tx.all(select(executors))]


async def one(tx: Snapshot, id: ExecutorId, lease: Lease, demands: Demands) -> Executor | None:
    """An executor, with how many jobs it has and whether its lease holds."""
    found = await _executors(tx, _listed.where(executors.c.id == id), lease, demands)
    return found[0] if found else None


async def listed(tx: Snapshot, lease: Lease, demands: Demands) -> tuple[Executor, ...]:
    """All executors by name."""
    return tuple(await _executors(tx, _listed, lease, demands))


async def page(
    tx: Snapshot, lease: Lease, demands: Demands, after: Sequence[str], limit: int
) -> list[Executor]:
    """Some executors by name and id, behind the one that has this name and id."""
    query = _listed.limit(limit) if limit else _listed
    if after:
        query = query.where(tuple_(executors.c.name, executors.c.id) > tuple_(*after))
    return await _executors(tx, query, lease, demands)


async def _executors(
    tx: Snapshot, query: Select[tuple[object, ...]], lease: Lease, demands: Demands
) -> list[Executor]:
    rows = await tx.all(query)
    held = await tx.all(_held, {"these": [row.id for row in rows]}) if rows else []
    known = await demands.get(tx, {row.demand for row in held if row.demand is not None})
    asked: dict[str, list[Demand]] = {row.id: [] for row in rows}
    for row in held:
        asked[row.executor] += [known.get(row.demand, _UNKNOWN)] * row.number
    return [_executor(row, asked[row.id], lease) for row in rows]


def _heard(row: AnyRow) -> Heard:
    return Heard(
        info=_info.decode(row.info),
        seen_at=row.seen_at,
        sequence=row.sequence,
        wanted=Wanted(row.wanted),
    )


def _executor(row: AnyRow, asked: Sequence[Demand], lease: Lease) -> Executor:
    heard = _heard(row)
    info = heard.info
    return Executor(
        id=info.id,
        name=row.name,
        slots=info.slots,
        jobs=len(asked),
        runtimes=info.runtimes,
        arch=info.arch,
        labels=info.labels,
        allow_privileged=info.allow_privileged,
        resources=info.resources,
        used=used_by(asked),
        draining=info.draining or heard.wanted is not Wanted.WORK,
        wanted=heard.wanted,
        wanted_by=row.wanted_by,
        wanted_why=row.wanted_why,
        wanted_at=row.wanted_at,
        online=lease.holds(heard.seen_at),
        seen_at=heard.seen_at,
    )
