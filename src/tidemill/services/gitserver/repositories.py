"""Where the repositories are on disk, and their life: created, looked over once, removed."""

import re
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import structlog

from tidemill.errors import BadRequest, Failure, NotFound
from tidemill.kit.git.reading import ObjectReader
from tidemill.kit.git.repository import Repository
from tidemill.kit.git.running import Git
from tidemill.services.gitserver.push_log import PushLog

#: Refs below it are ours: nobody sees them, nobody moves them.
HIDDEN = "refs/tidemill"

#: What every git process of the gitserver is told beside what `kit/git` tells it.
CONFIG = {
    # Durable before the client hears of it, loose objects too; in one flush where git can.
    "core.fsync": "committed,loose-object",
    "core.fsyncMethod": "batch",
    "core.logAllRefUpdates": "false",
    # Objects are checked, but old mistakes that clients live with do not keep a repository out.
    "receive.fsckObjects": "true",
    "receive.fsck.badTimezone": "ignore",
    "receive.fsck.missingSpaceBeforeDate": "ignore",
    "receive.fsck.zeroPaddedFilemode": "ignore",
    "receive.fsck.badDateOverflow": "ignore",
    "receive.shallowUpdate": "true",
    "receive.denyDeleteCurrent": "refuse",
    "transfer.hideRefs": HIDDEN,
    # A job fetches exactly its commit, also when the branch has moved on or is gone.
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
    # Larger files are streamed instead of being held in memory.
    "core.bigFileThreshold": "32m",
}

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)


log = structlog.get_logger("gitserver")


class Repositories:
    """Bare repositories by the id of their project, under one directory."""

    def __init__(
        self, git: Git, root: Path, log: PushLog, reader: ObjectReader, *, new_id: Callable[[], str]
    ) -> None:
        self._git = git
        self._root = root
        self._log = log
        self._reader = reader
        self._new_id = new_id
        self._looked_over: set[str] = set()
        self._unpacked: set[str] = set()
        self._locks: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

    async def start(self) -> None:
        """Remove what an earlier life left half made or half removed."""
        await anyio.to_thread.run_sync(shutil.rmtree, self._root / "staging", True)

    def existing(self, project: str) -> Repository:
        """The repository of *project*; NotFound `repositoryDoesNotExist` where there is none."""
        repository = self._at(project)
        if not repository.exists:
            raise NotFound(f"project {project} has no repository yet", code="repositoryDoesNotExist")
        return repository

    async def opened(self, project: str) -> Repository:
        """The repository of *project*, created on first contact and ready to be pushed to."""
        repository = self._at(project)
        self._unpacked.add(project)
        if project not in self._looked_over or not repository.exists:
            async with self._locks[project]:
                if not repository.exists:
                    await repository.create(staging=self._staging())
                    self._looked_over.discard(project)
                if project not in self._looked_over:
                    await self._break_locks(repository)
                    refs = await repository.refs()
                    await repository.point_head(refs)
                    await self._log.recover(project, refs, is_first=True)
                    self._looked_over.add(project)
        return repository

    async def recover(self, project: str) -> None:
        """Settle what is pending in a repository, and look it over if that has not been done yet."""
        repository = self._at(project)
        if project not in self._looked_over and repository.exists:
            await self.opened(project)
            return
        async with self._locks[project]:
            refs = await repository.refs() if repository.exists else {}
            await self._log.recover(project, refs, is_first=False)

    async def pack(self) -> None:
        """Pack what was pushed since the last time, one repository after the other."""
        while self._unpacked:
            project = self._unpacked.pop()
            repository = self._at(project)
            try:
                if repository.exists:
                    await self._break_locks(repository)
                    await repository.pack()
            except Failure as error:  # it is packed after its next push; until then it is slower, not wrong
                log.warning("repository not packed", project=project, error=error.message)

    async def delete(self, project: str) -> None:
        """Remove a repository and stop its readers; doing it again is harmless."""
        repository = self._at(project)
        async with self._locks[project]:
            await self._reader.forget(repository.path)
            await repository.delete(staging=self._staging())
            await self._log.forget(project)
            self._looked_over.discard(project)

    async def _break_locks(self, repository: Repository) -> None:
        for lock in await repository.break_locks():
            log.warning("stale lock removed", path=str(lock))

    def _at(self, project: str) -> Repository:
        if not _ID.fullmatch(project):
            raise BadRequest(f"{project!r} is not the id of a project")
        return Repository(self._git, self._root / project[-2:].lower() / f"{project}.git")

    def _staging(self) -> Path:
        return self._root / "staging" / self._new_id()
