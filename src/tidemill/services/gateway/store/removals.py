"""Questions about repositories that are to be removed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from tidemill.kit.db import Snapshot, Transaction
from tidemill.services.gateway.store.tables import removals


async def add(tx: Transaction, projects: Sequence[str], due_at: datetime) -> None:
    """Look at the repositories of these projects from *due_at* on."""
    for project in projects:
        if not await tx.insert_new(removals, {"project": project, "due_at": due_at}):
            await tx.run(update(removals).where(removals.c.project == project).values(due_at=due_at))


async def due(tx: Snapshot, now: datetime) -> list[str]:
    """Projects whose repository is to be looked at."""
    query = select(removals.c.project).where(removals.c.due_at <= now).order_by(removals.c.due_at)
    return [row.project for row in await tx.all(query.limit(100))]


async def forget(tx: Transaction, project: str) -> None:
    """Nothing is left to be done for this project."""
    await tx.run(delete(removals).where(removals.c.project == project))
