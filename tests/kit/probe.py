"""A contract with every kind of argument and answer, its service, and a server for it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType, TypedDict, Unpack

import anyio
import httpx2
import msgspec

from tidemill import errors
from tidemill.kit.contract import Contract, Page, Paged, current_call, delete, get, post, put
from tidemill.kit.http import App, serve_http

PREFIX = "/internal/probe"

Ref = NewType("Ref", str)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    data: bytes = b""
    at: datetime | None = None
    parts: tuple["Item", ...] = ()
    labels: dict[str, str] = {}


class Shown(msgspec.Struct, frozen=True):
    """What arrived, as text."""

    text: str


class Wait(msgspec.Struct, frozen=True):
    wait: float = 0
    turns: tuple[int, ...] = ()


class Wanted(TypedDict, total=False):
    cursor: str
    names: tuple[str, ...]
    offset: int


class Probe(Contract):
    """Everything that a contract can say."""

    @get("/path/{ref}/of/{number}")
    async def path(self, ref: Ref, number: int) -> Shown:
        """Arguments in the path."""

    @get("/query")
    async def query(
        self,
        *,
        text: str,
        count: int = 3,
        ratio: float = 0.5,
        flag: bool = False,
        maybe: str | None = None,
        level: int | None = None,
        names: tuple[str, ...] = (),
        numbers: list[int] = [],  # noqa: B006 - a declaration
        colour: Colour = Colour.RED,
        at: datetime | None = None,
    ) -> Shown:
        """Arguments in the query."""

    @get("/wanted/{ref}")
    async def wanted(self, ref: Ref, **wanted: Unpack[Wanted]) -> Shown:
        """Arguments in the query that other endpoints have too."""

    @post("/items", status=201)
    async def create(self, item: Item, *, label: str = "") -> Item:
        """A struct there and back."""

    @post("/items/several")
    async def several(self, items: list[Item]) -> dict[str, Item]:
        """A list of structs there, a mapping back."""

    @put("/items/{name}")
    async def change(self, name: str, item: Item | None = None) -> Item | None:
        """A body that may be left out, an answer that may be empty."""

    @get("/items")
    async def items(self, after: str = "") -> Page[Item]:
        """One page of a list."""

    @get("/boxes")
    async def box(self) -> Paged[dict[str, Item]]:
        """One page of a list, inside of something else."""

    @delete("/items/{name}", status=204)
    async def remove(self, name: str) -> None:
        """Nothing comes back."""

    @put("/bytes/{name}", limit=2 * 1024 * 1024)
    async def reverse(self, name: str, data: bytes) -> bytes:
        """Raw bytes there and back."""

    @post("/streams/up")
    async def upload(self, chunks: AsyncIterator[bytes], label: str = "") -> Shown:
        """A stream there."""

    @get("/streams/down", media="text/plain")
    async def download(self, count: int, fail_at: int = -1) -> AsyncIterator[bytes]:
        """A stream back."""

    @post("/streams/through", waits=True)
    async def through(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Streams both ways."""

    @get("/failures/{kind}")
    async def fail(self, kind: str) -> Shown:
        """An error of that class, or a bug."""

    @post("/waits", waits=True)
    async def wait_long(self, request: Wait) -> Shown:
        """An answer that takes its time."""

    @post("/commits")
    async def commit(self) -> Shown:
        """Something that shall not be torn."""

    @get("/state")
    async def state(self) -> Item:
        """What the service holds."""

    @get("/call")
    async def call(self) -> dict[str, str]:
        """What travels beside the arguments."""


