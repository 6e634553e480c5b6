"""Plans: written once, shared by a run and its restarts, and remembered because they never change."""

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import insert, select

from tidemill.core.plan import Plan
from tidemill.kit.db import Snapshot, Transaction
from tidemill.services.runservice.store.tables import plans

_plan = msgspec.json.Decoder(Plan)

#: Bytes of encoded plans that are remembered; then all are forgotten.
_REMEMBERED = 4 * 1024 * 1024


class Plans:
    """The plans in the database. Also asked by its threads: each step on the memory is atomic."""

    def __init__(self) -> None:
        self._known: dict[str, Plan] = {}
        self._size = 0

    async def add(self, tx: Transaction, new: Mapping[str, Plan]) -> None:
        """Store plans under new ids."""
        await tx.run(
            insert(plans), [{"id": key, "plan": msgspec.json.encode(plan)} for key, plan in new.items()]
        )

    async def get(self, tx: Snapshot, ids: Collection[str]) -> dict[str, Plan]:
        """The plans with these ids."""
        found = {key: plan for key in ids if (plan := self._known.get(key)) is not None}
        missing = set(ids) - found.keys()
        if missing:
            for row in await tx.all(select(plans).where(plans.c.id.in_(missing))):
                found[row.id] = _plan.decode(row.plan)
                self._remember(row.id, found[row.id], len(row.plan))
        return found

    def _remember(self, id: str, plan: Plan, size: int) -> None:
        if self._size + size > _REMEMBERED:
            self._known.clear()
            self._size = 0
        self._size += size
        self._known[id] = plan
