"""Declare what may be asked of a service, once: verb, path, typed arguments and answer.

A contract is a class whose methods carry their route. The service subclasses it; `connect` derives
the client from it; routes, OpenAPI and the plain CLI calls are derived from it too. Arguments named
in the path come from the path; an argument that is a struct (or a list or mapping of them) is the
JSON body; an async iterator of bytes (or bytes) is a raw body; everything else is a query parameter,
also each key of a typed dictionary (`**wanted: Unpack[Wanted]`), which several endpoints can share.
An answer of None is an empty body; bytes and async iterators of bytes are raw.
"""

import inspect
import math
import re
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any, Generic, Literal, TypedDict, TypeVar, Union, Unpack, get_args, get_origin
from typing import get_type_hints as hints_of

import msgspec

from tidemill.errors import BadRequest
from tidemill.kit.streams import close

T = TypeVar("T")
C = TypeVar("C", bound="Contract")
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

Kind = Literal["path", "query", "body", "raw", "stream"]

#: Seconds that a call may take, beyond what it was asked to wait.
DEADLINE = 30.0
#: Bytes that a body may have unless its endpoint says otherwise; streams have no limit.
BODY_LIMIT = 1024 * 1024
_LONGEST_WAIT = 600.0


class Contract:
    """Base of every contract. Methods without a decorator are not part of it."""


#: How many of a list are wanted; 0 is all of them.
PageLimit = Annotated[int, msgspec.Meta(ge=0, le=10_000)]

#: What a database holds in a narrow column: a place, a step, an attempt.
SmallNumber = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; over HTTP *items* is the body and *cursor* a header ("" on the last page)."""

    items: list[T]
    cursor: str = ""

    @property
    def body(self) -> list[T]:
        """What stands in the body."""
        return self.items


class Paged(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list that stands inside of an answer, such as the members in that of an organization."""

    body: T
    cursor: str = ""


class Download(AsyncIterator[bytes]):
    """A streamed answer with a status and headers of its own; over HTTP alone."""

    def __init__(
        self, chunks: AsyncIterator[bytes], *, status: int = 200, headers: Mapping[str, str]
    ) -> None:
        self._chunks = chunks
        self.status = status
        self.headers = headers

    async def __anext__(self) -> bytes:
        return await self._chunks.__anext__()

    async def aclose(self) -> None:
        """Let go of what the bytes come from."""
        await close(self._chunks)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What travels beside the arguments of a call; set by every carrier, read with `current_call`."""

    request_id: str = ""
    caller: str = ""
    """On whose behalf it is asked, as opaque text; it goes on to whoever is asked in turn."""
    authorization: str = ""
    """The Authorization header as received; only the gateway and the gitserver read it."""
    accept: str = ""
    """The Accept header as received; Agola's own client sends none."""
    last_event_id: str = ""
    """The Last-Event-ID header as received: where a reader of an event stream goes on."""
    verb: str = ""
    range: str = ""
    """The Range header as received; downloads alone know parts."""
    if_range: str = ""
    if_none_match: str = ""
    remote: str = ""
    """The peer's address, for logs and the audit."""
    headers: Mapping[bytes, bytes] = {}
    """All headers of a request of the public API, their names in lower case."""

    def header(self, name: str) -> str:
        """One header of a request, "" when it has none of that name (given in lower case)."""
        return self.headers.get(name.encode(), b"").decode("latin-1")


_call: ContextVar[Call] = ContextVar("call", default=Call())  # noqa: B039 - it is frozen


def current_call() -> Call:
    """The call being served; an empty one outside of any."""
    return _call.get()


@contextmanager
def calling(call: Call) -> Iterator[None]:
    """Make *call* the current one; for carriers."""
    token = _call.set(call)
    try:
        yield
    finally:
        _call.reset(token)


