"""Questions about what is kept of a counter group, for people: its caches, and how much there is."""

from sqlalchemy import func, select, tuple_

from tidemill.contracts.storage import Cache
from tidemill.kit.db import AnyRow, Snapshot
from tidemill.services.runservice.store import counting
from tidemill.services.runservice.store.tables import caches


async def caches_of(
    tx: Snapshot, counter_path: str, after: tuple[str, str] | None, limit: int
) -> list[Cache]:
    """Caches by where they were saved and by key, behind *after*; all of them when *limit* is 0."""
    place = (caches.c.group_path, caches.c.key)
    query = select(caches).where(counting.below(caches.c.group_path, counter_path)).order_by(*place)
    if after is not None:
        query = query.where(tuple_(*place) > tuple_(*after))
    return [_cache(row) for row in await tx.all(query.limit(limit) if limit else query)]


async def cache_ids(tx: Snapshot, counter_path: str, limit: int, only: str = "") -> list[str]:
    """The ids of some caches, or of one of them if it is there."""
    query = select(caches.c.id).where(counting.below(caches.c.group_path, counter_path))
    if only:
        query = query.where(caches.c.id == only)
    return [row.id for row in await tx.all(query.limit(limit))]


async def cache_use(tx: Snapshot, counter_path: str) -> tuple[int, int]:
    """How many caches there are, and their bytes."""
    columns = (func.count().label("number"), func.coalesce(func.sum(caches.c.size), 0).label("bytes"))
    row = await tx.one(select(*columns).where(counting.below(caches.c.group_path, counter_path)))
    return (int(row.number), int(row.bytes)) if row else (0, 0)


def _cache(row: AnyRow) -> Cache:
    return Cache(
        id=row.id,
        group=row.group_path,
        key=row.key,
        size=row.size,
        sha256=row.sha256,
        created_at=row.created_at,
        used_at=row.used_at,
    )
