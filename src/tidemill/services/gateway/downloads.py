"""Answers that are to be saved and never shown: what a task has made is no page of ours."""

from collections.abc import AsyncIterator, Awaitable, Callable

from tidemill.contracts.runservice import Artifact
from tidemill.errors import BadRequest
from tidemill.kit.contract import Download, current_call
from tidemill.kit.http.ranges import Unsatisfiable, asked_range, disposition, names_tag

#: Gives the bytes from a start to an end.
Source = Callable[[int, int], Awaitable[AsyncIterator[bytes]]]

_UNSATISFIABLE = b'[{"code":"rangeNotSatisfiable","message":"the file has no such bytes"}]\n'


def saved(chunks: AsyncIterator[bytes], name: str) -> Download:
    """A stream to be saved under *name*."""
    return Download(chunks, headers=_harmless(name))


async def download(artifact: Artifact, start: int, source: Source) -> Download:
    """The file from *start* on, or what the call being served asks for of it; its tag is its SHA-256."""
    if not 0 <= start <= artifact.size:
        raise BadRequest(f"start must be between 0 and {artifact.size}, the file's size", code="badStart")
    call, size, tag = current_call(), artifact.size, f'"{artifact.sha256}"'
    headers = {
        **_harmless(artifact.path.rpartition("/")[2]),
        "etag": tag,
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
    }
    if call.if_none_match and names_tag(call.if_none_match, tag):
        return Download(_nothing(), status=304, headers=headers)
    end, status = size, 200
    is_partial = call.verb == "GET" and not start and call.if_range in ("", tag)
    try:
        part = asked_range(call.range, size) if is_partial else None
    except Unsatisfiable:
        headers |= {"content-range": f"bytes */{size}", "content-length": str(len(_UNSATISFIABLE))}
        return Download(_only(_UNSATISFIABLE), status=416, headers=headers)
    if part is not None:
        (start, end), status = part, 206
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    headers["content-length"] = str(end - start)
    chunks = _nothing() if call.verb == "HEAD" else await source(start, end)
    return Download(chunks, status=status, headers=headers)


def _harmless(name: str) -> dict[str, str]:
    """No browser runs it, guesses what it is, or keeps it beside our own pages."""
    return {
        "content-disposition": disposition(name),
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
    }


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _only(data: bytes) -> AsyncIterator[bytes]:
    yield data
