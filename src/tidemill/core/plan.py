"""The plan: a definition compiled for one commit and ref, ready to be run, names of secrets only."""

from enum import StrEnum
from functools import cached_property
from typing import Literal as OneOf

import msgspec

from tidemill.core.graph import in_order


class Literal(msgspec.Struct, frozen=True, tag="literal"):
    """A value written in the definition."""

    value: str


class FromVariable(msgspec.Struct, frozen=True, tag="variable"):
    """A value known only when a job is handed out; the plan holds its name alone."""

    name: str
    default: str | None = None
    """What the configuration's own `variables` say, for when nobody else defines the name."""


Value = Literal | FromVariable


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Files to save: those below *source_dir* that match one of *paths*, under *dest_dir*."""

    source_dir: str = ""
    dest_dir: str = ""
    paths: tuple[str, ...] = ("**",)


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind of step has."""

    name: str = ""
    timeout: float | None = None
    """Seconds; None is no limit of its own."""
    ignore_failure: bool = False
    """Its failure is a warning: the steps after it are done."""
    always: bool = False
    """It is done also when a step before it has failed or the task was stopped or ran out of time."""
    skip: str = ""
    """Why it is passed over, a sentence; "" when it is not."""


class RunStep(_Step, frozen=True, kw_only=True, tag="run"):
    """A command for the task's shell (reference, run configuration 3.3)."""

    command: str
    environment: dict[str, Value] = {}
    working_dir: str | None = None
    shell: str | None = None
    tty: bool = True


class CloneStep(_Step, frozen=True, kw_only=True, tag="clone"):
    """Fetch the run's commit into the working directory (reference, run configuration 3.2)."""

    depth: int | None = None
    recurse_submodules: bool = False


class SaveToWorkspace(_Step, frozen=True, kw_only=True, tag="save_to_workspace"):
    """Keep files for the tasks that depend on this one (reference, run configuration 3.4)."""

    contents: tuple[Content, ...] = ()


class RestoreWorkspace(_Step, frozen=True, kw_only=True, tag="restore_workspace"):
    """Bring back what the tasks that this one depends on have kept (reference 3.5)."""

    dest_dir: str = ""


class SaveCache(_Step, frozen=True, kw_only=True, tag="save_cache"):
    """Keep files for later runs under a key made from a template (reference 3.6, 3.8)."""

    key: str = ""
    contents: tuple[Content, ...] = ()


class RestoreCache(_Step, frozen=True, kw_only=True, tag="restore_cache"):
    """Bring back the files of the first of *keys* that is found (reference 3.7)."""

    keys: tuple[str, ...] = ()
    dest_dir: str = ""


class SaveArtifacts(_Step, frozen=True, kw_only=True, tag="artifacts"):
    """Keep files with the run, for people to download."""

    contents: tuple[Content, ...] = ()
    expire_after: float | None = None
    """Seconds after which they may be deleted; None is as the server says."""


class SaveReports(_Step, frozen=True, kw_only=True, tag="reports"):
    """Read test reports: the files in JUnit's format that match one of *junit*."""

    junit: tuple[str, ...] = ()


Step = (
    RunStep
    | CloneStep
    | SaveToWorkspace
    | RestoreWorkspace
    | SaveCache
    | RestoreCache
    | SaveArtifacts
    | SaveReports
)


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """Memory mounted at *path*, of at most *size* bytes."""

    path: str = ""
    size: int | None = None


