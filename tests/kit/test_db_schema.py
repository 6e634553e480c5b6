"""Opening a database: created, upgraded, left alone or refused."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import DatabaseUrl, OpenDatabase
from tests.kit import outside
from tests.kit.things import MIGRATIONS, adding, names, refused, things
from tidemill.errors import Unavailable
from tidemill.kit.db import Database, migrating

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]

SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "2026080101"
down_revision = "2026073001"

def upgrade() -> None:
    op.add_column("things", sa.Column("colour", sa.Text, server_default="grey"))
    {then}
"""


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `later`: the migrations of the tests, and room for more."""
    package = tmp_path / "later"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for path in (ROOT / "tests" / "kit" / "migrations").glob("2*.py"):
        (package / path.name).write_text(path.read_text())
    monkeypatch.syspath_prepend(tmp_path)
    return package


async def test_an_upgrade_keeps_what_is_there(open_database: OpenDatabase, later: Path) -> None:
    """A database of the version before is brought up, with its rows and its epoch."""
    before = await open_database("unit", MIGRATIONS)
    await before.do(adding("oar"))
    (later / "2026_08_01_colours.py").write_text(SECOND.format(then=""))
    after = await open_database("unit", "later")
    colour = await after.read(lambda s: s.value(sa.select(sa.column("colour")).select_from(things)))
    assert (colour, after.epoch) == ("grey", before.epoch)


async def test_an_upgrade_that_fails_changes_nothing(
    open_database: OpenDatabase, database_url: DatabaseUrl, later: Path
) -> None:
    """When a migration breaks in the middle, the old schema stays and the old version works."""
    before = await open_database("unit", MIGRATIONS)
    await before.do(adding("oar"))
    (later / "2026_08_01_colours.py").write_text(SECOND.format(then="raise KeyError('halfway')"))
    assert isinstance(await refused(open_database("unit", "later")), KeyError)
    again = await open_database("unit", MIGRATIONS)
    assert await names(again) == ["oar"]
    columns = await again.read(lambda s: s.one(sa.text("SELECT * FROM things")))
    assert columns is not None
    assert "colour" not in columns._fields


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_upgrade_may_not_leave_dangling_rows(open_database: OpenDatabase, later: Path) -> None:
    """Foreign keys rest while tables are rebuilt, and are checked before the commit."""
    before = await open_database("unit", MIGRATIONS)
    await before.do(adding("oar"))
    then = "op.execute(\"INSERT INTO parts (name, thing) VALUES ('blade', 'nothing')\")"
    (later / "2026_08_01_colours.py").write_text(SECOND.format(then=then))
    assert "refer to nothing" in str(await refused(open_database("unit", "later")))


async def test_a_newer_schema_is_refused(
    open_database: OpenDatabase, database_url: DatabaseUrl, later: Path
) -> None:
    """An older version does not touch what a newer one has written, and says what to do."""
    (later / "2026_08_01_colours.py").write_text(SECOND.format(then=""))
    await open_database("unit", "later")
    error = await refused(open_database("unit", MIGRATIONS))
    assert isinstance(error, Unavailable)
    assert error.code == "schemaTooNew"
    assert "2026080101" in str(error)
    assert "2026073001" in str(error)


async def test_newer_tables_of_the_machinery_are_refused(
    open_database: OpenDatabase, database_url: DatabaseUrl
) -> None:
    """The format of identity and feed has a version as well."""
    await open_database("unit", MIGRATIONS)
    outside.execute(database_url("unit"), "UPDATE tidemill_identity SET format = 99")
    assert isinstance(await refused(open_database("unit", MIGRATIONS)), Unavailable)


async def test_a_current_schema_costs_no_alembic(
    open_database: OpenDatabase, database_url: DatabaseUrl
) -> None:
    """Opening what is up to date does not import the migration machinery."""
    await open_database("unit", MIGRATIONS)
    program = (
        "import asyncio, sys\n"
        "from tidemill.kit.db import Database\n"
        "async def main():\n"
        "    database = await Database.open(sys.argv[1], name='unit', migrations='tests.kit.migrations')\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
        "print('alembic' in sys.modules)\n"
    )
    done = await asyncio.to_thread(run, program, database_url("unit"))
    assert done == "False\n"


async def test_many_may_open_an_empty_database_at_once(database_url: DatabaseUrl) -> None:
    """Several processes that start together find one schema, one epoch, and no error."""
    program = (
        "import asyncio, sys\n"
        "from tidemill.kit.db import Database\n"
        "async def main():\n"
        "    database = await Database.open(sys.argv[1], name='unit', migrations='tests.kit.migrations')\n"
        "    print(database.epoch)\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
    )
    url = database_url("unit")
    epochs = await asyncio.gather(*(asyncio.to_thread(run, program, url) for _ in range(4)))
    assert len(set(epochs)) == 1
    assert epochs[0].strip()


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_services_share_a_server_and_not_their_tables(open_database: OpenDatabase) -> None:
    """Each service's tables are its own, in one PostgreSQL database as in two files."""
    one = await open_database("unit", MIGRATIONS)
    other = await open_database("other", MIGRATIONS)
    await one.do(adding("oar"))
    assert (await names(one), await names(other)) == (["oar"], [])


def test_migrations_are_one_line(later: Path) -> None:
    """Two revisions after the same one, or one after none of ours, are refused by name."""
    assert migrating.revisions("later") == ["2026073001"]
    (later / "b.py").write_text(SECOND)
    assert migrating.revisions("later") == ["2026073001", "2026080101"]
    (later / "c.py").write_text(SECOND.replace("2026080101", "2026080102"))
    with pytest.raises(ValueError, match="both follow 2026073001"):
        migrating.revisions("later")
    (later / "c.py").write_text(SECOND.replace("2026080101", "2026080102").replace("2026073001", "lost"))
    with pytest.raises(ValueError, match="not one line"):
        migrating.revisions("later")


async def test_what_is_not_a_package_is_not_migrations(tmp_path: Path) -> None:
    """A misspelt package of migrations is a mistake in the code, told as one."""
    url = f"sqlite:///{tmp_path / 'unit.db'}"
    error = await refused(Database.open(url, name="unit", migrations="tests.kit.things"))
    assert "not a package of migrations" in str(error)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Something else under the name of the database is told, not overwritten."""
    path = tmp_path / "unit.db"
    path.write_bytes(b"not a database" * 1000)
    error = await refused(Database.open(f"sqlite:///{path}", name="unit", migrations=MIGRATIONS))
    assert isinstance(error, Unavailable)
    assert "not a database" in str(error)
    assert path.read_bytes().startswith(b"not a database")


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A path that leads through a file is refused with the path."""
    (tmp_path / "file").write_text("")
    url = f"sqlite:///{tmp_path / 'file' / 'unit.db'}"
    error = await refused(Database.open(url, name="unit", migrations=MIGRATIONS))
    assert isinstance(error, Unavailable)
    assert str(tmp_path / "file") in str(error)
