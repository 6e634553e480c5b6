"""Asking again: what may be, how long, and how often the server wants it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from tidemill.kit.repeating import Repeating

pytestmark = pytest.mark.anyio


class Flaky(httpx2.AsyncBaseTransport):
    """Fails as it is told, one after the other; then all is well."""

    def __init__(self, *ends: int | type[httpx2.TransportError], after: str = "0") -> None:
        self.ends = list(ends)
        self.after = after
        self.asked = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        end = self.ends.pop(0) if self.ends else 200
        if isinstance(end, int):
            return httpx2.Response(end, headers={"Retry-After": self.after} if self.after else {})
        raise end("no", request=request)


async def ask(flaky: Flaky, verb: str = "GET", patience: float = 10) -> int:
    async with httpx2.AsyncClient(transport=Repeating(flaky, patience=patience)) as http:
        return (await http.request(verb, "http://ci.example/")).status_code


@pytest.mark.parametrize("end", [429, 502, 503, 504, httpx2.ReadError, httpx2.RemoteProtocolError])
async def test_reading_is_repeated(end: int | type[httpx2.TransportError]) -> None:
    """When the server, or what is before it, was not there."""
    flaky = Flaky(end, end)
    assert await ask(flaky) == 200
    assert flaky.asked == 3


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
async def test_what_may_have_been_done_is_not_done_again(verb: str) -> None:
    """Only what has not left this machine is sent again."""
    flaky = Flaky(503)
    assert await ask(flaky, verb) == 503
    cut = Flaky(httpx2.ReadError)
    with pytest.raises(httpx2.ReadError):
        await ask(cut, verb)
    assert (flaky.asked, cut.asked) == (1, 1)
    unsent = Flaky(httpx2.ConnectError)
    assert await ask(unsent, verb) == 200


async def test_other_answers_are_answers() -> None:
    """An error that will be the same the next time comes back at once."""
    for status in (400, 401, 404, 409, 500):
        flaky = Flaky(status)
        assert await ask(flaky) == status
        assert flaky.asked == 1


async def test_a_time_that_is_over_is_not_begun_again() -> None:
    """Whoever has waited for an answer as long as they may does not wait again."""
    flaky = Flaky(httpx2.ReadTimeout)
    with pytest.raises(httpx2.ReadTimeout):
        await ask(flaky)
    assert flaky.asked == 1


@pytest.mark.parametrize(
    "after", [lambda: "60", lambda: format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)]
)
async def test_patience_ends(after: Callable[[], str]) -> None:
    """A pause that is longer than what is left is not made: the last answer is handed out at once."""
    began = time.monotonic()
    flaky = Flaky(503, 503, after=after())
    assert await ask(flaky) == 503
    assert flaky.asked == 1
    assert await ask(Flaky(503), patience=0) == 503
    with pytest.raises(httpx2.ConnectError):
        await ask(Flaky(httpx2.ConnectError), patience=0)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "after", ["", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 -0000"]
)
async def test_the_server_says_when(after: str) -> None:
    """A time that is past is now; what is no time is our own pause."""
    flaky = Flaky(503, after=after)
    assert await ask(flaky) == 200
