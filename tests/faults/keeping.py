"""What must hold of kept files after any fault: whole under every name, and nothing besides once it is swept."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import sqlalchemy as sa

from tests.faults.checking import MIGRATIONS
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Snapshot
from tidemill.kit.objects import Objects
from tidemill.kit.objects.files import STAGING
from tidemill.services.runservice.archives.artifacts import Artifacts
from tidemill.services.runservice.retention.rounds import Retention
from tidemill.services.runservice.store.plans import Plans
from tidemill.settings import RunserviceSettings

#: Behind the ages at which the sweep looks at an object, and takes it.
_LATER = timedelta(hours=25)
_MUCH_LATER = timedelta(hours=27)
_DAYS = 2 * 86_400


class Stretch(msgspec.Struct, frozen=True):
    """What a row says of an object, or of a part of it."""

    object: str
    start: int
    size: int
    sha256: str


async def check_kept(url: str, store: Path, *, archives: int, artifacts: int) -> None:
    """As many archives and artifacts are kept as were acknowledged, each whole; then nothing else is left."""
    database = await Database.open(url, name="runservice", migrations=MIGRATIONS)
    objects = Objects.open(store.as_uri())
    try:
        kept = await database.read(_kept)
        counts = [sum(one.object.startswith(folder) for one in kept) for folder in ("archives", "artifacts")]
        assert counts == [archives, artifacts], kept
        await _check_whole(objects, kept)
        await _sweep(database, objects, store)
        assert await database.read(_kept) == kept
        await _check_whole(objects, kept)
        assert not list((store / STAGING).iterdir())
        there = {name async for name in objects.list()}
        assert there == await database.read(_named)
        sets = await database.read(lambda tx: tx.all(sa.text("SELECT * FROM artifact_sets WHERE NOT live")))
        assert not sets
        assert not await database.read(lambda tx: tx.all(sa.text("SELECT * FROM doomed_objects")))
    finally:
        await database.close()


async def _check_whole(objects: Objects, kept: list[Stretch]) -> None:
    for one in kept:
        digest, size = hashlib.sha256(), 0
        async for block in await objects.get(one.object, one.start, one.start + one.size):
            digest.update(block)
            size += len(block)
        assert (size, digest.hexdigest()) == (one.size, one.sha256), one.object
        assert one.object.startswith("artifacts") or await objects.size(one.object) == one.size


async def _kept(tx: Snapshot) -> list[Stretch]:
    found = []
    for table in ("workspaces", "caches"):
        rows = await tx.all(sa.text(f"SELECT id, size, sha256 FROM {table} ORDER BY id"))
        found += [Stretch(f"archives/{row.id}", 0, row.size, row.sha256) for row in rows]
    files = await tx.all(
        sa.text(
            'SELECT "set", start, artifacts.size, sha256 FROM artifacts JOIN artifact_sets'
            ' ON artifact_sets.id = "set" WHERE live ORDER BY "set", path'
        )
    )
    return found + [Stretch(f"artifacts/{row.set}", row.start, row.size, row.sha256) for row in files]


async def _named(tx: Snapshot) -> set[str]:
    """Every object that a row names."""
    names = {one.object for one in await _kept(tx)}
    for table in ("logs", "log_parts"):
        rows = await tx.all(sa.text(f"SELECT object FROM {table} WHERE object IS NOT NULL"))
        names |= {row.object for row in rows}
    return names


async def _sweep(database: Database, objects: Objects, store: Path) -> None:
    """What the runservice does within two days, now."""
    for file in (store / STAGING).iterdir():
        then = file.stat().st_mtime - _DAYS
        os.utime(file, (then, then))
    now = datetime.now(UTC)
    settings = RunserviceSettings()

    def much_later() -> datetime:
        return now + _MUCH_LATER

    looking = Retention(database, objects, Bells(), settings.retention, clock=lambda: now + _LATER)
    await looking.look_through()
    clearing = Retention(database, objects, Bells(), settings.retention, clock=much_later)
    await clearing.clearing.work()
    expiring = Artifacts(database, objects, Plans(), clock=much_later, new_id=str, settings=settings)
    await expiring.expire()
