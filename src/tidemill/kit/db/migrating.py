"""Bring a database to the schema that this version of the code knows, or refuse to touch it.

A service's migrations are a package of Alembic version files, written by hand and in one line: each
names its `revision` and the `down_revision` before it, and `upgrade` says what changes. Alembic itself
is imported only when there is something to do, because that takes longer than all the rest of opening.
"""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

from sqlalchemy import Connection, column, inspect, select, table

from tidemill.errors import Unavailable
from tidemill.kit.db import ledger

_ENVIRONMENT = Path(__file__).parent  # Alembic looks for `env.py` in it
_REVISION = re.compile(r"""^(down_revision|revision)\b[^=\n]*=\s*(?:["']([^"']+)["']|None)""", re.MULTILINE)
_version = table("alembic_version", column("version_num"))


def is_current(connection: Connection, name: str, migrations: str) -> bool:
    """Whether nothing has to be done. Refuses a schema that is newer than this code."""
    tables = set(inspect(connection).get_table_names())
    if ledger.identity.name not in tables:
        return False
    format_ = connection.scalar(select(ledger.identity.c.format))
    known = revisions(migrations)
    current = connection.scalar(select(_version.c.version_num)) if _version.name in tables else None
    if format_ is None or format_ > ledger.FORMAT or (current is not None and current not in known):
        raise Unavailable(
            f"the database of {name} was written by a newer Tidemill (its schema is {current}, this one knows"
            f" {known[-1] if known else 'none'}); start that version, or restore the backup made before it",
            code="schemaTooNew",
        )
    return not known or current == known[-1]


def bring_up(connection: Connection, name: str, migrations: str) -> None:
    """Create or upgrade the schema; the caller holds a lock that no other process can hold beside it."""
    if is_current(connection, name, migrations):
        return
    if not inspect(connection).has_table(ledger.identity.name):
        ledger.create(connection)
    if revisions(migrations):
        _upgrade(connection, migrations)


def epoch(connection: Connection) -> str:
    """The epoch that the database stands in."""
    found: str = connection.execute(select(ledger.identity.c.epoch)).scalar_one()
    return found


def revisions(migrations: str) -> list[str]:
    """The revisions of a package of migrations, from the first to the last."""
    after: dict[str | None, str] = {}
    for path in _folder(migrations).glob("*.py"):
        named = dict(_REVISION.findall(path.read_text(encoding="utf-8")))
        if "revision" in named:
            before = named.get("down_revision") or None
            if before in after:
                raise ValueError(
                    f"{migrations}: {named['revision']} and {after[before]} both follow {before}"
                )
            after[before] = named["revision"]
    line: list[str] = []
    while (following := after.get(line[-1] if line else None)) is not None:
        line.append(following)
    if len(line) != len(after):
        raise ValueError(
            f"{migrations}: not one line of revisions: {sorted(set(after.values()) - set(line))}"
        )
    return line


def _folder(migrations: str) -> Path:
    spec = importlib.util.find_spec(migrations)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"{migrations} is not a package of migrations")
    return Path(next(iter(spec.submodule_search_locations)))


def _upgrade(connection: Connection, migrations: str) -> None:
    # With Alembic comes Mako, which would show errors in templates with Pygments: 4 MB for nothing.
    sys.modules.setdefault("mako.ext.pygmentplugin", cast("ModuleType", None))
    from alembic import command  # noqa: PLC0415 - slow to import and rarely needed
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", str(_ENVIRONMENT).replace("%", "%%"))
    config.set_main_option("version_locations", str(_folder(migrations)).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
