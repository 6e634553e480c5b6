"""Runs and their tasks, as the public API shows them."""

from collections.abc import AsyncIterator
from typing import Annotated, Unpack

import msgspec

from tidemill.contracts.gateway.lists import ListQuery
from tidemill.kit.contract import Contract, Page, get, put

#: The content type of a stream that tells things as JSON, a line each; empty lines keep it alive.
JSON_LINES = "application/x-ndjson"

#: RFC 3339 as Go writes it: no trailing zeros in the fraction.
Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]


class RunsResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run in a list."""

    number: int
    name: str
    annotations: dict[str, str]
    phase: str
    result: str
    tasks_waiting_approval: tuple[str, ...]
    enqueue_time: Time | None
    start_time: Time | None
    end_time: Time | None
    warnings: int = 0
    """Extension: how many failures are ignored, of tasks and of steps."""


class TaskDepend(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An edge of the graph."""

    task_id: str = ""
    conditions: tuple[str, ...] = ()


class AttemptResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Extension: an attempt of a task that ended and was followed by another; its logs are kept."""

    number: int
    status: str
    timedout: bool
    start_time: Time | None
    end_time: Time | None
    reason: str = ""
    exit_status: int | None = None
    """Of the step that failed."""


class RunResponseTask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task within its run."""

    id: str
    name: str
    status: str
    timedout: bool
    level: int
    depends: dict[str, TaskDepend]
    waiting_approval: bool
    approved: bool
    approval_annotations: dict[str, str] | None
    start_time: Time | None
    end_time: Time | None
    task_timeout_interval: int
    """Nanoseconds; 0 is none."""
    reason: str = ""
    """Extension: one sentence when the status needs one."""
    attempt: int = 1
    """Extension: which attempt this is about, the latest."""
    next_attempt_time: Time | None = None
    """Extension: when that may start, where it waits."""
    past_attempts: tuple[AttemptResponse, ...] = ()
    """Extension: the attempts before, oldest first."""
    needed_approvals: int = 1
    """Extension: how many people must approve it, where it is approved at all."""
    approve_by_time: Time | None = None
    """Extension: when it stops waiting for that and is skipped."""
    warning: bool = False
    """Extension: it has failed, and the run ignores that."""
    warnings: int = 0
    """Extension: how many of its failures are ignored: its own, and those of its steps."""


class RunResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run with its tasks."""

    number: int
    name: str
    annotations: dict[str, str]
    phase: str
    result: str
    setup_errors: tuple[str, ...] | None
    stopping: bool
    tasks: dict[str, RunResponseTask]
    tasks_waiting_approval: tuple[str, ...]
    enqueue_time: Time | None
    start_time: Time | None
    end_time: Time | None
    can_restart_from_scratch: bool
    can_restart_from_failed_tasks: bool
    reason: str = ""
    """Extension: who or what stopped or cancelled it, one sentence."""
    warnings: int = 0
    """Extension: how many failures are ignored, of tasks and of steps; they do not change the result."""
    restarted_from: int | None = None
    """Extension: the number of the run that this one does again, if it does."""


class ContainerResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A container of a task's pod."""

    image: str


class SetupStepResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The preparation of a task's pod."""

    phase: str
    name: str
    start_time: Time | None
    end_time: Time | None


class StepResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a task; command, shell and exit status are those of `run` steps."""

    phase: str
    type: str
    name: str
    command: str
    shell: str
    exit_status: int | None
    start_time: Time | None
    end_time: Time | None
    log_archived: bool
    warning: bool = False
    """Extension: it has failed, and its task ignores that."""


class RunTaskResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task with its steps."""

    id: str
    name: str
    status: str
    timedout: bool
    containers: tuple[ContainerResponse, ...]
    waiting_approval: bool
    approved: bool
    approval_annotations: dict[str, str] | None
    setup_step: SetupStepResponse
    steps: tuple[StepResponse, ...]
    start_time: Time | None
    end_time: Time | None
    task_timeout_interval: int
    """Nanoseconds; 0 is none."""
    reason: str = ""
    """Extension: one sentence when the status needs one."""
    attempt: int = 1
    """Extension: which attempt this is about, the latest."""
    next_attempt_time: Time | None = None
    """Extension: when that may start, where it waits."""
    past_attempts: tuple[AttemptResponse, ...] = ()
    """Extension: the attempts before, oldest first."""
    needed_approvals: int = 1
    """Extension: how many people must approve it, where it is approved at all."""
    approve_by_time: Time | None = None
    """Extension: when it stops waiting for that and is skipped."""
    warning: bool = False
    """Extension: it has failed, and the run ignores that."""
    warnings: int = 0
    """Extension: how many of its failures are ignored: its own, and those of its steps."""


class ExplanationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Why something is as it is: a stable code, one sentence, and what it was concluded from."""

    code: str
    sentence: str
    evidence: dict[str, str]


class AttemptExplanationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt of a task that was followed by another, and its steps, explained."""

    number: int
    attempt: ExplanationResponse
    setup: ExplanationResponse
    steps: tuple[ExplanationResponse, ...]


class TaskExplanationResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task and its steps, explained."""

    id: str
    name: str
    task: ExplanationResponse
    setup: ExplanationResponse
    steps: tuple[ExplanationResponse, ...]
    attempts: tuple[AttemptExplanationResponse, ...] = ()
    """Those before the one that the others are about, oldest first."""


class RunExplanationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A run and its tasks, explained."""

    run: ExplanationResponse
    tasks: tuple[TaskExplanationResponse, ...]


class RunActionsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a run."""

    action_type: str = ""
    """`restart`, `cancel` or `stop`."""
    from_start: bool = False
    tasks: tuple[str, ...] = ()
    """Extension of `restart`, not from the start: do these again, by name or id, and what depends on them."""
    reason: str = ""
    """Extension of `cancel` and `stop`: why; shown behind who did it."""


class RunTaskActionsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a task."""

    action_type: str = ""
    """`approve`; extension: `reject`."""
    reason: str = ""
    """Extension: why it is rejected."""


class RunsQuery(ListQuery, total=False):
    """Which runs to list."""

    start: str
    """The number of the run behind which the list begins."""
    subgroup: str
    """Of this group of the project's runs alone, such as `branch/main`."""
    phase: tuple[str, ...]
    """In one of these phases."""
    result: tuple[str, ...]
    """With one of these results."""


class ProjectRunRoutes(Contract):
    """The runs of a project."""

    @get("/projects/{projectref}/runs")
    async def project_runs(self, projectref: str, **wanted: Unpack[RunsQuery]) -> Page[RunsResponse]:
        """Newest first unless asked otherwise; 400 for a bad limit, direction, start or cursor."""

    @get("/projects/{projectref}/runs/{runnumber}")
    async def project_run(self, projectref: str, runnumber: str) -> RunResponse:
        """404 `runDoesNotExist`; 400 `invalidRunNumber`."""

    @get("/projects/{projectref}/runs/{runnumber}/follow", waits=True, media=JSON_LINES, tells=RunResponse)
    async def follow_project_run(self, projectref: str, runnumber: str) -> AsyncIterator[bytes]:
        """Extension: the run as JSON lines (of RunResponse), now and after each change, until it ends."""

    @get("/projects/{projectref}/runs/{runnumber}/explain")
    async def explain_project_run(self, projectref: str, runnumber: str) -> RunExplanationResponse:
        """Extension: why the run, its tasks and their steps are as they are."""

    @put("/projects/{projectref}/runs/{runnumber}/actions")
    async def project_run_action(
        self, projectref: str, runnumber: str, request: RunActionsRequest
    ) -> RunResponse:
        """Restart (answers the new run), cancel a queued or stop a running one (answers it as it was).

        409 `runNotQueued`, `runNotRunning` in another phase.
        """

    @get("/projects/{projectref}/runs/{runnumber}/tasks/{taskid}")
    async def project_run_task(self, projectref: str, runnumber: str, taskid: str) -> RunTaskResponse:
        """404 without a code when the run has no such task."""

    @put("/projects/{projectref}/runs/{runnumber}/tasks/{taskid}/actions")
    async def project_run_task_action(
        self, projectref: str, runnumber: str, taskid: str, request: RunTaskActionsRequest
    ) -> None:
        """Approve a task that waits for it, or reject it: then it is skipped."""


class UserRunRoutes(Contract):
    """The direct runs of a user."""

    @get("/users/{userref}/runs")
    async def user_runs(self, userref: str, **wanted: Unpack[RunsQuery]) -> Page[RunsResponse]:
        """As for projects."""

    @get("/users/{userref}/runs/{runnumber}")
    async def user_run(self, userref: str, runnumber: str) -> RunResponse:
        """As for projects."""

    @get("/users/{userref}/runs/{runnumber}/follow", waits=True, media=JSON_LINES, tells=RunResponse)
    async def follow_user_run(self, userref: str, runnumber: str) -> AsyncIterator[bytes]:
        """Extension: as for projects."""

    @get("/users/{userref}/runs/{runnumber}/explain")
    async def explain_user_run(self, userref: str, runnumber: str) -> RunExplanationResponse:
        """Extension: as for projects."""

    @put("/users/{userref}/runs/{runnumber}/actions")
    async def user_run_action(self, userref: str, runnumber: str, request: RunActionsRequest) -> RunResponse:
        """As for projects."""

    @get("/users/{userref}/runs/{runnumber}/tasks/{taskid}")
    async def user_run_task(self, userref: str, runnumber: str, taskid: str) -> RunTaskResponse:
        """As for projects."""

    @put("/users/{userref}/runs/{runnumber}/tasks/{taskid}/actions")
    async def user_run_task_action(
        self, userref: str, runnumber: str, taskid: str, request: RunTaskActionsRequest
    ) -> None:
        """As for projects."""
