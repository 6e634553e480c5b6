"""A job on disk: what an executor needs to go on with it after a restart; never a secret value.

`job.json` is what was accepted and does not change; `state.json` is how far it is, from when it has
begun. Both are replaced atomically, so they survive the process. They need not survive the machine: a
job that was accepted before the machine's last start counts as begun, so that nothing is done twice.
Where that cannot be told, they are written durably.
"""

import contextlib
import os
import shutil
from pathlib import Path
from urllib.parse import quote

import msgspec
import structlog
from msgspec.structs import replace

from tidemill.core.job import JobPhase, JobReport, JobSpec
from tidemill.core.run import StepState

log = structlog.get_logger()

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class JobState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is."""

    report: JobReport
    begun: bool = False
    """Something of it may have run: it can be continued in its pod, never started again."""
    setup_log: str = ""
    stored: frozenset[int] = frozenset()
    """Steps whose logs are wholly in the store; -1 is the setup."""


class Accepted(msgspec.Struct, frozen=True):
    """A job as it was taken on."""

    spec: JobSpec
    boot: str


class KeptJob(msgspec.Struct, frozen=True):
    """A job on disk."""

    directory: "JobDirectory"
    spec: JobSpec
    boot: str
    state: JobState
    is_found: bool = False
    """Another life has left it: whatever is not on disk may have happened too."""

    def save(self, state: JobState, *, durable: bool = False) -> None:
        """Replace the state."""
        self.directory.save(state, durable=durable or not self.boot)


class JobDirectory:
    """The place of one job below an executor's directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def accept(self, spec: JobSpec, boot: str = "") -> KeptJob:
        """Put a new job on disk, in the place of whatever was there; *boot* is the machine's `boot_id`."""
        if self.path.exists():
            self.remove()
        self.path.mkdir(mode=0o700, parents=True)
        _replace(self.path / "job.json", msgspec.json.encode(Accepted(spec, boot)), durable=not boot)
        if not boot:
            _sync_directory(self.path.parent)
        return KeptJob(self, spec, boot, new_state(spec))

    def save(self, state: JobState, *, durable: bool = False) -> None:
        """Replace the state; it survives the process in any case, the machine when *durable*."""
        _replace(self.path / "state.json", msgspec.json.encode(state), durable=durable)

    def load(self) -> KeptJob:
        """What was accepted and how far it was; raises ValueError where that cannot be read."""
        try:
            accepted = msgspec.json.decode((self.path / "job.json").read_bytes(), type=Accepted)
            state = new_state(accepted.spec)
            with contextlib.suppress(FileNotFoundError):
                state = msgspec.json.decode((self.path / "state.json").read_bytes(), type=JobState)
        except (OSError, msgspec.MsgspecError) as error:
            raise ValueError(f"{self.path} holds no job: {error}") from error
        return KeptJob(self, accepted.spec, accepted.boot, state, is_found=True)

    def remove(self) -> None:
        """Forget the job; doing it again is harmless."""
        with contextlib.suppress(OSError):
            (self.path / "job.json").unlink()
        shutil.rmtree(self.path, ignore_errors=True)


def job_directory(root: Path, spec: JobSpec) -> JobDirectory:
    """Where a job is kept below *root*; another generation of it has another place."""
    return JobDirectory(root / pod_id(spec))


def pod_id(spec: JobSpec) -> str:
    """What a job's pod is called, safe as a file name; another generation's is another pod."""
    return f"{quote(spec.id, safe='')}.{spec.generation}"


def new_state(spec: JobSpec) -> JobState:
    """The state of a job of which nothing has happened."""
    steps = (StepState(),) * len(spec.task.steps)
    return JobState(
        report=JobReport(id=spec.id, generation=spec.generation, phase=JobPhase.ACCEPTED, steps=steps)
    )


def boot_id() -> str:
    """What this start of the machine is called; "" where that is unknown."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def kept_jobs(root: Path, boot: str = "") -> list[KeptJob]:
    """Every job below *root*; what cannot be read is removed, since nothing can be done with it.

    Of a job from before the machine's last start it is not known whether it has begun.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = []
    for path in sorted(root.iterdir()):
        directory = JobDirectory(path)
        try:
            job = directory.load()
        except ValueError as error:
            log.warning("a job on disk cannot be read, dropping it", error=str(error))
            directory.remove()
            continue
        begun = job.state.begun or job.boot != boot
        kept.append(replace(job, state=replace(job.state, begun=begun)))
    return kept


def _replace(path: Path, content: bytes, *, durable: bool) -> None:
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    if durable:
        _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
