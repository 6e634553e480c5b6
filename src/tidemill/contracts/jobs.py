"""What an executor may ask of the runservice: work, and a place for what it has to tell."""

from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from tidemill.core.job import ExecutorId, JobId, JobReport, JobSpec
from tidemill.core.plan import Resources
from tidemill.core.reports import Reported
from tidemill.kit.contract import Contract, SmallNumber, get, post, put


class ExecutorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An executor as it presents itself with every sync."""

    id: ExecutorId
    name: str = ""
    slots: int
    """How many jobs it works on at once."""
    runtimes: tuple[str, ...]
    """Kinds of runtime it can serve: `host`, `pod`."""
    arch: str = ""
    labels: dict[str, str] = {}
    allow_privileged: bool = False
    """It runs containers that are privileged."""
    resources: Resources = Resources()
    """What it has for all of its jobs together; None is not stated."""
    draining: bool = False
    """It finishes what it has and wants nothing new."""


class SyncRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All that an executor has, in full: what is not listed here it does not have."""

    executor: ExecutorInfo
    jobs: tuple[JobReport, ...] = ()
    wait: float = 0
    """Seconds to wait for something to say, at most 30 and at most a third of a lease."""
    sequence: int = 0
    """Grows with every sync of this executor, also across its restarts (begin with the clock's
    microseconds); a sync that was overtaken on its way is told by it. 0 is not given.
    """


class AcceptedJob(msgspec.Struct, frozen=True, kw_only=True):
    """Leave to run a job that the executor has accepted, with the values that it named."""

    id: JobId
    generation: int
    values: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"AcceptedJob({self.id}, {self.generation}, {', '.join(self.values)})"


class SyncAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the executor shall change; repeated with every sync until both sides agree."""

    start: tuple[JobSpec, ...] = ()
    """Jobs assigned to it that it did not list: put on disk, then list as ACCEPTED."""
    run: tuple[AcceptedJob, ...] = ()
    """Jobs listed as ACCEPTED (or listed after a restart and in want of values): go."""
    stop: tuple[JobId, ...] = ()
    """Stop these and report how they ended; repeated until they are reported as `stopping`."""
    fenced: tuple[JobId, ...] = ()
    """Another generation has these or they are gone: kill them, report nothing more of them."""
    forget: tuple[JobId, ...] = ()
    """Their end is recorded: remove them from the disk."""


class LogEnd(msgspec.Struct, frozen=True):
    """How many bytes of a log are stored."""

    length: int


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """Files that are kept: a tar stream, compressed with zstd."""

    id: str
    """What it is read by, opaque."""
    task: str = ""
    """The task that has kept it, by name, for those that depend on it."""
    step: int = 0
    key: str = ""
    """The key of a cache."""
    size: int = 0
    sha256: str = ""
    """Of the compressed bytes; "" where it is not known."""


class Archives(msgspec.Struct, frozen=True):
    """Archives in the order in which they are to be unpacked."""

    archives: tuple[Archive, ...]


class FoundCache(msgspec.Struct, frozen=True):
    """The cache that was looked for, if there is any."""

    archive: Archive | None = None


class KeptArtifacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a step has kept for people."""

    files: int
    size: int
    left_out: int = 0
    """Links, which are not kept."""
    expires_at: datetime | None = None


class Jobs(Contract):
    """What an executor may ask. Jobs are leases: a silent executor loses them (core/job)."""

    @post("/jobs/sync", waits=True, limit=8 * 1024 * 1024)
    async def sync(self, request: SyncRequest) -> SyncAnswer:
        """Compare what the executor has with what it should have; wait for a difference.

        Reports of stale generations never fail a sync: they are answered in *fenced*. 409
        `staleSync` (details: `sequence`, the latest one served) when a later sync was served before.
        """

    @post("/jobs/{id}/log", limit=8 * 1024 * 1024)
    async def append_log(
        self, id: JobId, generation: SmallNumber, step: SmallNumber, offset: int, data: bytes, seen: str = ""
    ) -> LogEnd:
        """Store *data* of a step (-1 is the setup) from *offset* on; what is acknowledged is durable.

        *seen* tells when it was printed: `OFFSET-MILLISECONDS,…` (core/logs/marks), at most 32, offsets
        counted in *data*, times from the epoch; without it that is when it arrives.

        Repeated bytes are no-ops. 409 `logGap` when *offset* lies beyond the end (details: `length`);
        409 `fenced` when the generation is not the job's.
        """

    @get("/jobs/{id}/log")
    async def log_end(self, id: JobId, generation: SmallNumber, step: SmallNumber) -> LogEnd:
        """How much of a step's log is stored; 409 `fenced` when the generation is not the job's."""

    @get("/jobs/{id}/workspaces")
    async def workspaces(self, id: JobId, generation: SmallNumber) -> Archives:
        """What the tasks that this job's task depends on have kept, by level, name and step."""

    @put("/jobs/{id}/workspaces/{step}")
    async def save_workspace(
        self, id: JobId, generation: SmallNumber, step: SmallNumber, archive: AsyncIterator[bytes]
    ) -> Archive:
        """Keep files for the tasks that depend on this one, in place of what the step has kept before.

        What is acknowledged is durable; 409 `fenced` when the generation is not the job's.
        """

    @get("/jobs/{id}/caches")
    async def find_cache(self, id: JobId, generation: SmallNumber, key: str) -> FoundCache:
        """The cache of that key among those that the run may read, else the latest that begins with it."""

    @put("/jobs/{id}/caches")
    async def save_cache(
        self, id: JobId, generation: SmallNumber, key: str, archive: AsyncIterator[bytes]
    ) -> Archive:
        """Keep files under *key* where the run saves caches; if there are some already these stay.

        Answers what is kept then. 409 `fenced` when the generation is not the job's.
        """

    @get("/jobs/{id}/archives/{archive}")
    async def read_archive(self, id: JobId, generation: SmallNumber, archive: str) -> AsyncIterator[bytes]:
        """An archive that this job may read; 404 `archiveDoesNotExist`. A cut stream ends with an error."""

    @put("/jobs/{id}/artifacts/{step}")
    async def save_artifacts(
        self, id: JobId, generation: SmallNumber, step: SmallNumber, archive: AsyncIterator[bytes]
    ) -> KeptArtifacts:
        """Keep the files of a tar stream with the run, in place of what the step has kept before.

        What is acknowledged is durable; what an earlier attempt of the task has kept is replaced. 400 for
        names that no artifact can have, 413 for too many or too large files; 409 `fenced` when the
        generation is not the job's.
        """

    @put("/jobs/{id}/reports/{step}", limit=8 * 1024 * 1024)
    async def save_reports(
        self, id: JobId, generation: SmallNumber, step: SmallNumber, reported: Reported
    ) -> None:
        """Keep what test reports of a step say, in place of what it has said before.

        409 `fenced` when the generation is not the job's.
        """
