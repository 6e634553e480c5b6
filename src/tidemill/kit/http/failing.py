"""The one place where errors become responses."""

import math
from typing import Any, NamedTuple

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from tidemill.errors import BadRequest, Failure, NotFound, TooLarge, TooMany, Unavailable, typed, unknown
from tidemill.kit.wire import CSRF_REFUSED, NO_SUCH_ROUTE, ErrorItem

RETRY_SECONDS = 2
LONGEST_MESSAGE = 2000
#: The code of the failure of a request whose body stops in its middle.
BODY_SILENT = "bodySilent"

JSON = (b"content-type", b"application/json")
_TEXT = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]

log = structlog.get_logger("http")


class Answer(NamedTuple):
    """A response in full."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class _MethodNotAllowed(BadRequest):
    """The path is known, with another verb."""

    status = 405
    default_code = "methodNotAllowed"


def failure_of(error: Exception, request_id: str) -> Failure:
    """What a caller may know of *error*; a bug is logged here and stays here."""
    found = typed(error)
    if found is not None:
        return found
    if isinstance(error, HTTPException):
        if error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "")
            return _MethodNotAllowed(f"this address answers {allowed} only", details={"allow": allowed})
        if error.status_code == 404:
            return NotFound("there is nothing at this address", code=NO_SUCH_ROUTE)
        return BadRequest(error.detail)
    if isinstance(error, ClientDisconnect):
        return BadRequest("the client went away before the body was complete", code="bodyCut")
    log.error("bug", exc_info=error)
    return unknown(request_id)


def answer_to(failure: Failure, *, as_agola: bool, length_known: bool) -> Answer:
    """The response that tells of *failure*; to the letter of Agola for who sends no Accept header."""
    if as_agola:
        return _agola(failure, length_known=length_known)
    headers = [JSON, *_when_again(failure)]
    if isinstance(failure, TooLarge):
        headers.append((b"connection", b"close"))  # the rest of the body is not waited for
    if isinstance(failure, _MethodNotAllowed):
        headers.append((b"allow", failure.details["allow"].encode()))
    item = ErrorItem(failure.code, _short(failure.message), _plain(failure.details))
    return Answer(failure.status, headers, msgspec.json.encode([item]))


def _agola(failure: Failure, *, length_known: bool) -> Answer:
    if failure.code == NO_SUCH_ROUTE or isinstance(failure, _MethodNotAllowed):
        return Answer(404, _TEXT, b"\n")
    if isinstance(failure, TooLarge):
        close = (b"connection", b"close")
        return (
            Answer(417, [*_TEXT, close], b"request too large\n")
            if length_known
            else Answer(400, [JSON, close], b"[]")
        )
    if failure.code == CSRF_REFUSED:
        return Answer(failure.status, _TEXT, f"Forbidden - {failure.details['reason']}\n".encode())
    headers = [JSON, *_when_again(failure)]
    items = [] if failure.code == failure.default_code else [{"code": failure.code, "details": None}]
    return Answer(failure.status, headers, msgspec.json.encode(items))


def _when_again(failure: Failure) -> list[tuple[bytes, bytes]]:
    """The headers that say when to ask again, where that is known, and whether on another connection."""
    if isinstance(failure, Unavailable):
        anew = [(b"connection", b"close")] if failure.code == BODY_SILENT else []
        return [(b"retry-after", b"%d" % RETRY_SECONDS), *anew]
    if isinstance(failure, TooMany):
        return [(b"retry-after", b"%d" % math.ceil(failure.seconds))]
    return []


def _short(message: str) -> str:
    """*message* without most of what it quotes: a caller need not read back all that was sent."""
    if len(message) <= LONGEST_MESSAGE:
        return message
    half = LONGEST_MESSAGE // 2
    return f"{message[:half]} … {message[-half:]}"


def _plain(details: Any) -> Any:
    """*details* if JSON can hold them; they must never turn an error into another one."""
    try:
        msgspec.json.encode(details)
    except (TypeError, ValueError):
        return str(details)
    return details
