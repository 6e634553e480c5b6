"""A store in a directory, for runs without a server."""

import hashlib
import math
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import msgspec
from anyio import to_thread

from tidemill.contracts.jobs import Archive, KeptArtifacts
from tidemill.core.plan import Plan
from tidemill.core.reports import Reported
from tidemill.errors import NotFound
from tidemill.kit.archive import Digest
from tidemill.work.local_artifacts import keep_files

_BLOCK = 1 << 20
_OLD = 24 * 3600.0
"""Seconds after which nobody is still at work on an archive."""


class LocalStore:
    """What one task of *plan* may read and write: workspaces below *run*, caches below *caches*.

    Its artifacts go into *artifacts*, each step's into a directory of its number.
    """

    def __init__(self, plan: Plan, task: str, *, run: Path, caches: Path, artifacts: Path) -> None:
        self._plan = plan
        self._task = task
        self._run = run
        self._caches = caches
        self._artifacts = artifacts
        self.reported: dict[int, Reported] = {}
        """What test reports have said, by step."""

    async def workspaces(self) -> tuple[Archive, ...]:
        """Those of all tasks that this one depends on, directly or not."""
        found = []
        for task in self._plan.ancestors(self._task):
            kept = [_described(path) for path in (self._run / _name(task.name)).glob("*")]
            found += sorted((one for one in kept if one), key=lambda archive: archive.step)
        return tuple(found)

    async def save_workspace(self, step: int, archive: AsyncIterator[bytes]) -> Archive:
        """Keep files of a step."""
        place = self._run / _name(self._task) / str(step)
        return await _keep(place, Archive(id=str(place), task=self._task, step=step), archive)

    async def find_cache(self, key: str) -> Archive | None:
        """The cache of that key, else the latest that begins with it."""
        if exact := _described(self._caches / _name(key)):
            return exact
        kept = [(_age(path), _described(path)) for path in self._caches.glob("[!.]*")]
        fitting = [(age, one) for age, one in kept if one and one.key.startswith(key)]
        return min(fitting, key=lambda pair: pair[0])[1] if fitting else None

    async def save_cache(self, key: str, archive: AsyncIterator[bytes]) -> Archive:
        """Keep files under a key that has none."""
        place = self._caches / _name(key)
        _sweep(self._caches)
        wanted = Archive(id=str(place), key=key)
        return _described(place) or await _keep(place, wanted, archive, is_first_kept=True)

    async def save_artifacts(self, step: int, archive: AsyncIterator[bytes]) -> KeptArtifacts:
        """Keep the files of a tar stream."""
        return await keep_files(self._artifacts / str(step), archive)

    async def save_reports(self, step: int, reported: Reported) -> None:
        """Keep what test reports say."""
        self.reported[step] = reported

    async def read(self, archive: Archive) -> AsyncIterator[bytes]:
        """The bytes of an archive."""
        try:
            file = (Path(archive.id) / "archive").open("rb")
        except FileNotFoundError as error:
            raise NotFound("these files are not kept any more") from error

        async def blocks() -> AsyncIterator[bytes]:
            with file:
                while block := await to_thread.run_sync(file.read, _BLOCK):
                    yield block

        return blocks()


async def _keep(
    place: Path, archive: Archive, chunks: AsyncIterator[bytes], *, is_first_kept: bool = False
) -> Archive:
    """Put an archive and its description at *place*, at once; of several the last stays, or the first."""
    aside = place.parent / f".{uuid4()}"
    aside.mkdir(parents=True)
    try:
        digest = Digest()
        with (aside / "archive").open("wb") as file:
            async for chunk in digest.of(chunks):
                await to_thread.run_sync(file.write, chunk)
        archive = msgspec.structs.replace(archive, size=digest.size, sha256=digest.sha256)
        (aside / "description.json").write_bytes(msgspec.json.encode(archive))
        if is_first_kept and (found := _described(place)):
            return found
        shutil.rmtree(place, ignore_errors=True)
        try:
            aside.rename(place)
        except OSError:  # another command was faster
            if not (found := _described(place)):
                raise
            return found
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return archive


def _described(place: Path) -> Archive | None:
    try:
        return msgspec.json.decode((place / "description.json").read_bytes(), type=Archive)
    except (OSError, msgspec.MsgspecError):
        return None


def _age(place: Path) -> float:
    """Seconds since it was kept; without end when it is gone."""
    try:
        return time.time() - place.stat().st_mtime
    except OSError:
        return math.inf


def _sweep(folder: Path) -> None:
    """Remove what commands that were killed have begun and left."""
    for begun in folder.glob(".*"):
        if _OLD < _age(begun) < math.inf:
            shutil.rmtree(begun, ignore_errors=True)


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
