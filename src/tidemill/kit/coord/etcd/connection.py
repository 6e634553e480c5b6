"""The members of an etcd cluster: calls with deadlines, the next member when one is away, tokens."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc.aio
from aetcd import rpc

from tidemill.errors import BadRequest, Internal, Unavailable
from tidemill.kit.back_off import back_off
from tidemill.kit.coord.etcd.address import Address, contents
from tidemill.kit.coord.etcd.requests import failure, is_not_done, wants_new_token, watching
from tidemill.kit.coord.etcd.stream import Stream

#: Seconds for a whole call, whichever members it takes; and for one member when there are others.
CALL = 5.0
_ATTEMPT = 1.5

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0

_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    (
        "grpc.keepalive_time_ms",
        8_000,
    ),  # a member that stands still breaks the streams it has; etcd allows 5,000
    ("grpc.keepalive_timeout_ms", 4_000),
    ("grpc.http2.ping_timeout_ms", 4_000),  # without it that of the keepalive does nothing for a minute
    ("grpc.http2.max_pings_without_data", 0),  # also when nothing has changed for long
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
)

Call = Callable[["Member", float, tuple[tuple[str, str], ...]], Awaitable[Any]]


class Member:
    """One etcd server, and a connection to it that comes back by itself."""

    def __init__(self, target: str, credentials: grpc.ChannelCredentials | None) -> None:
        if credentials is None:
            self.channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        else:
            self.channel = grpc.aio.secure_channel(target, credentials, options=_OPTIONS)
        self.auth = rpc.AuthStub(self.channel)
        self.kv = rpc.KVStub(self.channel)
        self.lease = rpc.LeaseStub(self.channel)
        self.watch = rpc.WatchStub(self.channel)


class Connection:
    """Asks one member, and the next when that one does not answer."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._targets = address.members()
        address.password()  # a file that cannot be read is told at the start
        credentials = _credentials(address)
        self._members = [Member(target, credentials) for target in self._targets]
        self._at = random.randrange(len(self._members))  # noqa: S311 - spreads load
        self._token: str | None = None

    async def transact(
        self, compare: list[Any], success: list[Any], failure: list[Any], *, repeatable: bool
    ) -> Any:
        """One transaction: *success* if every comparison holds, *failure* otherwise."""
        request = rpc.TxnRequest(compare=compare, success=success, failure=failure)
        return await self.attempt(
            lambda member, seconds, metadata: member.kv.Txn(request, timeout=seconds, metadata=metadata),
            repeatable=repeatable,
        )

    async def watch(self, key: bytes, end: bytes, start: int, seconds: float = CALL) -> Stream:
        """The changes from *key* to *end* since etcd's revision *start*, while one member tells them."""
        request = watching(key, end, start)

        async def open_(member: Member, seconds: float, metadata: tuple[tuple[str, str], ...]) -> Stream:
            stream = Stream(member.watch.Watch(metadata=metadata), self.forget_token)
            await stream.begin(request, seconds)
            return stream

        stream: Stream = await self.attempt(open_, repeatable=True, seconds=seconds)
        return stream

    async def attempt(self, call: Call, *, repeatable: bool, seconds: float = CALL) -> Any:
        """The answer of the first member that gives one within *seconds*.

        What is not *repeatable* is sent again only if it certainly had no effect; otherwise Unavailable
        leaves open whether it had one.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        for pause in pauses():
            member, rest = self._members[self._at], deadline - loop.time()
            try:
                share = rest if len(self._members) == 1 else min(rest, _ATTEMPT)
                return await call(member, share, await self._metadata(member, share))
            except rpc.AioRpcError as error:
                wrong, again = failure(error), repeatable or is_not_done(error)
                if wants_new_token(error):
                    self.forget_token()
            except Unavailable as error:
                wrong, again = error, repeatable
            if not isinstance(wrong, Unavailable):
                raise wrong
            self._at = (self._members.index(member) + 1) % len(self._members)
            if not again or loop.time() + pause >= deadline:
                raise Unavailable(f"{wrong.message} ({', '.join(self._targets)})", code=wrong.code) from wrong
            await asyncio.sleep(pause)
        raise AssertionError("pauses never end")

    def forget_token(self) -> None:
        """Get a new one for the next call."""
        self._token = None

    async def close(self) -> None:
        """End everything that is under way."""
        for member in self._members:
            await member.channel.close()

    async def _metadata(self, member: Member, seconds: float) -> tuple[tuple[str, str], ...]:
        """What goes with each call: that a member without a leader is of no use, and who we are."""
        leader = ("hasleader", "true")
        if not self._address.user:
            return (leader,)
        if self._token is None:
            request = rpc.AuthenticateRequest(name=self._address.user, password=self._password())
            try:
                answer = await member.auth.Authenticate(request, timeout=seconds, metadata=(leader,))
            except rpc.AioRpcError as error:
                if "authentication is not enabled" not in (error.details() or ""):
                    raise
                return (leader,)
            self._token = answer.token
        return (leader, ("token", self._token))

    def _password(self) -> str:
        try:
            return self._address.password()
        except BadRequest as error:  # no mistake of whoever asks now
            raise Internal(error.message, code="coordinatorRefuses") from error


def pauses() -> Iterator[float]:
    """Seconds to wait between attempts: jittered, doubled each time up to a bound, without end."""
    for failures in itertools.count():
        pause = back_off(failures, first=_FIRST_PAUSE, most=_LONGEST_PAUSE)
        yield random.uniform(pause / 2, pause)  # noqa: S311 - spreads load


def _credentials(address: Address) -> grpc.ChannelCredentials | None:
    if not address.is_encrypted():
        return None
    ca, cert, key = (file and contents(file) for file in (address.ca, address.cert, address.key))
    return grpc.ssl_channel_credentials(root_certificates=ca, private_key=key, certificate_chain=cert)
