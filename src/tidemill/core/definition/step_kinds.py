"""What each kind of step says, whatever the form it is written in (reference, run configuration 3)."""

from collections.abc import Callable
from typing import Any, TypedDict

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.fields import Fields, fields_of
from tidemill.core.definition.keys.step import CONTENT
from tidemill.core.definition.values import read_environment
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
_ALL = ("**",)


class _Common(TypedDict):
    """What every kind of step has."""

    name: str
    timeout: float | None
    ignore_failure: bool
    always: bool


def read_kind(name: str, fields: Fields) -> Step:
    """The step of the type called *name*."""
    timeout = fields["timeout"]
    common = _Common(
        name=fields["name"].string(),
        timeout=timeout.seconds(0.0, from_zero=True) or None if fields.has("timeout") else None,
        ignore_failure=fields["ignore_failure"].flag(),
        always=fields["always"].flag(),
    )
    return _READERS[name](fields, common)


def _clone(fields: Fields, common: _Common) -> CloneStep:
    depth = fields["depth"]
    number = depth.whole()
    if number is not None and number < 1:
        depth.complain("`depth` must be 1 or more")
    return CloneStep(depth=number, recurse_submodules=fields["recurse_submodules"].flag(), **common)


def _run(fields: Fields, common: _Common) -> RunStep:
    command = fields["command"]
    text = command.string()
    if not text and isinstance(command.data, str | None):
        command.complain("the step has no command: write `run: make` or `command: make`")
    line = text if command.findings.is_agola else text.removesuffix("\n")
    if not common["name"] and "\n" in line:
        command.complain(
            "a command of more than one line needs a name: write `name: …` beside it"
            if not command.findings.is_agola
            else "a command of more than one line needs a name: write `run: {name: …, command: …}`"
            " (a block that begins with `|` ends with a line break, one with `|-` does not)"
        )
    common["name"] = common["name"] or _shortened(line)
    return RunStep(
        command=text,
        environment=read_environment(fields["environment"]),
        working_dir=fields["working_dir"].string() or None,
        shell=fields["shell"].string() or None,
        tty=fields["tty"].flag(default=True),
        **common,
    )


def _save_to_workspace(fields: Fields, common: _Common) -> SaveToWorkspace:
    """In Agola's files what names no paths keeps nothing, as there."""
    is_agola = fields.place.findings.is_agola
    return SaveToWorkspace(contents=_contents(fields, () if is_agola else _ALL), **common)


def _restore_workspace(fields: Fields, common: _Common) -> RestoreWorkspace:
    return RestoreWorkspace(dest_dir=fields["dest_dir"].string(), **common)


def _save_cache(fields: Fields, common: _Common) -> SaveCache:
    key = fields["key"]
    text = key.string()
    if not text and isinstance(key.data, str | None):
        key.complain("`save_cache` needs a `key`")
    _check_template(key)
    return SaveCache(key=text, contents=_contents(fields, _ALL), **common)


def _restore_cache(fields: Fields, common: _Common) -> RestoreCache:
    keys = fields["keys"]
    if not keys.data and isinstance(keys.data, list | None):
        keys.complain("`restore_cache` needs at least one key in `keys`")
    for key in keys.items() if isinstance(keys.data, list) else ():
        _check_template(key)
    return RestoreCache(keys=keys.strings(), dest_dir=fields["dest_dir"].string(), **common)


def _check_template(key: Cursor) -> None:
    if isinstance(key.data, str) and (wrong := key.findings.check_template(key.data)):
        key.complain(wrong)


def _artifacts(fields: Fields, common: _Common) -> SaveArtifacts:
    paths, contents = fields["paths"], fields["contents"]
    found = _contents(fields, _ALL)
    if paths.is_null and contents.data in (None, []):
        contents.complain("`artifacts` needs `paths`: write `paths: [dist/**]`, or `contents`")
    elif not paths.is_null:
        found = (Content(source_dir=".", paths=_globs(paths)), *found)
        if not contents.is_null:
            contents.complain("`artifacts` has `paths` or `contents`, not both", at_key=True)
    expire_after = fields["expire_after"]
    seconds = expire_after.seconds(0.0) if fields.has("expire_after") else None
    return SaveArtifacts(contents=found, expire_after=seconds, **common)


def _reports(fields: Fields, common: _Common) -> SaveReports:
    junit = fields["junit"]
    if junit.data in (None, [], ""):
        junit.complain("`reports` needs `junit`: write `junit: [report.xml]`")
        return SaveReports(**common)
    return SaveReports(junit=_globs(junit), **common)


def _globs(cursor: Cursor) -> tuple[str, ...]:
    found = cursor.one_or_more()
    for item in found:
        if item.data in (None, ""):
            item.complain("a glob is empty: write one such as `dist/**`")
    return tuple(item.string() for item in found)


_READERS: dict[str, Callable[[Fields, Any], Step]] = {
    "clone": _clone,
    "run": _run,
    "save_to_workspace": _save_to_workspace,
    "restore_workspace": _restore_workspace,
    "save_cache": _save_cache,
    "restore_cache": _restore_cache,
    "artifacts": _artifacts,
    "reports": _reports,
}


def _contents(fields: Fields, default_paths: tuple[str, ...]) -> tuple[Content, ...]:
    default_dir = "" if fields.place.findings.is_agola else "."
    found = []
    for item in fields["contents"].items():
        if item.is_null:
            item.complain("an element of `contents` is empty")
            continue
        content = fields_of(item, CONTENT)
        if content is None:
            continue
        paths = content["paths"].strings() or default_paths
        if not paths:
            item.warn("it names no `paths`, so that Agola keeps nothing: write `paths: ['**']` for all files")
        source_dir = content["source_dir"].string() or default_dir
        found.append(Content(source_dir=source_dir, dest_dir=content["dest_dir"].string(), paths=paths))
    return tuple(found)


def _shortened(command: str) -> str:
    """The command's first hundred bytes, never half a character."""
    return command.encode("utf-8", "replace")[:_LONGEST_NAME].decode("utf-8", "ignore")
