"""Demands: what queued jobs ask of executors, each stored once, so that the queue itself stays narrow."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import bindparam, delete, select, update

from tidemill.core.placement import Demand
from tidemill.kit.db import Snapshot, Transaction
from tidemill.services.runservice.store.tables import IS_QUEUED, demands, jobs

#: How long the id of a demand is trusted without a look, and how long an unused demand is kept at least.
_TRUSTED, _KEPT = timedelta(hours=1), timedelta(days=1)
#: Demands that are remembered; then all are forgotten.
_REMEMBERED = 10_000

_demand = msgspec.json.Decoder(Demand)
_encode = msgspec.json.Encoder(order="deterministic").encode
_by_digest = select(demands.c.id).where(demands.c.digest == bindparam("known"))
_use = update(demands).where(demands.c.digest == bindparam("known")).values(used_at=bindparam("at"))
_first = select(jobs.c.demand).where(IS_QUEUED, jobs.c.demand.is_not(None)).order_by(jobs.c.demand).limit(1)
_open = select(_first.subquery().c.demand.label("id")).cte("open", recursive=True)
_next = (
    select(jobs.c.demand)
    .where(IS_QUEUED, jobs.c.demand > _open.c.id)
    .order_by(jobs.c.demand)
    .limit(1)
    .correlate(_open)
    .scalar_subquery()
)
#: One step on the index for each demand, however many jobs there are.
_all_open = _open.union_all(select(_next).where(_open.c.id.is_not(None)))
_open_ids = select(_all_open.c.id).where(_all_open.c.id.is_not(None))


class Demands:
    """The demands in the database. Also asked by its threads: each step on the memory is atomic."""

    def __init__(self) -> None:
        self._known: dict[int, Demand] = {}
        self._ids: dict[bytes, tuple[int, datetime]] = {}

    async def ids(self, tx: Transaction, wanted: Sequence[Demand], now: datetime) -> list[int]:
        """The ids of these demands, which are stored where they are new."""
        keys = [_encode(demand) for demand in wanted]
        found = {key: known[0] for key in keys if (known := self._ids.get(key)) and known[1] > now}
        for key in sorted(set(keys) - found.keys()):
            found[key] = await _id(tx, key, now)
            tx.after_commit(self._trust, key, found[key], now + _TRUSTED)
        return [found[key] for key in keys]

    async def open(self, tx: Snapshot) -> Mapping[int, Demand]:
        """Those of queued jobs."""
        return await self.get(tx, [row.id for row in await tx.all(_open_ids)])

    async def get(self, tx: Snapshot, ids: Collection[int]) -> Mapping[int, Demand]:
        """The demands with these ids."""
        found = {key: demand for key in ids if (demand := self._known.get(key)) is not None}
        missing = set(ids) - found.keys()
        if missing:
            rows = await tx.all(select(demands.c.id, demands.c.demand).where(demands.c.id.in_(missing)))
            new = {row.id: _demand.decode(row.demand) for row in rows}
            if len(self._known) + len(new) > _REMEMBERED:
                self._known.clear()
            self._known |= new
            found |= new
        return found

    def _trust(self, key: bytes, id: int, until: datetime) -> None:
        if len(self._ids) >= _REMEMBERED:
            self._ids.clear()
        self._ids[key] = (id, until)


async def forget_unused(tx: Transaction, now: datetime) -> int:
    """Remove demands that no job has and that nobody has asked for in a day; answers how many."""
    having = select(jobs.c.demand).where(jobs.c.demand.is_not(None))
    return await tx.run(delete(demands).where(demands.c.used_at < now - _KEPT, demands.c.id.not_in(having)))


async def _id(tx: Transaction, key: bytes, now: datetime) -> int:
    digest = hashlib.sha256(key).hexdigest()
    if not await tx.insert_new(demands, {"digest": digest, "demand": key, "used_at": now}):
        await tx.run(_use, [{"known": digest, "at": now}])
    found: int = await tx.value(_by_digest, {"known": digest})
    return found
