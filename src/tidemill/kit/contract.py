"""Declare what may be asked of a service, once: verb, path, typed arguments and answer.

A contract is a class whose methods carry their route. The service subclasses it; `connect` derives
the client from it; routes, OpenAPI and the plain CLI calls are derived from it too. Arguments named
in the path come from the path; an argument that is a struct (or a list or mapping of them) is the
JSON body; an async iterator of bytes (or bytes) is a raw body; everything else is a query parameter.
"""

import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, get_origin, get_type_hints

import msgspec

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

Kind = Literal["path", "query", "body", "raw", "stream"]


class Contract:
    """Base of every contract. Methods without a decorator are not part of it."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; over HTTP *items* is the body and *cursor* a header ("" on the last page)."""

    items: list[T]
    cursor: str = ""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What travels beside the arguments of a call; set by every carrier, read with `current_call`."""

    request_id: str = ""
    caller: str = ""
    """Who asks, as an opaque name: a service, a user, an executor."""
    deadline: datetime | None = None
    authorization: str = ""
    """The Authorization header as received; only the gateway and the gitserver read it."""
    remote: str = ""
    """The peer's address, for logs and the audit."""


_call: ContextVar[Call] = ContextVar("call", default=Call())


def current_call() -> Call:
    """The call being served; an empty one outside of any."""
    return _call.get()


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of an endpoint: where it travels and what it must be."""

    name: str
    kind: Kind
    type: Any
    default: Any = inspect.Parameter.empty

    @property
    def is_required(self) -> bool:
        return self.default is inspect.Parameter.empty


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method of a contract as it stands on the wire."""

    name: str
    verb: str
    path: str
    status: int
    waits: bool
    """It may take as long as its *wait* argument says; the caller's cancellation ends it."""
    doc: str
    parameters: tuple[Parameter, ...]
    answer: Any

    @property
    def streams(self) -> bool:
        """Its answer is a stream of bytes."""
        return get_origin(self.answer) is AsyncIterator


class _Route(msgspec.Struct, frozen=True):
    verb: str
    path: str
    status: int
    waits: bool


def _route(verb: str, path: str, status: int | None, *, waits: bool) -> Callable[[F], F]:
    def mark(method: F) -> F:
        method.__route__ = _Route(verb, path, status or 200, waits)  # type: ignore[attr-defined]
        return method

    return mark


def get(path: str, *, status: int | None = None, waits: bool = False) -> Callable[[F], F]:
    """Declare a method that reads."""
    return _route("GET", path, status, waits=waits)


def post(path: str, *, status: int | None = None, waits: bool = False) -> Callable[[F], F]:
    """Declare a method that creates or asks for work."""
    return _route("POST", path, status, waits=waits)


def put(path: str, *, status: int | None = None, waits: bool = False) -> Callable[[F], F]:
    """Declare a method that sets."""
    return _route("PUT", path, status, waits=waits)


def delete(path: str, *, status: int | None = None, waits: bool = False) -> Callable[[F], F]:
    """Declare a method that removes."""
    return _route("DELETE", path, status, waits=waits)


def endpoints(contract: type[Contract]) -> tuple[Endpoint, ...]:
    """The endpoints of *contract*, in the order of their declaration."""
    return tuple(
        _endpoint(name, method)
        for cls in reversed(contract.__mro__)
        for name, method in vars(cls).items()
        if hasattr(method, "__route__")
    )


def _endpoint(name: str, method: Callable[..., Any]) -> Endpoint:
    route: _Route = method.__route__  # type: ignore[attr-defined]
    hints = get_type_hints(method)
    in_path = set(re.findall(r"{(\w+)(?::\w+)?}", route.path))
    parameters = tuple(
        Parameter(name=p.name, kind=_kind(p.name, hints[p.name], in_path), type=hints[p.name], default=p.default)
        for p in list(inspect.signature(method).parameters.values())[1:]
    )
    return Endpoint(
        name=name,
        verb=route.verb,
        path=route.path,
        status=route.status,
        waits=route.waits,
        doc=inspect.getdoc(method) or "",
        parameters=parameters,
        answer=hints["return"],
    )


def _kind(name: str, hint: Any, in_path: set[str]) -> Kind:
    if name in in_path:
        return "path"
    if get_origin(hint) is AsyncIterator:
        return "stream"
    if hint is bytes:
        return "raw"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return "body"
    return "query"
