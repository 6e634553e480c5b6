"""Questions about test reports, and their table."""

import msgspec
from sqlalchemy import Column, Integer, LargeBinary, Table, Text, delete, insert, select

from tidemill.contracts.runservice import StepTests
from tidemill.core.reports import Reported
from tidemill.core.run import RunId, TaskId
from tidemill.kit.db import Snapshot, Transaction
from tidemill.services.runservice.store.tables import metadata, runs, tasks

#: What the reports of a step have said in the latest attempt of its task that has had any.
reports = Table(
    "reports",
    metadata,
    Column("task", Text, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, nullable=False),
    Column("reported", LargeBinary, nullable=False),
)

_decode = msgspec.msgpack.Decoder(Reported).decode


async def keep(tx: Transaction, task: TaskId, step: int, attempt: int, reported: Reported) -> None:
    """A step has reported; what it and what earlier attempts of its task have said before is gone."""
    before = (reports.c.step == step) | (reports.c.attempt < attempt)
    await tx.run(delete(reports).where(reports.c.task == task, before))
    data = msgspec.msgpack.encode(reported)
    await tx.run(insert(reports).values(task=task, step=step, attempt=attempt, reported=data))


async def of_run(tx: Snapshot, run: RunId) -> list[StepTests] | None:
    """What the tests of a run came to, by task and step; None when there is no such run."""
    sequence = await tx.value(select(runs.c.sequence).where(runs.c.id == run))
    if sequence is None:
        return None
    rows = await tx.all(
        select(reports)
        .join(tasks, tasks.c.id == reports.c.task)
        .where(tasks.c.run == sequence)
        .order_by(tasks.c.position, reports.c.step)
    )
    return [
        StepTests(task=row.task, step=row.step, attempt=row.attempt, reported=_decode(row.reported))
        for row in rows
    ]