class RegistryAuth(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials for an image registry: *username* and *password*, or both in *auth* (encodedauth)."""

    type: str = "basic"
    username: Value = Literal("")
    password: Value = Literal("")
    auth: Value = Literal("")


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """When a service container can be used: once *command* ends with 0 in it."""

    command: str
    interval: float = 1.0
    """Seconds between two tries."""
    timeout: float = 60.0
    """Seconds after which the task's setup fails."""


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """One container of a pod; the first of a runtime is the task's own, the others are services."""

    image: str = ""
    environment: dict[str, Value] = {}
    user: str = ""
    privileged: bool = False
    entrypoint: str = ""
    volumes: tuple[Volume, ...] = ()
    readiness: Readiness | None = None


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """What a task may use, and what its executor must have free."""

    cpu: int | None = None
    """Thousandths of a core."""
    memory: int | None = None
    """Bytes."""


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """Where a task's steps are executed: containers of an image, or a process of the host."""

    type: OneOf["pod", "host"] = "pod"
    arch: str = ""
    containers: tuple[Container, ...] = ()
    labels: dict[str, str] = {}
    """What its executor must be labelled with; "" is any value."""
    resources: Resources = Resources()


class Condition:
    """Names of the conditions of a dependency."""

    ON_SUCCESS = "on_success"
    ON_FAILURE = "on_failure"
    ON_SKIPPED = "on_skipped"
    ALWAYS = "always"


class Depend(msgspec.Struct, frozen=True, kw_only=True):
    """An edge of the graph: *task* must end in a way one of *conditions* names."""

    task: str
    conditions: tuple[str, ...] = (Condition.ON_SUCCESS,)


class RetryOn(StrEnum):
    """Ways of ending after which a task may be tried again."""

    LOST = "lost"
    TIMEOUT = "timeout"
    FAILED = "failed"


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """When a task is tried again."""

    attempts: int = 1
    """How often it is tried at most, the first time included."""
    on: tuple[RetryOn, ...] = (RetryOn.LOST, RetryOn.TIMEOUT, RetryOn.FAILED)
    exit_codes: tuple[int, ...] = ()
    """With some, `failed` means that the failed step ended with one of them."""
    backoff: float = 0.0
    """Seconds before the second attempt; doubled before each further one."""


class Superseded(StrEnum):
    """What a new run of a concurrency group does to those before it."""

    CANCEL = "cancel"
    QUEUE = "queue"


class Concurrency(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of one project with the same *group* are not at work at the same time."""

    group: str
    superseded: Superseded = Superseded.QUEUE


class PlanTask(msgspec.Struct, frozen=True, kw_only=True):
    """One task of a plan; *name* is unique in it."""

    name: str
    runtime: Runtime = Runtime()
    environment: dict[str, Value] = {}
    working_dir: str = "~/project"
    shell: str = "/bin/sh -e"
    user: str = ""
    steps: tuple[Step, ...] = ()
    depends: tuple[Depend, ...] = ()
    level: int = 0
    """0 without dependencies, else one more than the highest of them."""
    ignore_failure: bool = False
    approval: bool = False
    approvers: int = 1
    """How many people must approve it."""
    approval_expires: float | None = None
    """Seconds that it waits for them, then it is skipped; None is for ever."""
    skip: bool = False
    """Its `when` did not match: the task is skipped from the start."""
    skip_reason: str = ""
    """Why it is skipped, a sentence."""
    timeout: float | None = None
    """Seconds from the end of setup; None is no limit."""
    registries: dict[str, RegistryAuth] = {}
    """Credentials by the name of the registry."""
    matrix: dict[str, str] = {}
    """The combination that this task is for, by axis; empty for a task without a matrix."""
    retry: Retry = Retry()


class Plan(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A run's graph, tasks in topological order, and the environment that every task gets."""

    name: str
    tasks: tuple[PlanTask, ...] = ()
    environment: dict[str, str] = {}
    """The static environment (reference, run configuration 4.1); overrides a task's own."""
    inputs: dict[str, str] = {}
    """The values of the run's inputs, defaults filled in."""
    concurrency: Concurrency | None = None
    fail_fast: bool = False
    """The first failure stops what runs, and nothing new begins but what is there for failures."""
    timeout: float | None = None
    """Seconds after which the run has failed and what runs is stopped; None is no limit."""
    caches: tuple[str, ...] = ()
    """Opaque names of the places where caches are looked for, in this order; they are saved in the first.
    Without any it is one that all runs of the same counter group have in common.
    """

    @cached_property
    def in_order(self) -> tuple[PlanTask, ...]:
        """The tasks, each after all it depends on; asked for at each change of a run, found once."""
        tasks = {task.name: task for task in self.tasks}
        parents = {task.name: [depend.task for depend in task.depends] for task in self.tasks}
        return tuple(tasks[name] for name in in_order(parents))

    @cached_property
    def lenient(self) -> tuple[PlanTask, ...]:
        """The tasks of which some failure is ignored: their own, or that of a step."""
        return tuple(
            task
            for task in self.tasks
            if task.ignore_failure or any(step.ignore_failure for step in task.steps)
        )

    def task(self, name: str) -> PlanTask:
        """The task called *name*; KeyError when there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def ancestors(self, name: str) -> tuple[PlanTask, ...]:
        """The tasks that the one called *name* depends on, directly or not, by level and name."""
        found: dict[str, PlanTask] = {}
        pending = [self.task(name)]
        while pending:
            parents = [self.task(depend.task) for depend in pending.pop().depends]
            pending += [parent for parent in parents if parent.name not in found]
            found |= {parent.name: parent for parent in parents}
        return tuple(sorted(found.values(), key=lambda task: (task.level, task.name)))
