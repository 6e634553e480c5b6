"""What may be asked of the runservice: runs, their actions, their logs."""

from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from tidemill.core.explaining.nouns import RunExplanation
from tidemill.core.plan import Plan, Superseded
from tidemill.core.reports import Reported
from tidemill.core.run import Run, RunId, TaskId
from tidemill.kit.contract import Contract, Page, PageLimit, get, post


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run to create: a plan, or the errors that kept it from being one."""

    name: str
    plan: Plan | None = None
    setup_errors: tuple[str, ...] = ()
    annotations: dict[str, str] = {}


class CreateRuns(msgspec.Struct, frozen=True, kw_only=True):
    """All runs of one trigger, created together or not at all."""

    key: str
    """Idempotency key: the same key answers the same runs again and creates nothing."""
    group: str
    scope: str = ""
    runs: tuple[NewRun, ...]


class Runs(msgspec.Struct, frozen=True):
    """A list of runs."""

    runs: tuple[Run, ...]


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs to list; all conditions hold together."""

    group: str = ""
    """An element-wise prefix of the runs' group path; "" is all."""
    phases: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    after: int | None = None
    """Exclusive start: a run number when *group* has a counter (two elements), else a sequence."""
    ascending: bool = False
    limit: PageLimit = 30


class StartRun(msgspec.Struct, frozen=True, kw_only=True):
    """Start a queued run if its group is as the caller saw it."""

    token: str
    """From `queued_groups`; 409 `groupChanged` when a run of the group was started or ended since, and
    while another run of its concurrency group is running.
    """


class QueuedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group with queued runs, for who decides what starts."""

    group: str
    queued: tuple[RunId, ...]
    """Oldest first, at most 100; the first alone where that one, or a running one, is all that matters."""
    running: tuple[RunId, ...]
    token: str


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a concurrency group that is queued or running."""

    id: RunId
    number: int
    group: str
    superseded: Superseded
    is_running: bool
    stopping: bool


class Contest(msgspec.Struct, frozen=True, kw_only=True):
    """A concurrency group with queued runs."""

    group: str
    """As its runs call it."""
    runs: tuple[Contender, ...]
    """Oldest first; beyond 100 only the newest."""


class QueuedGroups(msgspec.Struct, frozen=True):
    """Groups that have queued runs."""

    groups: tuple[QueuedGroup, ...]
    version: int = 0
    """Of all runs' phases; given back as *after*, it asks for the next change."""
    contests: tuple[Contest, ...] = ()


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """How to restart a run."""

    from_start: bool = True
    """False keeps the tasks that succeeded (reference, run configuration 6.12)."""
    tasks: tuple[str, ...] = ()
    """By name or id, not from the start: do these again and what depends on them, and keep all others."""


class RunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its plan (None for a setup error)."""

    run: Run
    plan: Plan | None


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a step has kept with its run."""

    task: TaskId
    step: int
    path: str
    size: int
    sha256: str
    created_at: datetime
    expires_at: datetime


class StepTests(msgspec.Struct, frozen=True, kw_only=True):
    """What test reports of a step have said."""

    task: TaskId
    step: int
    attempt: int
    reported: Reported


class RunTests(msgspec.Struct, frozen=True):
    """Those of a run, by task and step."""

    steps: tuple[StepTests, ...]


class Runservice(Contract):
    """Runs and what becomes of them. Knows nothing of people, projects, refs or forges."""

    @post("/runs", status=201, limit=32 * 1024 * 1024)
    async def create_runs(self, request: CreateRuns) -> Runs:
        """Create all runs of one trigger in one transaction; numbers have no gaps."""

    @get("/runs/{id}")
    async def run(self, id: RunId) -> RunDetail:
        """One run; 404 `runDoesNotExist`."""

    @get("/runs/{id}/follow", waits=True)
    async def follow_run(self, id: RunId) -> AsyncIterator[bytes]:
        """The run as JSON lines (of Run): now, and again after each change, until it is final."""

    @get("/runs/{id}/explain")
    async def explain_run(self, id: RunId) -> RunExplanation:
        """Why the run, its tasks and their steps are as they are; 404 `runDoesNotExist`."""

    @get("/numbered-runs/{number}")
    async def numbered_run(self, number: int, group: str) -> RunDetail:
        """The run with this number in the counter group *group*; 404 `runDoesNotExist`."""

    @post("/runs/query")
    async def runs(self, query: RunQuery) -> Page[Run]:
        """List runs, newest first unless asked otherwise; of tasks, only those waiting for approval."""

    @get("/queued-groups", waits=True)
    async def queued_groups(self, wait: float = 0, after: int = 0) -> QueuedGroups:
        """Groups with queued runs; waits up to *wait* seconds for a change beyond version *after*."""

    @post("/runs/{id}/start")
    async def start_run(self, id: RunId, request: StartRun) -> Run:
        """QUEUED -> RUNNING; its first tasks become claimable in the same transaction."""

    @post("/runs/{id}/cancel")
    async def cancel_run(self, id: RunId, reason: str = "") -> Run:
        """QUEUED -> CANCELLED; 409 `runNotQueued` otherwise."""

    @post("/runs/{id}/stop")
    async def stop_run(self, id: RunId, reason: str = "") -> Run:
        """Ask a running run to stop; 409 `runNotRunning` otherwise."""

    @post("/runs/{id}/restart", status=201)
    async def restart_run(self, id: RunId, request: Restart) -> Run:
        """A new run from a final one; 400 `runCannotBeRestarted`, `runTaskDoesNotExist`.

        Kept tasks share logs and archives with the run before. One whose archives are gone is done
        again where a task that is done again restores them.
        """

    @post("/runs/{id}/tasks/{task}/approve")
    async def approve_task(self, id: RunId, task: TaskId, approver: str) -> Run:
        """Let a task start that waits for approval or will; *approver* is an opaque name.

        400 `runTaskNotWaitingApproval` once it has started, and for who approved it before.
        """

    @post("/runs/{id}/tasks/{task}/reject")
    async def reject_task(self, id: RunId, task: TaskId, reason: str) -> Run:
        """Skip a task that waits for approval or will; 400 `runTaskNotWaitingApproval` once it has it."""

    @get("/runs/{id}/artifacts")
    async def artifacts(self, id: RunId, cursor: str = "", limit: PageLimit = 100) -> Page[Artifact]:
        """What is kept of a run, by task, path and step; 404 `runDoesNotExist`."""

    @get("/runs/{id}/artifacts/bundle")
    async def artifact_bundle(self, id: RunId, format: str = "tar", task: str = "") -> AsyncIterator[bytes]:
        """All of it as a `tar` or `zip` stream: each task's in a directory, or those of one *task* alone."""

    @get("/runs/{id}/tasks/{task}/artifacts/{path}")
    async def artifact(self, id: RunId, task: TaskId, path: str) -> Artifact:
        """What is known of a file, from the last step that has kept it; 404 `artifactDoesNotExist`."""

    @get("/runs/{id}/tasks/{task}/artifacts/{path}/content")
    async def read_artifact(
        self, id: RunId, task: TaskId, path: str, sha256: str, start: int, end: int
    ) -> AsyncIterator[bytes]:
        """The bytes of that file between two places; 404 too when another one has replaced it."""

    @get("/runs/{id}/tests")
    async def tests(self, id: RunId) -> RunTests:
        """What test reports of a run's steps have said; 404 `runDoesNotExist`."""