def on_behalf_of(caller: str) -> None:
    """From here on the current call, and what it asks of others, is made for *caller*."""
    _call.set(msgspec.structs.replace(_call.get(), caller=caller))


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of an endpoint: where it travels and what it must be."""

    name: str
    kind: Kind
    type: Any
    default: Any = inspect.Parameter.empty

    @property
    def is_required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def is_list(self) -> bool:
        """A query parameter that may be given several times."""
        return self.kind == "query" and get_origin(self.type) in (list, tuple, set, frozenset)


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method of a contract as it stands on the wire."""

    name: str
    verb: str
    path: str
    status: int
    waits: bool
    """It may take as long as its *wait* argument says; the caller's cancellation ends it."""
    limit: int
    """Bytes that its body may have."""
    media: str
    """The content type of a raw answer."""
    heads: bool
    """It is a stream that can be asked about with HEAD."""
    tells: Any
    """What each line or message of its stream holds as JSON; None when it is bytes."""
    doc: str
    parameters: tuple[Parameter, ...]
    answer: Any

    @property
    def streams(self) -> bool:
        """Its answer is a stream of bytes."""
        return get_origin(self.answer) is AsyncIterator

    @property
    def pages(self) -> bool:
        """Its answer is one page of a list."""
        return get_origin(self.answer) is Page

    @property
    def has_cursor(self) -> bool:
        """Its answer is one page of a list, or holds one."""
        return get_origin(self.answer) in (Page, Paged)

    @property
    def answer_body(self) -> Any:
        """What a JSON answer's body holds: the items of a page, else the answer itself."""
        if not self.has_cursor:
            return self.answer
        return types.GenericAlias(list, get_args(self.answer)) if self.pages else get_args(self.answer)[0]

    @property
    def body(self) -> Parameter | None:
        """The one argument that travels as the body."""
        return next((p for p in self.parameters if p.kind in ("body", "raw", "stream")), None)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call by name; those left out stay out."""
        bound = dict(zip((p.name for p in self.parameters), args, strict=False), **kwargs)
        for p in self.parameters:
            if p.kind == "path" and bound.get(p.name) == "":
                raise BadRequest(f"{p.name} must not be empty")
        return bound

    def seconds(self, arguments: dict[str, Any]) -> float:
        """How long a call with these arguments may take."""
        if not self.waits:
            return DEADLINE
        waits = [arguments.get("wait", 0.0), *(getattr(value, "wait", 0.0) for value in arguments.values())]
        longest = max(
            float(wait) for wait in waits if isinstance(wait, (int, float)) and not math.isnan(wait)
        )
        return DEADLINE + min(longest, _LONGEST_WAIT)


class _Options(TypedDict, total=False):
    status: int
    waits: bool
    limit: int
    media: str
    heads: bool
    tells: Any


class _Route(msgspec.Struct, frozen=True, kw_only=True):
    verb: str
    path: str
    status: int = 200
    waits: bool = False
    limit: int = BODY_LIMIT
    media: str = "application/octet-stream"
    heads: bool = False
    tells: Any = None


def _route(verb: str, path: str, options: _Options) -> Callable[[F], F]:
    def mark(method: F) -> F:
        method.__route__ = _Route(verb=verb, path=path, **options)  # type: ignore[attr-defined]
        return method

    return mark


def get(path: str, **options: Unpack[_Options]) -> Callable[[F], F]:
    """Declare a method that reads."""
    return _route("GET", path, options)


def post(path: str, **options: Unpack[_Options]) -> Callable[[F], F]:
    """Declare a method that creates or asks for work."""
    return _route("POST", path, options)


def put(path: str, **options: Unpack[_Options]) -> Callable[[F], F]:
    """Declare a method that sets."""
    return _route("PUT", path, options)


def delete(path: str, **options: Unpack[_Options]) -> Callable[[F], F]:
    """Declare a method that removes."""
    return _route("DELETE", path, options)


def endpoints(contract: type[Contract]) -> tuple[Endpoint, ...]:
    """The endpoints of *contract*, in the order of their declaration."""
    return tuple(
        _endpoint(name, method)
        for cls in reversed(contract.__mro__)
        for name, method in vars(cls).items()
        if hasattr(method, "__route__")
    )


def derive(contract: type[C], make: Callable[[Endpoint], Callable[..., Any]]) -> C:
    """An object of the contract's type whose endpoints are made by *make*."""
    methods = {endpoint.name: make(endpoint) for endpoint in endpoints(contract)}
    derived: type[C] = type(contract.__name__, (contract,), methods)
    return derived()


def _endpoint(name: str, method: Callable[..., Any]) -> Endpoint:
    route: _Route = method.__route__  # type: ignore[attr-defined]
    hints = hints_of(method, include_extras=True)
    in_path = set(re.findall(r"{(\w+)}", route.path))
    parameters = tuple(
        parameter
        for p in list(inspect.signature(method).parameters.values())[1:]
        for parameter in _parameters(p, hints[p.name], in_path)
    )
    if sum(p.kind in ("body", "raw", "stream") for p in parameters) > 1:
        raise TypeError(f"{name} has more than one body")
    return Endpoint(
        name=name,
        verb=route.verb,
        path=route.path,
        status=route.status,
        waits=route.waits,
        limit=route.limit,
        media=route.media,
        heads=route.heads,
        tells=route.tells,
        doc=inspect.getdoc(method) or "",
        parameters=parameters,
        answer=hints["return"],
    )


def _parameters(argument: inspect.Parameter, hint: Any, in_path: set[str]) -> list[Parameter]:
    """What stands for an argument on the wire: one parameter, or one for each key of a typed dictionary."""
    name = argument.name
    if argument.kind is not inspect.Parameter.VAR_KEYWORD:
        return [Parameter(name=name, kind=_kind(name, hint, in_path), type=hint, default=argument.default)]
    (keys,) = get_args(hint)
    return [
        Parameter(name=key, kind="query", type=kind, default=None)
        for key, kind in hints_of(keys, include_extras=True).items()
    ]


def _kind(name: str, hint: Any, in_path: set[str]) -> Kind:
    if name in in_path:
        return "path"
    if get_origin(hint) is AsyncIterator:
        return "stream"
    if hint is bytes:
        return "raw"
    return "body" if _holds_structs(hint) else "query"


def _holds_structs(hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (dict, Annotated, Union, types.UnionType, list, tuple):
        return origin is dict or any(_holds_structs(arg) for arg in get_args(hint))
    kept = origin or hint
    return isinstance(kept, type) and issubclass(kept, msgspec.Struct)