class ProbeService(Probe):
    """Answers so that a test can see what arrived and when."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.entered = anyio.Event()
        self.go_on = anyio.Event()
        self.ended = anyio.Event()
        self.produced: list[bytes] = []
        self.seen: list[bytes] = []

    async def path(self, ref: Ref, number: int) -> Shown:
        return Shown(f"{ref!r} {number!r}")

    async def query(self, **arguments: Any) -> Shown:
        return Shown(repr(arguments))

    async def wanted(self, ref: Ref, **wanted: Unpack[Wanted]) -> Shown:
        return Shown(f"{ref} {wanted}")

    async def create(self, item: Item, *, label: str = "") -> Item:
        return msgspec.structs.replace(item, labels={**item.labels, "label": label})

    async def several(self, items: list[Item]) -> dict[str, Item]:
        return {item.name: item for item in items}

    async def change(self, name: str, item: Item | None = None) -> Item | None:
        return item

    async def items(self, after: str = "") -> Page[Item]:
        if after:
            return Page([Item(name="last")])
        return Page([Item(name="a"), Item(name="b")], cursor="100 % ä/+=\n")

    async def box(self) -> Paged[dict[str, Item]]:
        return Paged({"a": Item(name="a")}, cursor="100 % ä/+=\n")

    async def remove(self, name: str) -> None:
        self.labels.pop(name, None)

    async def reverse(self, name: str, data: bytes) -> bytes:
        assert type(data) is bytes
        return data[::-1]

    async def upload(self, chunks: AsyncIterator[bytes], label: str = "") -> Shown:
        async for chunk in chunks:
            self.seen.append(chunk)
            self.entered.set()
        return Shown(f"{label} {sum(map(len, self.seen))}")

    async def download(self, count: int, fail_at: int = -1) -> AsyncIterator[bytes]:
        if count < 0:
            raise errors.NotFound("no such stream", code="streamDoesNotExist")

        async def chunks() -> AsyncIterator[bytes]:
            try:
                for index in range(count):
                    if index == fail_at:
                        raise errors.Conflict("the stream broke")
                    if index == 1:
                        await self.go_on.wait()
                    self.produced.append(b"%d," % index)
                    yield self.produced[-1]
            finally:
                self.ended.set()

        return chunks()

    async def through(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async def upper() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                yield chunk.upper()

        return upper()

    async def fail(self, kind: str) -> Shown:
        raised = failure(kind)
        if raised is not None:
            raise raised
        await getattr(self, f"_{kind}")()
        raise AssertionError(kind)

    async def _bug(self) -> None:
        raise KeyError("secret detail")

    async def _typed_inside(self) -> None:
        raise RuntimeError("context") from errors.NotFound("inside", code="insideDoesNotExist")

    async def _typed_outside(self) -> None:
        raise errors.Conflict("outside") from errors.NotFound("inside", code="insideDoesNotExist")

    async def _only_context(self) -> None:
        try:
            raise errors.NotFound("handled", code="handledDoesNotExist")  # noqa: TRY301 - the point
        except errors.NotFound:
            raise RuntimeError("secret detail")  # noqa: B904 - the point

    async def _group(self) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._typed_outside)

    async def wait_long(self, request: Wait) -> Shown:
        self.entered.set()
        try:
            with anyio.move_on_after(request.wait):
                await self.go_on.wait()
        finally:
            self.ended.set()
        return Shown("waited")

    async def commit(self) -> Shown:
        self.entered.set()
        await self.go_on.wait()
        self.ended.set()
        return Shown("committed")

    async def state(self) -> Item:
        return Item(name="state", labels=self.labels)

    async def call(self) -> dict[str, str]:
        call = current_call()
        return {
            "request": call.request_id,
            "caller": call.caller,
            "authorization": call.authorization,
        }


def failure(kind: str) -> errors.Failure | None:
    """The error that `fail` raises for the name of a class."""
    cls = getattr(errors, kind, None)
    return cls(f"a {kind} with ä", code=f"code{kind}", details={"number": 7}) if cls else None


@asynccontextmanager
async def running(app: App, *, drain: float = 5.0) -> AsyncIterator[str]:
    """*app* on a free loopback port; the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: serve_http(app, listener, stop=stop, drain=drain))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()


def client(url: str, **headers: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=url, headers=headers, timeout=10)
