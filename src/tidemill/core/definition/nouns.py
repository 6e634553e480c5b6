"""What a definition holds: runs, tasks, steps; what a plan has too is the plan's own noun."""

import re
from enum import StrEnum

import msgspec

from tidemill.core.plan import (
    CloneStep,
    Concurrency,
    Depend,
    FromVariable,
    RegistryAuth,
    RestoreCache,
    RestoreWorkspace,
    Retry,
    RunStep,
    Runtime,
    SaveArtifacts,
    SaveCache,
    SaveReports,
    SaveToWorkspace,
    Step,
    Value,
)
from tidemill.core.when import When

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)

STEP_TYPES: dict[str, type[Step]] = {
    "clone": CloneStep,
    "run": RunStep,
    "save_to_workspace": SaveToWorkspace,
    "restore_workspace": RestoreWorkspace,
    "save_cache": SaveCache,
    "restore_cache": RestoreCache,
    "artifacts": SaveArtifacts,
    "reports": SaveReports,
}
"""Each kind of step by the name of its type."""


class Dialect(StrEnum):
    """Whose rules a configuration follows: what Agola ignores in `.agola/` stays ignored there."""

    TIDEMILL = "tidemill"
    AGOLA = "agola"


class FromInput(FromVariable, frozen=True, tag="input"):
    """A value that an input of the run says, by the input's name; compiling fills it in."""


class StepDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A step as written, and when it is done."""

    step: Step
    when: When | None = None


class TaskDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A task as written, defaults filled in; one for each combination of its matrix."""

    name: str
    runtime: Runtime = Runtime()
    environment: dict[str, Value] = {}
    working_dir: str = "~/project"
    shell: str = ""
    user: str = ""
    steps: tuple[StepDefinition, ...] = ()
    depends: tuple[Depend, ...] = ()
    ignore_failure: bool = False
    approval: bool = False
    approvers: int = 1
    approval_expires: float | None = None
    """Seconds."""
    when: When | None = None
    timeout: int | None = None
    """Nanoseconds; 0 is no limit, None is the run's."""
    registries: dict[str, RegistryAuth] = {}
    retry: Retry = Retry()
    base: str = ""
    """The name as written, which those of a matrix share; "" without a matrix."""
    matrix: dict[str, str] = {}


class InputType(StrEnum):
    """What the value of an input may be."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """Something that who starts a run by hand may say."""

    name: str
    type: InputType = InputType.STRING
    description: str = ""
    default: str | None = None
    """None: a run by hand must give it; other runs have ""."""
    choices: tuple[str, ...] = ()

    def allows(self, value: str) -> bool:
        """Whether *value* is one that the type allows."""
        match self.type:
            case InputType.NUMBER:
                return _NUMBER.fullmatch(value) is not None
            case InputType.BOOLEAN:
                return value in ("true", "false")
            case InputType.CHOICE:
                return value in self.choices
        return "\0" not in value

    @property
    def allowed(self) -> str:
        """What the type allows, for messages."""
        match self.type:
            case InputType.NUMBER:
                return "a number"
            case InputType.BOOLEAN:
                return "`true` or `false`"
            case InputType.CHOICE:
                return f"one of {', '.join(f'`{choice}`' for choice in self.choices)}"
        return "a text without a zero byte"


class RunDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A run as written."""

    name: str
    tasks: tuple[TaskDefinition, ...] = ()
    excluded: tuple[str, ...] = ()
    """Names of tasks that a matrix excludes."""
    when: When | None = None
    timeout: int | None = None
    registries: dict[str, RegistryAuth] = {}
    variables: dict[str, str] = {}
    inputs: tuple[Input, ...] = ()
    concurrency: Concurrency | None = None
    """Its group may hold placeholders such as `${branch}`."""
    fail_fast: bool = False
    run_timeout: float | None = None
    """Seconds for the whole run."""


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """All that a configuration defines."""

    runs: tuple[RunDefinition, ...] = ()
    timeout: int | None = None
    registries: dict[str, RegistryAuth] = {}
    variables: dict[str, str] = {}
    dialect: Dialect = Dialect.TIDEMILL
