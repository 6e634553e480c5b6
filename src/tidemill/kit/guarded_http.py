"""HTTP requests to addresses that somebody has written down: none goes where it must not.

A name is resolved here, every address is looked at, and the connection goes to the very address that
was looked at: a name that means something else a moment later changes nothing. Redirects are answers
like others and nobody follows them. Proxies of the environment are not used.
"""

import ipaddress
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpcore2
import httpx2
import msgspec

from tidemill.errors import BadRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Bytes of an answer's body that are read, so that the connection can serve again; what is more cuts it.
_READ_BYTES = 64 * 1024
#: Addresses of a name that are tried.
_TRIED = 4
_READ_SECONDS = 1.0
#: Public by their numbers, but what answers there is the cloud that the machine is in, or nobody's.
_SPECIAL = tuple(
    ipaddress.ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24", "64:ff9b:1::/48", "fec0::/10")
)
#: IPv4 addresses in the clothes of IPv6: a translator on the way would take them out.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Refused(Exception):
    """A request that was not sent, because it would have gone where it must not. The message is for logs."""


class Answer(msgspec.Struct, frozen=True):
    """What came of a request: a status, or 0 and why there is none."""

    status: int
    reason: str = ""


class Guard:
    """Says which addresses requests may go to: public ones, and those in networks that are allowed."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """*allowed* are networks such as `10.1.0.0/16`; raises BadRequest for what is none."""
        self._allowed = [_network(text) for text in allowed]

    def may(self, address: Address) -> bool:
        """Whether a connection may go to *address*."""
        inner = _unwrapped(address)
        if any(one in network for one in (address, inner) for network in self._allowed):
            return True
        return _is_public(inner)


class GuardedHttp:
    """Sends requests that the guard lets through, and keeps connections for those behind them."""

    def __init__(self, guard: Guard, *, connections: int = 16) -> None:
        self._backend = _Guarded(guard)
        self._connections = connections
        self._pools: dict[bool, httpcore2.AsyncConnectionPool] = {}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """Post *body*, all within so many *seconds*. The answer's body is thrown away, however large."""
        try:
            with anyio.fail_after(seconds):
                return Answer(await self._post(url, body, headers))
        except TimeoutError:
            return Answer(0, f"no answer within {seconds:g} s")
        except Refused:
            raise
        except (OSError, httpcore2.NetworkError, httpcore2.TimeoutException) as error:
            return Answer(0, f"no connection, or it broke: {error or type(error).__name__}")
        except httpcore2.ProtocolError as error:
            return Answer(0, f"what it answered is not HTTP: {error}")

    async def aclose(self) -> None:
        """Let go of all connections."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        target = httpx2.URL(url)
        given = {"Host": target.netloc.decode("ascii"), "Content-Length": str(len(body)), **headers}
        pool = self._pool(is_tls=target.scheme == "https")
        response = await pool.handle_async_request(
            httpcore2.Request(
                "POST",
                httpcore2.URL(
                    scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path
                ),
                headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in given.items()],
                content=body,
            )
        )
        try:
            await _throw_away(response)
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()
        return response.status

    def _pool(self, *, is_tls: bool) -> httpcore2.AsyncConnectionPool:
        """Made when it is wanted: to read the certificates of authorities takes 50 ms and memory."""
        if is_tls not in self._pools:
            self._pools[is_tls] = httpcore2.AsyncConnectionPool(
                ssl_context=httpx2.create_ssl_context() if is_tls else None,
                max_connections=self._connections,
                max_keepalive_connections=self._connections,
                keepalive_expiry=30,
                network_backend=self._backend,
            )
        return self._pools[is_tls]


async def _throw_away(response: httpcore2.Response) -> None:
    """Read a body that is short; of one that is not, or that breaks, the status is all that matters."""
    read = 0
    with anyio.move_on_after(_READ_SECONDS), suppress(httpcore2.NetworkError, httpcore2.ProtocolError):
        async for block in response.aiter_stream():
            read += len(block)
            if read > _READ_BYTES:
                break


class _Guarded(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that the guard has seen, and to no other place."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of its base
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve *host*, and connect to the first of its addresses that answers; all must be allowed."""
        found = await _resolved(host, port)
        for address in found:
            if not self._guard.may(address):
                raise Refused(f"{host} is {address}, which no request may go to")
        for address in found[:-1]:
            try:
                return await self._backend.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except httpcore2.ConnectError:
                continue
        return await self._backend.connect_tcp(str(found[-1]), port, timeout, local_address, socket_options)


async def _resolved(host: str, port: int) -> Sequence[Address]:
    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"{host} cannot be resolved") from error
    addresses = dict.fromkeys(ipaddress.ip_address(place[0]) for *_, place in found)
    if not addresses:
        raise httpcore2.ConnectError(f"{host} has no address")
    return list(addresses)[:_TRIED]


def checked_url(url: str, setting: str) -> str:
    """*url* if requests can go there; BadRequest, with the name of the *setting*, if not."""
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        httpx2.URL(url)
    except (ValueError, httpx2.InvalidURL):
        is_url = False
    if not is_url:
        raise BadRequest(f"{setting}: write http://host/path or https://host/path", code="badSettings")
    if parts.username or parts.password:
        raise BadRequest(
            f"{setting}: an address with a user or a password in it would be sent without them; "
            "let the receiver look at the signature",
            code="badSettings",
        )
    return url


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise BadRequest(
            f"{text!r} is no network; write 10.1.0.0/16, or one address", code="badSettings"
        ) from error


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that *address* stands for, where it is one in disguise."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.teredo is not None:
        return False
    return not any(address in network for network in _SPECIAL)
