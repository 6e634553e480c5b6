"""The steps of a task, in both of their forms (reference, run configuration 3.1)."""

from collections.abc import Callable

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import nearest
from tidemill.core.definition.nouns import STEP_TYPES, StepDefinition
from tidemill.core.definition.values import read_environment, read_when
from tidemill.core.plan import (
    CloneStep,
    Content,
    RestoreCache,
    RestoreWorkspace,
    RunStep,
    SaveArtifacts,
    SaveCache,
    SaveReports,
    SaveToWorkspace,
    Step,
)

_LONGEST_NAME = 100
_ALL = ", ".join(STEP_TYPES)


def read_step(cursor: Cursor) -> StepDefinition | None:
    """`{type: run, command: …}` or `{run: …}`; None after complaining about what is neither."""
    if not isinstance(cursor.data, dict) or not cursor.data:
        cursor.complain(f"a step must be a mapping such as `run: make` or `clone:`, not {_found(cursor)}")
        return None
    if "type" in cursor.data:
        kind = cursor.at("type", cursor.data["type"])
        name = kind.string()
        if not name and isinstance(kind.data, str | None):
            kind.complain(f"`type` must name the type of the step: {_ALL}")
        spec, place, at_key = cursor, kind, False
    elif len(cursor.data) > 1:
        cursor.complain(
            "a step with several keys needs a `type`; or give it one key, the type, and the rest below that"
        )
        return None
    else:
        name, data = next(iter(cursor.data.items()))
        spec = place = cursor.at(name, data)
        at_key = True
    if name not in STEP_TYPES:
        if name:
            near = nearest(name, STEP_TYPES) or f": there are {_ALL}"
            place.complain(f"{name!r} is not a type of step{near}", at_key=at_key)
        return None
    return _read(name, spec)


def _read(name: str, spec: Cursor) -> StepDefinition | None:
    if name == "run" and isinstance(spec.data, str):
        return StepDefinition(step=_run_step(spec, command=spec))
    if not spec.is_mapping(f"the step `{name}`"):
        return None
    spec.field("name").string()
    read_when(spec.field("when"))  # checked and, as in Agola, without effect
    return StepDefinition(step=_READERS[name](spec))


def _clone(spec: Cursor) -> CloneStep:
    depth = spec.field("depth")
    number = depth.whole()
    if number is not None and number < 1:
        depth.complain("`depth` must be 1 or more")
    return CloneStep(depth=number, recurse_submodules=spec.field("recurse_submodules").flag())


def _run(spec: Cursor) -> RunStep:
    return _run_step(spec, command=spec.field("command"))


def _run_step(spec: Cursor, command: Cursor) -> RunStep:
    text = command.string()
    name = "" if spec is command else spec.field("name").string()
    if not text and isinstance(command.data, str | None):
        command.complain("the step has no command: write `run: make` or `command: make`")
    if not name and "\n" in text:
        command.complain(
            "a command of more than one line needs a name: write `run: {name: …, command: …}`"
            " (a block that begins with `|` ends with a line break, one with `|-` does not)"
        )
    if spec is command:
        return RunStep(name=_shortened(text), command=text)
    return RunStep(
        name=name or _shortened(text),
        command=text,
        environment=read_environment(spec.field("environment")),
        working_dir=spec.field("working_dir").string() or None,
        shell=spec.field("shell").string() or None,
        tty=spec.field("tty").flag(default=True),
    )


def _save_to_workspace(spec: Cursor) -> SaveToWorkspace:
    return SaveToWorkspace(contents=_contents(spec, default_paths=()))


def _restore_workspace(spec: Cursor) -> RestoreWorkspace:
    return RestoreWorkspace(dest_dir=spec.field("dest_dir").string())


def _save_cache(spec: Cursor) -> SaveCache:
    key = spec.field("key").string()
    if not key and isinstance(spec.field("key").data, str | None):
        spec.complain("`save_cache` needs a `key`")
    return SaveCache(key=key, contents=_contents(spec, default_paths=("**",)))


def _restore_cache(spec: Cursor) -> RestoreCache:
    keys = spec.field("keys")
    if not keys.data and isinstance(keys.data, list | None):
        spec.complain("`restore_cache` needs at least one key in `keys`")
    return RestoreCache(keys=keys.strings("`keys`"), dest_dir=spec.field("dest_dir").string())


def _artifacts(spec: Cursor) -> SaveArtifacts:
    return SaveArtifacts(contents=_contents(spec, default_paths=("**",)))


def _reports(spec: Cursor) -> SaveReports:
    return SaveReports(junit=spec.field("junit").strings("`junit`"))


_READERS: dict[str, Callable[[Cursor], Step]] = {
    "clone": _clone,
    "run": _run,
    "save_to_workspace": _save_to_workspace,
    "restore_workspace": _restore_workspace,
    "save_cache": _save_cache,
    "restore_cache": _restore_cache,
    "artifacts": _artifacts,
    "reports": _reports,
}


def _contents(spec: Cursor, default_paths: tuple[str, ...]) -> tuple[Content, ...]:
    found = []
    for item in spec.field("contents").items("`contents`"):
        if item.is_null:
            item.complain("an element of `contents` is empty")
        elif item.is_mapping("an element of `contents`"):
            found.append(
                Content(
                    source_dir=item.field("source_dir").string(),
                    dest_dir=item.field("dest_dir").string(),
                    paths=item.field("paths").strings("`paths`") or default_paths,
                )
            )
    return tuple(found)


def _shortened(command: str) -> str:
    """The command's first hundred bytes, never half a character."""
    return command.encode("utf-8", "replace")[:_LONGEST_NAME].decode("utf-8", "ignore")


def _found(cursor: Cursor) -> str:
    if isinstance(cursor.data, str) and cursor.data in STEP_TYPES:
        return f"the word {cursor.data!r}: put a colon after it"
    return "an empty one" if cursor.data == {} else cursor.kind
