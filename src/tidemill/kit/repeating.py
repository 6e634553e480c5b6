"""Asking again what only reads, when its answer did not come; for clients that nobody else makes patient."""

import asyncio
import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from tidemill.kit.back_off import back_off

#: Nothing of the request has left this machine, so that any verb may be sent again.
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout)
#: Asked again they change nothing.
_SAFE = frozenset({"GET", "HEAD"})
#: "Not now": of the server, or of a proxy whose server is being restarted.
_LATER = frozenset({429, 502, 503, 504})
_FIRST_SECONDS = 0.2
_MOST_SECONDS = 5.0


class Repeating(httpx2.AsyncBaseTransport):
    """Sends a request again that changes nothing, or that could not be sent.

    It does so for *patience* seconds at most, with pauses that grow, or are as long as the server says in
    `Retry-After`. What has been sent and may have changed something is its caller's to repeat.
    """

    def __init__(self, transport: httpx2.AsyncBaseTransport, *, patience: float) -> None:
        self._transport = transport
        self._patience = patience

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The first answer that is not "later", or the last one."""
        until = time.monotonic() + self._patience
        failures = 0
        while True:
            try:
                response = await self._transport.handle_async_request(request)
            except httpx2.TransportError as error:
                pause = _jittered(failures)
                if not _may_repeat(request, error) or time.monotonic() + pause > until:
                    raise
            else:
                if response.status_code not in _LATER or request.method not in _SAFE:
                    return response
                asked = _asked_pause(response)
                pause = _jittered(failures) if asked is None else asked
                if time.monotonic() + pause > until:
                    return response
                await response.aclose()
            failures += 1
            await asyncio.sleep(pause)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def _may_repeat(request: httpx2.Request, error: httpx2.TransportError) -> bool:
    if isinstance(error, _UNSENT):
        return True
    return request.method in _SAFE and not isinstance(error, httpx2.TimeoutException)


def _jittered(failures: int) -> float:
    """Clients that were cut off together do not come back together."""
    return back_off(failures, first=_FIRST_SECONDS, most=_MOST_SECONDS) * random.uniform(0.5, 1)  # noqa: S311 - it only spreads the load


def _asked_pause(response: httpx2.Response) -> float | None:
    """Seconds that the server asks for: a number or a date (RFC 9110, 10.2.3); None when it asks for none."""
    text = response.headers.get("Retry-After", "")
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
