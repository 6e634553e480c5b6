"""What a definition holds: runs, tasks, steps; what a plan has too is the plan's own noun."""

import msgspec

from tidemill.core.plan import CloneStep, Depend, RegistryAuth, RunStep, Runtime, Value
from tidemill.core.when import When


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Files to save: those below *source_dir* that match one of *paths*, under *dest_dir*."""

    source_dir: str = ""
    dest_dir: str = ""
    paths: tuple[str, ...] = ()


class SaveToWorkspace(msgspec.Struct, frozen=True, kw_only=True):
    """Keep files for the tasks that depend on this one."""

    contents: tuple[Content, ...] = ()


class RestoreWorkspace(msgspec.Struct, frozen=True, kw_only=True):
    """Bring back what the tasks that this one depends on have kept."""

    dest_dir: str = ""


class SaveCache(msgspec.Struct, frozen=True, kw_only=True):
    """Keep files for later runs under a key made from a template."""

    key: str = ""
    contents: tuple[Content, ...] = ()


class RestoreCache(msgspec.Struct, frozen=True, kw_only=True):
    """Bring back the files of the first of *keys* that is found."""

    keys: tuple[str, ...] = ()
    dest_dir: str = ""


Step = RunStep | CloneStep | SaveToWorkspace | RestoreWorkspace | SaveCache | RestoreCache

STEP_TYPES: dict[str, type[Step]] = {
    "clone": CloneStep,
    "run": RunStep,
    "save_to_workspace": SaveToWorkspace,
    "restore_workspace": RestoreWorkspace,
    "save_cache": SaveCache,
    "restore_cache": RestoreCache,
}
"""Each kind of step by the name of its type."""


class TaskDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A task as written, defaults filled in."""

    name: str
    runtime: Runtime = Runtime()
    environment: dict[str, Value] = {}
    working_dir: str = "~/project"
    shell: str = ""
    user: str = ""
    steps: tuple[Step, ...] = ()
    depends: tuple[Depend, ...] = ()
    ignore_failure: bool = False
    approval: bool = False
    when: When | None = None
    timeout: int | None = None
    """Nanoseconds; 0 is no limit, None is the run's."""
    registries: dict[str, RegistryAuth] = {}


class RunDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A run as written."""

    name: str
    tasks: tuple[TaskDefinition, ...] = ()
    when: When | None = None
    timeout: int | None = None
    registries: dict[str, RegistryAuth] = {}


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """All that a configuration defines."""

    runs: tuple[RunDefinition, ...] = ()
    timeout: int | None = None
    registries: dict[str, RegistryAuth] = {}
