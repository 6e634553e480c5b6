"""How an operation may fail: what docstrings tell, and what follows from its kind.

A docstring names a status and the codes of it: "404 `runDoesNotExist`; 409 `runNotOver`".
"""

import re

from tidemill.kit.contract import Endpoint

#: What each status means of any operation.
MEANINGS = {
    400: "The request is wrong: a parameter, or the body.",
    401: "Nobody that the server knows is asking.",
    403: "The caller may not do this.",
    404: "It does not exist, or is not for the caller to know of.",
    409: "The state does not allow it.",
    410: "It was there, and will not come back; the details say what is still to be had.",
    413: "The body is too large; the details say how large it may be.",
    416: "The file has no such bytes.",
    429: "Too often; ask again after as many seconds as Retry-After says.",
    500: "The server has failed; the message says why, or the details hold the id of the request.",
    503: "Not now; ask again.",
}

_TOLD = re.compile(r"\b([45]\d\d)\b((?:(?:\s|,|and|or)*`[^`]*`)*)")
_CODE = re.compile(r"`([a-z]\w*)`")


def told_codes(doc: str) -> dict[int, list[str]]:
    """The codes that a docstring names, by status; a status that it names without any has none."""
    found: dict[int, list[str]] = {}
    for status, codes in _TOLD.findall(doc):
        if int(status) in MEANINGS:
            found.setdefault(int(status), []).extend(_CODE.findall(codes))
    return found


def failures(endpoint: Endpoint, doc: str, *, is_open: bool) -> dict[int, list[str]]:
    """Each status with which *endpoint* may fail, with the codes that are told of it."""
    kinds = {p.kind for p in endpoint.parameters}
    possible = {500, 503}
    if kinds:
        possible.add(400)
    if not is_open:
        possible |= {400, 401, 403}
    if "path" in kinds:
        possible.add(404)
    if kinds & {"body", "raw"}:
        possible.add(413)
    told = told_codes(doc)
    return {status: told.get(status, []) for status in sorted(possible | told.keys())}
