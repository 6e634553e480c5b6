"""Carriers within one process: a service handed over as an object, with what HTTP would set.

`direct` gives every call its deadline, its request id and a shield, so that a caller's cancellation
does not tear a commit. `coded` does the same with every argument and answer through the codec, which
finds whoever shares a mutable thing.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import structlog

from tidemill.errors import Unavailable, typed, unknown
from tidemill.kit.contract import Call, Contract, Endpoint, Parameter, calling, current_call, derive

C = TypeVar("C", bound=Contract)
T = TypeVar("T")
Transform = Callable[[Any], Any]

log = structlog.get_logger("carriers")

#: Calls that go on although whoever asked has been cancelled.
_in_flight: set[asyncio.Task[Any]] = set()


def direct(contract: type[C], service: C) -> C:
    """*service* itself, behind the thin carrier."""

    def make(endpoint: Endpoint) -> Callable[..., Awaitable[Any]]:
        target = getattr(service, endpoint.name)

        async def call(_: C, *args: Any, **kwargs: Any) -> Any:
            return await carry(endpoint, target, endpoint.bind(args, kwargs))

        return call

    return derive(contract, make)


def coded(contract: type[C], service: C) -> C:
    """*service* with every argument and answer encoded to JSON and decoded again; for tests."""

    def make(endpoint: Endpoint) -> Callable[..., Awaitable[Any]]:
        target = getattr(service, endpoint.name)
        codecs = {p.name: _codec(p) for p in endpoint.parameters}

        async def call(_: C, *args: Any, **kwargs: Any) -> Any:
            bound = endpoint.bind(args, kwargs)
            copies = {name: codecs[name](value) for name, value in bound.items()}
            answer = await carry(endpoint, target, copies)
            return _copied(answer) if endpoint.streams else _through(endpoint.answer)(answer)

        return call

    return derive(contract, make)


def absent(contract: type[C], why: str) -> C:
    """An object of the contract's type behind which there is nobody: whatever is asked is Unavailable."""

    def make(_: Endpoint) -> Callable[..., Awaitable[Any]]:
        async def call(*_: Any, **__: Any) -> Any:
            raise Unavailable(why)

        return call

    return derive(contract, make)


async def carry(endpoint: Endpoint, target: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call *target* as its endpoint says: within its time, and shielded unless it waits or streams."""
    seconds = endpoint.seconds(arguments)
    asking = current_call()
    call = Call(request_id=asking.request_id or secrets.token_hex(8), caller=asking.caller)
    body = endpoint.body
    if endpoint.waits or endpoint.streams or (body is not None and body.kind == "stream"):
        timeless = body is not None and body.kind == "stream"
        return await _within(None if timeless else seconds, call, target, arguments)
    task = asyncio.create_task(_within(seconds, call, target, arguments))
    _in_flight.add(task)
    task.add_done_callback(_landed)
    return await asyncio.shield(task)


async def in_time(seconds: float | None, work: Awaitable[T]) -> T:
    """The result of *work*; Unavailable when it takes longer than *seconds*."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await work
    except TimeoutError as error:
        if limit.expired():
            raise Unavailable(f"no answer within {seconds:g} s") from error
        raise


async def _within(
    seconds: float | None, call: Call, target: Callable[..., Any], arguments: dict[str, Any]
) -> Any:
    with calling(call):
        try:
            return await in_time(seconds, target(**arguments))
        except Exception as error:
            found = typed(error)
            if found is error:
                raise
            if found is not None:
                raise found from found.__cause__
            log.exception("call failed", call=target.__qualname__)
            raise unknown(call.request_id) from error


def _landed(task: asyncio.Task[Any]) -> None:
    _in_flight.discard(task)
    if not task.cancelled():
        task.exception()  # whoever asked may be gone; then nobody else looks at it


def _codec(parameter: Parameter) -> Transform:
    if parameter.kind == "stream":
        return _copied
    return _through(parameter.type)


def _through(hint: Any) -> Transform:
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(hint).decode
    return lambda value: decode(encode(value))


async def _copied(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield bytes(chunk)
