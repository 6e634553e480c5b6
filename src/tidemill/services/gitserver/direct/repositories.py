"""Where the repositories of direct runs are on disk: made when they are pushed to, within limits."""

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import anyio
import anyio.to_thread

from tidemill.core.direct_runs import DIRECT_NAME_RULE, DirectRepository, direct_repository
from tidemill.errors import BadRequest, Forbidden, NotFound, TooLarge
from tidemill.kit.git.names import is_whole_hash
from tidemill.kit.git.reading import ObjectReader
from tidemill.kit.git.repository import Repository
from tidemill.kit.git.running import Git
from tidemill.services.gitserver.repositories import HIDDEN
from tidemill.settings import GitserverSettings

#: Below it a ref holds each commit that a run was made of: `<seconds since 1970>/<hash>`.
KEPT = f"{HIDDEN}/runs/"


class DirectOnDisk:
    """Bare repositories by user and name, under one directory; what is in use is not removed."""

    def __init__(
        self,
        git: Git,
        root: Path,
        reader: ObjectReader,
        settings: GitserverSettings,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._git = git
        self._root = root
        self._reader = reader
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self._locks: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        self._in_use: Counter[DirectRepository] = Counter()
        self.pushed_to: set[DirectRepository] = set()
        """Since they were last cleaned."""

    @property
    def staging(self) -> Path:
        """Where what is half made or half removed is, until the next start."""
        return self._root / "staging"

    async def start(self) -> None:
        """Remove what an earlier life left half made or half removed."""
        await anyio.to_thread.run_sync(shutil.rmtree, self.staging, True)

    def at(self, repository: DirectRepository) -> Repository:
        """It, there or not."""
        return Repository(self._git, self._root / repository.user.lower() / f"{repository.name}.git")

    def existing(self, id: str) -> Repository:
        """The repository with this id; NotFound `repositoryDoesNotExist`."""
        repository = direct_repository(id)
        if repository is None:
            raise BadRequest(f"{id!r} is not the id of a repository; {DIRECT_NAME_RULE}")
        found = self.at(repository)
        if not found.exists:
            raise NotFound("nothing was pushed to this repository yet", code="repositoryDoesNotExist")
        return found

    @asynccontextmanager
    async def using(self, repository: DirectRepository) -> AsyncIterator[None]:
        """Within it the repository is not removed."""
        async with self._locks[repository.user]:
            self._in_use[repository] += 1
        try:
            yield
        finally:
            self._in_use[repository] -= 1
            if not self._in_use[repository]:
                del self._in_use[repository]

    @asynccontextmanager
    async def alone(self, repository: DirectRepository) -> AsyncIterator[bool]:
        """Whether nobody uses it; within it nobody begins to."""
        async with self._locks[repository.user]:
            yield repository not in self._in_use

    async def made(self, repository: DirectRepository) -> Repository:
        """The repository, made if it is not there; Forbidden when the user has too many."""
        found = self.at(repository)
        if not found.exists:
            async with self._locks[repository.user]:
                if not found.exists:
                    self._check_number(repository)
                    await found.create(staging=self.staging / self._new_id())
        return found

    def _check_number(self, repository: DirectRepository) -> None:
        most, there = self._settings.direct_repositories, len(self.of_user(repository.user))
        if there >= most:
            raise Forbidden(
                f"you have {there} repositories of direct runs, and {most} is the most"
                " (gitserver.direct_repositories); those that are not pushed to go by themselves"
            )

    async def room(self, repository: Repository) -> int:
        """How many bytes may still be pushed to it; TooLarge when there are none."""
        most = self._settings.direct_repository_size
        left = most - await anyio.to_thread.run_sync(_size, repository.path / "objects")
        if left <= 0:
            raise TooLarge(
                f"the repository has more than {most} bytes (gitserver.direct_repository_size); old runs' "
                "files go by themselves, or use another: git config --unset agola.repouuid"
            )
        return left

    async def keep(self, id: str, commit: str) -> None:
        """Hold on to a commit that a run is made of, though its branch moves on."""
        if not is_whole_hash(commit):
            raise BadRequest(f"{commit!r} is not the whole hash of a commit")
        moment = int(self._clock().timestamp())
        await self._git.run(self.existing(id).path, "update-ref", f"{KEPT}{moment}/{commit}", commit)

    def users(self) -> list[str]:
        """Ids of the users who have any."""
        return sorted(entry.name for entry in _entries(self._root) if entry.name != self.staging.name)

    def of_user(self, user: str) -> list[DirectRepository]:
        """The repositories of the user with this id."""
        names = (entry.name.removesuffix(".git") for entry in _entries(self._root / user.lower()))
        return [DirectRepository(user=user, name=name) for name in sorted(names)]

    async def delete(self, repository: DirectRepository) -> None:
        """Remove it, which nobody uses."""
        found = self.at(repository)
        await self._reader.forget(found.path)
        await found.delete(staging=self.staging / self._new_id())
        self.pushed_to.discard(repository)
        if not _entries(found.path.parent):
            found.path.parent.rmdir()


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _size(directory: Path) -> int:
    """Bytes of all files below *directory*; what goes meanwhile is left out."""
    total = 0
    for entry in _entries(directory):
        try:
            total += _size(Path(entry.path)) if entry.is_dir() else entry.stat().st_size
        except FileNotFoundError:
            continue
    return total
