"""Read the settings: defaults, then one YAML file, then `TIDEMILL_…` of the environment, then flags.

A setting's variable is its path in capitals, joined by underscores: `runservice.executor_lease` is
`TIDEMILL_RUNSERVICE_EXECUTOR_LEASE`, `data_dir` is `TIDEMILL_DATA_DIR`. Lists are separated by commas,
mappings are written `key=value,key=value`.
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import yaml

from tidemill.errors import BadRequest
from tidemill.settings import Secret, Settings

PREFIX = "TIDEMILL_"


class Given(msgspec.Struct, frozen=True):
    """A value that a setting is given, and where."""

    value: Any
    place: str


def load(path: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
    """The effective settings. *flags* holds dotted names (`web.listen`) and wins over everything.

    Raises BadRequest with file, line and the nearest match for a key that does not exist, and with
    the place for a value of a wrong type.
    """
    given = _from_file(path) if path is not None else {}
    given |= _from_environment(environment)
    given |= {name: Given(value, "the command line") for name, value in flags.items() if value is not None}
    data: dict[str, Any] = {}
    for place, kind in _leaves(Settings):
        name = ".".join(place)
        if name in given:
            *sections, last = place
            inner = data
            for section in sections:
                inner = inner.setdefault(section, {})
            inner[last] = _converted(name, given[name], kind)
    return msgspec.convert(data, Settings, dec_hook=_decode)


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


def _converted(name: str, given: Given, kind: Any) -> Any:
    """The value as its setting wants it."""
    try:
        return msgspec.convert(given.value, kind, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        known = f"; known are {', '.join(get_args(kind))}" if get_origin(kind) is Literal else ""
        raise BadRequest(f"{given.place}: {name}: {error}{known}", code="badSettings") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Given]:
    leaves = {PREFIX + "_".join(path).upper(): (".".join(path), kind) for path, kind in _leaves(Settings)}
    sections = {PREFIX + name.split("_")[1] + "_" for name in leaves if name.count("_") > 1}
    sections.discard("TIDEMILL_DATA_")
    given = {}
    for name, text in environment.items():
        if name in leaves:
            dotted, kind = leaves[name]
            given[dotted] = Given(_parse(name, text, kind), name)
        elif any(name.startswith(section) for section in sections):
            raise BadRequest(f"{name}: no such setting{_nearest(name, leaves)}", code="unknownSetting")
    return given


def _parse(name: str, text: str, kind: Any) -> Any:
    if get_origin(kind) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if get_origin(kind) is dict:
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        if any(not equals for _, equals, _ in pairs):
            raise BadRequest(f"{name}: expected key=value,key=value", code="badSettings")
        return {key.strip(): value.strip() for key, _, value in pairs}
    return text


def _from_file(path: Path) -> dict[str, Given]:
    try:
        text = path.read_text(encoding="utf-8")
        return dict(_given(path, yaml.compose(text, Loader=yaml.CSafeLoader), Settings, ()))
    except OSError as error:
        raise BadRequest(
            f"{path}: {error.strerror or error}; give --config a file that can be read"
        ) from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path}: not valid YAML: the file is not UTF-8", code="badSettings") from error
    except yaml.MarkedYAMLError as error:
        where = _place(path, error.problem_mark) if error.problem_mark else path
        raise BadRequest(f"{where}: not valid YAML: {error.problem}", code="badSettings") from error
    except yaml.YAMLError as error:
        raise BadRequest(f"{path}: not valid YAML: {error}", code="badSettings") from error


def _given(
    path: Path, node: yaml.Node | None, struct: type[msgspec.Struct], above: tuple[str, ...]
) -> Iterator[tuple[str, Given]]:
    """Every setting of a mapping of settings by its dotted name; an empty section gives none."""
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return
    if not isinstance(node, yaml.MappingNode):
        where = ".".join(above) or "the file"
        raise BadRequest(
            f"{_place(path, node.start_mark)}: {where} must be a mapping of settings", code="badSettings"
        )
    fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
    seen: set[str] = set()
    for key, value in node.value:
        name = ".".join((*above, str(key.value)))
        place = _place(path, key.start_mark)
        if not isinstance(key, yaml.ScalarNode) or key.value not in fields:
            known = _nearest(str(key.value), fields)
            raise BadRequest(f"{place}: no such setting {name!r}{known}", code="unknownSetting")
        if key.value in seen:
            raise BadRequest(f"{place}: {name} is there twice", code="badSettings")
        seen.add(key.value)
        kind = fields[key.value]
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from _given(path, value, kind, (*above, key.value))
        else:
            yield name, Given(_constructed(value), _place(path, value.start_mark))


def _constructed(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _place(path: Path, mark: yaml.Mark) -> str:
    return f"{path}:{mark.line + 1}:{mark.column + 1}"


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"


def _decode(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise ValueError("Expected a text; write it in quotes")
