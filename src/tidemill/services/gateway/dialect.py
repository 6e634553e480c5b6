"""JSON as Agola's server reads and writes it, so that its clients notice no difference."""

import json
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin

import msgspec

from tidemill.errors import BadRequest
from tidemill.kit.go_json import encode
from tidemill.kit.http import Dialect
from tidemill.services.gateway.door import Door


def agola(door: Door) -> Dialect:
    """The dialect of the public API's routes behind the door."""
    return Dialect(admit=door.admit, decoder=decoder, encode=encode)


def agola_in_the_open() -> Dialect:
    """The dialect of routes at which nobody looks at credentials."""
    return Dialect(decoder=decoder, encode=encode)


def decoder(kind: Any) -> Callable[[bytes], Any]:
    """What reads a body of the struct *kind*.

    Only the first JSON value is read, field names match in any case, unknown fields are ignored, null
    is the same as left out unless the field has a use for it.
    """
    fields = {field.name.lower(): field for field in msgspec.structs.fields(kind)}
    nullable = {name for name, field in fields.items() if _takes_null(field.type)}

    def decode(body: bytes) -> Any:
        found = _first_value(body)
        if found is None:
            found = {}
        if not isinstance(found, dict):
            raise BadRequest("the body is not a JSON object")
        given: dict[str, Any] = {}
        for key, value in found.items():
            name = key.lower()
            if name in fields and (value is not None or name in nullable):
                given[fields[name].name] = value
        try:
            return msgspec.convert(given, kind)
        except msgspec.ValidationError as error:
            raise BadRequest(f"the body is not what is expected: {error}") from error

    return decode


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
