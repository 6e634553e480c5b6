"""A configuration file of any format becomes a document; languages are handed what they may know."""

from typing import Any, NamedTuple

from tidemill.core.context import Context
from tidemill.core.definition.nouns import Dialect
from tidemill.core.refs import RefType
from tidemill.kit.formats.document import Document, NotReadable
from tidemill.kit.formats.reading import read_yaml
from tidemill.planning.repository import Commit

FORMATS = ("yml", "yaml", "json", "jsonnet", "star")


class Setting(NamedTuple):
    """What files are read for, and where more of them come from."""

    context: Context
    dialect: Dialect
    commit: Commit


def read_document(file: str, raw: bytes, setting: Setting) -> Document:
    """The document that *raw* is by the name of its file; raises NotReadable."""
    match file.rpartition(".")[2]:
        case "jsonnet":
            return _jsonnet(file, raw, setting)
        case "star":
            return _starlark(file, raw, setting)
        case "yml" | "yaml" | "json":
            return read_yaml(raw)
    endings = ", ".join(f".{ending}" for ending in FORMATS)
    raise NotReadable(f"the format of `{file}` is not known: its name must end in one of {endings}")


def _jsonnet(file: str, raw: bytes, setting: Setting) -> Document:
    from tidemill.kit.formats.jsonnet import read_jsonnet  # noqa: PLC0415 - loaded when it is used

    computed = {"changed_files": setting.commit.changed} if setting.dialect is Dialect.TIDEMILL else {}
    return read_jsonnet(file, raw, _fields(setting), setting.commit.load, lazy=computed)


def _starlark(file: str, raw: bytes, setting: Setting) -> Document:
    from tidemill.kit.formats.starlark import read_starlark  # noqa: PLC0415 - loaded when it is used

    fields = _fields(setting)
    if setting.dialect is Dialect.TIDEMILL:
        changed = setting.commit.changed()
        fields["changed_files"] = None if changed is None else list(changed)
    return read_starlark(file, raw, fields, setting.commit.load)


def _fields(setting: Setting) -> dict[str, Any]:
    """The context as programs see it (reference, run configuration 1.9), and what is ours in our folder."""
    context = setting.context
    ref = context.ref
    fields: dict[str, Any] = {
        "ref_type": ref.type.value,
        "ref": ref.full,
        "branch": ref.name if ref.type is RefType.BRANCH else "",
        "tag": ref.name if ref.type is RefType.TAG else "",
        "pull_request_id": ref.name if ref.type is RefType.PULL_REQUEST else "",
        "commit_sha": context.commit_sha,
    }
    if setting.dialect is Dialect.TIDEMILL:
        fields |= {"event": context.event.value, "inputs": dict(context.inputs)}
    return fields
