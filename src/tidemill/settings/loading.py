"""Read the settings: defaults, then one YAML file, then `TIDEMILL_…` of the environment, then flags.

A setting's variable is its path in capitals, joined by underscores: `runservice.executor_lease` is
`TIDEMILL_RUNSERVICE_EXECUTOR_LEASE`, `data_dir` is `TIDEMILL_DATA_DIR`. Lists are separated by commas,
mappings are written `key=value,key=value`.
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

import msgspec
import yaml

from tidemill.errors import BadRequest
from tidemill.settings import Secret, Settings

PREFIX = "TIDEMILL_"


def load(path: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
    """The effective settings. *flags* holds dotted names (`web.listen`) and wins over everything.

    Raises BadRequest with file, line and the nearest match for a key that does not exist, and with
    the key for a value of a wrong type.
    """
    data: dict[str, Any] = {}
    if path is not None:
        data = _read(path)
    for dotted, text in _from_environment(environment):
        _set(data, dotted, text)
    for dotted, value in flags.items():
        if value is not None:
            _set(data, dotted, value)
    try:
        return msgspec.convert(data, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise BadRequest(f"settings: {error}", code="badSettings") from error


def shown(settings: Settings) -> dict[str, Any]:
    """The settings as plain data for people and programs, with secrets hidden."""
    return {name: _shown(getattr(settings, name)) for name in settings.__struct_fields__}


def names() -> list[str]:
    """Every setting by its dotted name, for the manual and its test."""
    return [".".join(path) for path, _ in _leaves(Settings)]


def _shown(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {name: _shown(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Secret):
        return "***" if value else ""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _leaves(
    struct: type[msgspec.Struct], prefix: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for field in msgspec.structs.fields(struct):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _leaves(field.type, (*prefix, field.name))
        else:
            yield (*prefix, field.name), field.type


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    leaves = {PREFIX + "_".join(path).upper(): (".".join(path), kind) for path, kind in _leaves(Settings)}
    sections = {PREFIX + name.split("_")[1] + "_" for name in leaves if name.count("_") > 1}
    sections.discard("TIDEMILL_DATA_")
    for name, text in environment.items():
        if name in leaves:
            dotted, kind = leaves[name]
            yield dotted, _parse(name, text, kind)
        elif any(name.startswith(section) for section in sections):
            raise BadRequest(f"{name}: no such setting{_nearest(name, leaves)}", code="unknownSetting")


def _parse(name: str, text: str, kind: Any) -> Any:
    if get_origin(kind) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if get_origin(kind) is dict:
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        if any(not equals for _, equals, _ in pairs):
            raise BadRequest(f"{name}: expected key=value,key=value", code="badSettings")
        return {key.strip(): value.strip() for key, _, value in pairs}
    return text


def _read(path: Path) -> dict[str, Any]:
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except OSError as error:
        raise BadRequest(
            f"{path}: {error.strerror or error}; give --config a file that can be read"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRequest(f"{path}: not valid YAML: {error}", code="badSettings") from error
    if node is None:
        return {}
    _check_keys(path, node, Settings, ())
    data: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return data


def _check_keys(path: Path, node: yaml.Node, struct: type[msgspec.Struct], above: tuple[str, ...]) -> None:
    if not isinstance(node, yaml.MappingNode):
        where = ".".join(above) or "the file"
        raise BadRequest(f"{_place(path, node)}: {where} must be a mapping of settings", code="badSettings")
    fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for key, value in node.value:
        kind = fields.get(key.value)
        if kind is None:
            name = ".".join((*above, key.value))
            raise BadRequest(
                f"{_place(path, key)}: no such setting {name!r}{_nearest(key.value, fields)}",
                code="unknownSetting",
            )
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            _check_keys(path, value, kind, (*above, key.value))


def _place(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"


def _set(data: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, last = dotted.split(".")
    for section in sections:
        data = data.setdefault(section, {})
    data[last] = value


def _decode(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise NotImplementedError(kind)
