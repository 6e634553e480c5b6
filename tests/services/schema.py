"""Whether migrations make the tables that a store believes in."""

from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine

from tidemill.kit.db import Database


async def differences(service: str, metadata: MetaData, folder: Path) -> list[Any]:
    """What would have to change in a freshly migrated database of *service* to be *metadata*."""
    url = f"sqlite:///{folder / service}.db"
    database = await Database.open(url, name=service, migrations=f"tidemill.services.{service}.migrations")
    await database.close()
    engine = create_engine(url)
    own = set(metadata.tables)

    def is_own(thing: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        return name in own if kind == "table" else thing.table.name in own

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_own})
        found = compare_metadata(context, metadata)
    engine.dispose()
    return list(found)
