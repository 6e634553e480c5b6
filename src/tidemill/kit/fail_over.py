"""Several addresses of one service: who fails is passed over, and what was not sent goes to the next one."""

import random
from collections.abc import Sequence

import httpx2

#: Nothing of the request has left this machine.
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout)
#: Asked again they change nothing, so that they may be, whatever has become of the first request.
_SAFE = frozenset({"GET", "HEAD"})
#: An instance that says so of itself is no place to go to next time.
_AWAY = frozenset({502, 503, 504})


class FailOver(httpx2.AsyncBaseTransport):
    """Sends each request to one of the addresses: the one that answered last, at first any.

    A request that could not be sent, or one that only reads and whose answer did not come, goes on to the
    next address. Everything else that fails is its caller's to repeat, and finds another address then.
    """

    def __init__(self, addresses: Sequence[httpx2.URL], transport: httpx2.AsyncBaseTransport) -> None:
        self._addresses = tuple(addresses)
        self._transport = transport
        self._at = random.randrange(len(self._addresses))  # noqa: S311 - it only spreads the load

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Ask where somebody answers; the request's URL says afterwards who was asked last."""
        last = len(self._addresses) - 1
        for attempt in range(last + 1):
            at = self._at
            _redirect(request, self._addresses[at])
            try:
                response = await self._transport.handle_async_request(request)
            except httpx2.TransportError as error:
                self._pass_over(at)
                may_go_on = isinstance(error, _UNSENT) or (
                    request.method in _SAFE and not isinstance(error, httpx2.TimeoutException)
                )
                if attempt == last or not may_go_on:
                    raise
            else:
                if response.status_code in _AWAY:
                    self._pass_over(at)
                return response
        raise AssertionError

    async def aclose(self) -> None:
        """Close the connections to all of them."""
        await self._transport.aclose()

    def _pass_over(self, at: int) -> None:
        """Begin elsewhere from now on, unless another request has moved on already."""
        if self._at == at:
            self._at = (at + 1) % len(self._addresses)


def _redirect(request: httpx2.Request, address: httpx2.URL) -> None:
    """Aim *request* at *address*; the path stays."""
    request.url = request.url.copy_with(scheme=address.scheme, host=address.host, port=address.port)
    request.headers["Host"] = address.netloc.decode("ascii")
