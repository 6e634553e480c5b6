"""What the gitserver keeps: its repositories, the log of pushes, the refs as the gateway knows them."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy import delete, insert, select, update

from tidemill.kit.db import AnyRow, Instant, Snapshot, Transaction
from tidemill.kit.git.push import Command, is_none
from tidemill.services.gitserver.reconcile import LoggedPush, State

_metadata = sa.MetaData()

repositories = sa.Table(
    "repositories",
    _metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("created_at", Instant),
)
known_refs = sa.Table(
    "known_refs",
    _metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("ref", sa.Text, primary_key=True),
    sa.Column("sha", sa.Text),
)
pushes = sa.Table(
    "pushes",
    _metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project", sa.Text),
    sa.Column("pusher", sa.Text),
    sa.Column("commands", sa.LargeBinary),
    sa.Column("received_at", Instant),
    sa.Column("state", sa.Text),
    sa.Column("attempts", sa.Integer),
    sa.Column("due_at", Instant),
)

_learn = insert(known_refs)
_unlearn = delete(known_refs).where(
    known_refs.c.project == sa.bindparam("of"), known_refs.c.ref == sa.bindparam("moved")
)
_settle = update(pushes).where(pushes.c.id == sa.bindparam("push"))


async def add_repository(tx: Transaction, project: str, now: datetime) -> bool:
    """Remember a repository; False if it was known already."""
    return await tx.insert_new(repositories, {"project": project, "created_at": now})


async def projects(tx: Snapshot) -> list[str]:
    """Whose repositories are known."""
    return [row.project for row in await tx.all(select(repositories.c.project))]


async def forget_repository(tx: Transaction, project: str) -> None:
    """Remove everything about a repository."""
    for table in (pushes, known_refs, repositories):
        await tx.run(delete(table).where(table.c.project == project))


async def known(tx: Snapshot, project: str) -> dict[str, str]:
    """The refs of a repository as the gateway knows them."""
    rows = await tx.all(select(known_refs).where(known_refs.c.project == project))
    return {row.ref: row.sha for row in rows}


async def learn(tx: Transaction, project: str, commands: Iterable[Command]) -> None:
    """Take over where *commands* moved refs to."""
    moved = {command.ref: command.new for command in commands}
    if not moved:
        return
    await tx.run(_unlearn, [{"of": project, "moved": ref} for ref in moved])
    await tx.run(
        _learn,
        [{"project": project, "ref": ref, "sha": sha} for ref, sha in moved.items() if not is_none(sha)],
    )


async def add_push(tx: Transaction, push: LoggedPush, now: datetime) -> None:
    """Append to the log; a push is in it once."""
    row = {
        "id": push.id,
        "project": push.project,
        "pusher": push.pusher,
        "commands": msgspec.json.encode(push.commands),
        "received_at": push.received_at,
        "state": push.state,
        "attempts": 0,
        "due_at": now,
    }
    await tx.insert_new(pushes, row)


async def settle_push(
    tx: Transaction, id: str, commands: tuple[Command, ...], state: State, now: datetime
) -> bool:
    """Record what of a push was applied and how far it has come; False if it is in the log no more."""
    values = {"push": id, "commands": msgspec.json.encode(commands), "state": state, "due_at": now}
    return await tx.run(_settle, values) == 1


async def postpone_push(tx: Transaction, id: str, attempts: int, due_at: datetime) -> None:
    """Note that telling the gateway has failed and when to try again."""
    await tx.run(
        update(pushes)
        .where(pushes.c.id == id, pushes.c.state == State.ACCEPTED)
        .values(attempts=attempts, due_at=due_at)
    )


async def retry_all(tx: Transaction, now: datetime) -> None:
    """Make every accepted push due, whatever its back-off said."""
    await tx.run(update(pushes).where(pushes.c.state == State.ACCEPTED).values(due_at=now))


async def due_pushes(tx: Snapshot, now: datetime, limit: int) -> list[LoggedPush]:
    """Accepted pushes that the gateway is to be told now, oldest first."""
    rows = await tx.all(
        select(pushes)
        .where(pushes.c.state == State.ACCEPTED, pushes.c.due_at <= now)
        .order_by(pushes.c.received_at, pushes.c.id)
        .limit(limit)
    )
    return [_push(row) for row in rows]


async def pending_pushes(tx: Snapshot) -> list[tuple[str, str]]:
    """Id and project of the pushes whose end nobody has seen yet."""
    rows = await tx.all(select(pushes.c.id, pushes.c.project).where(pushes.c.state == State.PENDING))
    return [(row.id, row.project) for row in rows]


async def log_since_pending(tx: Snapshot, project: str) -> list[LoggedPush]:
    """The log of a repository from its oldest pending push on, oldest first."""
    oldest = (
        select(sa.func.min(pushes.c.received_at))
        .where(pushes.c.project == project, pushes.c.state == State.PENDING)
        .scalar_subquery()
    )
    rows = await tx.all(
        select(pushes)
        .where(pushes.c.project == project, pushes.c.received_at >= oldest)
        .order_by(pushes.c.received_at, pushes.c.id)
    )
    return [_push(row) for row in rows]


async def forget_old(tx: Transaction, before: datetime, limit: int) -> int:
    """Remove up to *limit* finished pushes that were received before a moment; answers how many."""
    finished = pushes.c.state.in_((State.TOLD, State.REFUSED))
    old = select(pushes.c.id).where(finished, pushes.c.received_at < before).limit(limit)
    return await tx.run(delete(pushes).where(pushes.c.id.in_([row.id for row in await tx.all(old)])))


def _push(row: AnyRow) -> LoggedPush:
    return LoggedPush(
        id=row.id,
        project=row.project,
        pusher=row.pusher,
        commands=msgspec.json.decode(row.commands, type=tuple[Command, ...]),
        received_at=row.received_at,
        state=State(row.state),
        attempts=row.attempts,
    )
