"""From a request to the arguments of a call; whatever is wrong with it is one clear 400 or 413."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from starlette.types import Receive, Scope

from tidemill.errors import BadRequest, TooLarge, Unavailable
from tidemill.kit.contract import Endpoint, Parameter
from tidemill.kit.http.failing import BODY_SILENT

Convert = Callable[[Any, str], Any]
#: Makes what reads a JSON body of a type.
Decoder = Callable[[Any], Callable[[bytes], Any]]

#: Seconds for which more of a body is waited for: whoever sends it may have gone without a word.
body_seconds = 60.0

#: What databases and clients in other languages can hold.
_LARGEST_NUMBER = 2**63 - 1
_MOST_FIELDS = 1000
_MOST_DIGITS = 18
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_MANY_DIGITS = re.compile(rb"[0-9]{19}")


class Reader:
    """Reads the arguments of one endpoint."""

    def __init__(self, endpoint: Endpoint, decoder: Decoder) -> None:
        self._endpoint = endpoint
        self._in_path = [(p, _converter(p)) for p in endpoint.parameters if p.kind == "path"]
        self._in_query = [(p, _converter(p)) for p in endpoint.parameters if p.kind == "query"]
        self._body = endpoint.body
        self._decode = decoder(self._body.type) if self._body and self._body.kind == "body" else None

    def check_length(self, scope: Scope) -> None:
        """Refuse a body that says of itself that it is too large; before anything else of a request."""
        if self._body is not None and self._body.kind == "stream":
            return
        length = next((text for name, text in scope["headers"] if name == b"content-length"), b"")
        if length.isdigit() and (len(length) > _MOST_DIGITS or int(length) > self._endpoint.limit):
            raise _too_large(self._endpoint.limit)

    async def read(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        """The arguments by name; those that were left out and have a default stay out."""
        arguments = {p.name: convert(unescaped(scope, p.name), p.name) for p, convert in self._in_path}
        if self._in_query:
            self._read_query(scope["query_string"], arguments)
        if self._body is not None:
            if self._body.kind == "stream":
                arguments[self._body.name] = _stream(receive)
            else:
                self._read_body(await _whole(receive, self._endpoint.limit), self._body, arguments)
        return arguments

    def _read_query(self, query: bytes, arguments: dict[str, Any]) -> None:
        given: dict[str, list[str]] = {}
        if query:
            try:
                pairs = parse_qsl(
                    query.decode("latin-1"),
                    keep_blank_values=True,
                    errors="strict",
                    max_num_fields=_MOST_FIELDS,
                )
            except ValueError as error:
                raise BadRequest(f"the query is malformed: {error}") from error
            for name, text in pairs:
                given.setdefault(name, []).append(text)
        for p, convert in self._in_query:
            texts = given.get(p.name)
            if texts is not None:
                arguments[p.name] = convert(texts if p.is_list else texts[0], p.name)
            elif p.is_required:
                if not p.is_list:
                    raise BadRequest(f"the query parameter {p.name} is missing")
                arguments[p.name] = convert([], p.name)

    def _read_body(self, body: bytes, parameter: Parameter, arguments: dict[str, Any]) -> None:
        if self._decode is None:
            arguments[parameter.name] = body
            return
        if not body:
            if parameter.is_required:
                raise BadRequest("the request has no body; JSON is expected")
            return
        try:
            read = self._decode(body)
            if _MANY_DIGITS.search(body):
                _refuse_large_integers(msgspec.to_builtins(read), "$")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest(f"the body is not what is expected: {error}") from error
        if b"\\u0000" in body and _ESCAPED_NUL.search(body):
            raise BadRequest("the body holds a NUL character in a text")
        arguments[parameter.name] = read


def unescaped(scope: Scope, name: str) -> str:
    """A parameter of the raw path, unquoted once."""
    raw: str = scope["path_params"][name]
    if "%" not in raw:
        return raw
    try:
        text = unquote(raw, errors="strict")
    except UnicodeDecodeError as error:
        raise BadRequest(f"{name} in the path is not UTF-8") from error
    if "\0" in text:
        raise BadRequest(f"{name} in the path holds a NUL character")
    return text


def _converter(parameter: Parameter) -> Convert:
    kind = parameter.type
    while hasattr(kind, "__supertype__"):
        kind = kind.__supertype__
    is_text = kind in (str, str | None)

    def convert(text: Any, name: str) -> Any:
        try:
            value = text if is_text else msgspec.convert(text, kind, strict=False)
        except msgspec.ValidationError as error:
            raise BadRequest(f"{name}: {error}") from error
        if isinstance(value, float) and not abs(value) <= _LARGEST_NUMBER:
            raise BadRequest(f"{name}: the number is too large")
        _refuse_large_integers(value, name)
        if "\0" in text or (isinstance(text, list) and any("\0" in one for one in text)):
            raise BadRequest(f"{name} holds a NUL character")
        return value

    return convert


def _refuse_large_integers(value: Any, place: str) -> None:
    """Raise for what no database holds; *place* names where it stands, as msgspec does."""
    if isinstance(value, dict):
        for name, held in value.items():
            _refuse_large_integers(held, f"{place}.{name}")
    elif isinstance(value, list | tuple):
        for index, held in enumerate(value):
            _refuse_large_integers(held, f"{place}[{index}]")
    elif isinstance(value, int) and not abs(value) <= _LARGEST_NUMBER:
        raise BadRequest(f"{place}: the number is too large; it may be {_LARGEST_NUMBER} at most")


async def _whole(receive: Receive, limit: int) -> bytes:
    """The whole body, of at most *limit* bytes."""
    body = bytearray()
    async for chunk in _stream(receive):
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes", details={"limit": limit})


async def _stream(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it arrives; a body that is cut is not taken for a whole one."""
    more = True
    while more:
        try:
            async with asyncio.timeout(body_seconds):
                message = await receive()
        except TimeoutError as error:
            raise Unavailable(
                f"nothing more of the body has come for {body_seconds:g} s: send it again", code=BODY_SILENT
            ) from error
        if message["type"] == "http.disconnect":
            raise BadRequest("the client went away before the body was complete", code="bodyCut")
        if message.get("body"):
            yield message["body"]
        more = message.get("more_body", False)
