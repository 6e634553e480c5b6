"""A job's archives, kept by the runservice."""

from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager

from tidemill.contracts.jobs import Archive, Jobs, KeptArtifacts
from tidemill.core.job import JobId
from tidemill.core.reports import Reported
from tidemill.errors import Conflict, Unavailable
from tidemill.kit.archive import Digest
from tidemill.work.shipping import Fenced


class RunserviceStore:
    """The store of one job in one generation."""

    def __init__(self, jobs: Jobs, id: JobId, generation: int) -> None:
        self._jobs = jobs
        self._id = id
        self._generation = generation

    async def workspaces(self) -> tuple[Archive, ...]:
        """What the tasks before this one have kept."""
        with _meaning():
            return (await self._jobs.workspaces(self._id, self._generation)).archives

    async def save_workspace(self, step: int, archive: AsyncIterator[bytes]) -> Archive:
        """Keep files of a step."""
        digest = Digest()
        kept = self._jobs.save_workspace(self._id, self._generation, step, digest.of(archive))
        return await _whole(kept, digest)

    async def find_cache(self, key: str) -> Archive | None:
        """The cache of that key, else the latest that begins with it."""
        with _meaning():
            return (await self._jobs.find_cache(self._id, self._generation, key)).archive

    async def save_cache(self, key: str, archive: AsyncIterator[bytes]) -> Archive:
        """Keep files under a key that has none; when somebody was faster, what they have kept stays."""
        with _meaning():
            return await self._jobs.save_cache(self._id, self._generation, key, archive)

    async def save_artifacts(self, step: int, archive: AsyncIterator[bytes]) -> KeptArtifacts:
        """Keep files of a step with the run."""
        with _meaning():
            return await self._jobs.save_artifacts(self._id, self._generation, step, archive)

    async def save_reports(self, step: int, reported: Reported) -> None:
        """Keep what test reports of a step say."""
        with _meaning():
            await self._jobs.save_reports(self._id, self._generation, step, reported)

    async def read(self, archive: Archive) -> AsyncIterator[bytes]:
        """The bytes of an archive."""
        with _meaning():
            return await self._jobs.read_archive(self._id, self._generation, archive.id)


async def _whole(kept: Awaitable[Archive], digest: Digest) -> Archive:
    """What is kept, if it is what was sent."""
    with _meaning():
        archive = await kept
    if archive.sha256 != digest.sha256:
        raise Unavailable("what arrived is not what was sent")
    return archive


@contextmanager
def _meaning() -> Iterator[None]:
    try:
        yield
    except Conflict as conflict:
        if conflict.code == "fenced":
            raise Fenced(conflict.message) from conflict
        raise
