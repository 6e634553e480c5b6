"""Questions about what counter groups keep where that is not what the settings say, and their table."""

import msgspec
from sqlalchemy import Column, LargeBinary, Table, delete, insert, select

from tidemill.contracts.storage import RunRule
from tidemill.kit.db import BytewiseText, Snapshot, Transaction
from tidemill.services.runservice.store.tables import metadata

retention_rules = Table(
    "retention_rules",
    metadata,
    Column("counter_path", BytewiseText, primary_key=True),
    Column("rule", LargeBinary, nullable=False),
)

_decode = msgspec.json.Decoder(RunRule).decode


async def all_rules(tx: Snapshot) -> dict[str, RunRule]:
    """Every rule by its counter group."""
    return {row.counter_path: _decode(row.rule) for row in await tx.all(select(retention_rules))}


async def rule_of(tx: Snapshot, counter_path: str) -> RunRule:
    """The rule of a counter group; one that says nothing when there is none."""
    query = select(retention_rules.c.rule).where(retention_rules.c.counter_path == counter_path)
    stored: bytes | None = await tx.value(query)
    return RunRule() if stored is None else _decode(stored)


async def set_rule(tx: Transaction, counter_path: str, rule: RunRule) -> None:
    """Give a counter group its rule; one that says nothing is none."""
    await tx.run(delete(retention_rules).where(retention_rules.c.counter_path == counter_path))
    if rule != RunRule():
        await tx.run(
            insert(retention_rules).values(counter_path=counter_path, rule=msgspec.json.encode(rule))
        )
