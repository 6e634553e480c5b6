"""JSON as Agola's server reads and writes it, so that its clients notice no difference."""

import json
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin

import msgspec

from tidemill.errors import BadRequest
from tidemill.kit.contract import Endpoint
from tidemill.kit.go_json import encode
from tidemill.kit.http import Dialect
from tidemill.services.gateway.door import NOBODY, Door, act_as


def agola(door: Door) -> Dialect:
    """The dialect of the public API's routes behind the door."""
    return Dialect(admit=door.admit, decoder=decoder, encode=encode)


def agola_in_the_open() -> Dialect:
    """The dialect of routes at which nobody looks at credentials."""
    return Dialect(admit=_as_nobody, decoder=decoder, encode=encode)


async def _as_nobody(_: Endpoint) -> None:
    act_as(NOBODY)


def decoder(kind: Any) -> Callable[[bytes], Any]:
    """What reads a body of the struct *kind*.

    Only the first JSON value is read, field names match in any case at any depth, unknown fields are
    ignored, null is the same as left out unless the field has a use for it.
    """
    named = _naming(kind)

    def decode(body: bytes) -> Any:
        found = _first_value(body)
        if found is not None and not isinstance(found, dict):
            raise BadRequest("the body is not a JSON object")
        try:
            return msgspec.convert(named({} if found is None else found), kind)
        except msgspec.ValidationError as error:
            raise BadRequest(f"the body is not what is expected: {error}") from error

    return decode


def _naming(hint: Any) -> Callable[[Any], Any]:
    """What gives the fields of structs in plain data the names that they are declared with."""
    origin, inner = get_origin(hint), [arg for arg in get_args(hint) if arg not in (type(None), ...)]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _naming_fields(hint)
    if origin in (Union, types.UnionType) and len(inner) == 1:
        return _naming(inner[0])
    if origin in (tuple, list) and len(inner) == 1:
        each, empty = _naming(inner[0]), isinstance(inner[0], type) and issubclass(inner[0], msgspec.Struct)
        return lambda found: (
            [each({} if one is None and empty else one) for one in found]
            if isinstance(found, list)
            else found
        )
    return lambda found: found


def _naming_fields(kind: type[msgspec.Struct]) -> Callable[[Any], Any]:
    fields = {
        field.encode_name.lower(): (field.encode_name, _naming(field.type), _takes_null(field.type))
        for field in msgspec.structs.fields(kind)
    }

    def name(found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        given: dict[str, Any] = {}
        for key, value in found.items():
            if key.lower() in fields:
                called, named, nullable = fields[key.lower()]
                if value is not None or nullable:
                    given[called] = named(value)
        return given

    return name


def _first_value(body: bytes) -> Any:
    text = body.decode("utf-8", errors="replace").lstrip(" \t\r\n")
    try:
        value = _scanner.raw_decode(text)[0]
        return _without_lone_surrogates(value) if "\\ud" in text.lower() else value
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from error


def _without_lone_surrogates(value: Any) -> Any:
    """Half a character, which Go replaces too: no database and no answer could hold it."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
    return json.loads(text.decode("utf-16", "replace"))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_scanner = json.JSONDecoder(parse_constant=_no_constant)


def _takes_null(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)
