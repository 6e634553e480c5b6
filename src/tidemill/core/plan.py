"""The plan: a definition compiled for one commit and ref, ready to be run, names of secrets only."""

from typing import Literal as OneOf

import msgspec


class Literal(msgspec.Struct, frozen=True, tag="literal"):
    """A value written in the definition."""

    value: str


class FromVariable(msgspec.Struct, frozen=True, tag="variable"):
    """A value known only when a job is handed out; the plan holds its name alone."""

    name: str


Value = Literal | FromVariable


class RunStep(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """A command for the task's shell (reference, run configuration 3.3)."""

    name: str
    command: str
    environment: dict[str, Value] = {}
    working_dir: str | None = None
    shell: str | None = None
    tty: bool = True


class CloneStep(msgspec.Struct, frozen=True, kw_only=True, tag="clone"):
    """Fetch the run's commit into the working directory (reference, run configuration 3.2)."""

    depth: int | None = None
    recurse_submodules: bool = False


Step = RunStep | CloneStep


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


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """One container of a pod; the first of a runtime is the task's own."""

    image: str = ""
    environment: dict[str, Value] = {}
    user: str = ""
    privileged: bool = False
    entrypoint: str = ""
    volumes: tuple[Volume, ...] = ()


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """Where a task's steps are executed: containers of an image, or a process of the host."""

    type: OneOf["pod", "host"] = "pod"
    arch: str = ""
    containers: tuple[Container, ...] = ()


class Condition:
    """Names of the conditions of a dependency."""

    ON_SUCCESS = "on_success"
    ON_FAILURE = "on_failure"
    ON_SKIPPED = "on_skipped"


class Depend(msgspec.Struct, frozen=True, kw_only=True):
    """An edge of the graph: *task* must end in a way one of *conditions* names."""

    task: str
    conditions: tuple[str, ...] = (Condition.ON_SUCCESS,)


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
    skip: bool = False
    """Its `when` did not match: the task is skipped from the start."""
    timeout: float | None = None
    """Seconds from the end of setup; None is no limit."""
    registries: dict[str, RegistryAuth] = {}
    """Credentials by the name of the registry."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A run's graph, tasks in topological order, and the environment that every task gets."""

    name: str
    tasks: tuple[PlanTask, ...] = ()
    environment: dict[str, str] = {}
    """The static environment (reference, run configuration 4.1); overrides a task's own."""

    def task(self, name: str) -> PlanTask:
        """The task called *name*; KeyError when there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)
