"""Lists that come in pages, gone through as one."""

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, ParamSpec, TypeVar, overload

from tidemill.kit.contract import Endpoint, Page

P = ParamSpec("P")
T = TypeVar("T")

#: What the place behind which a page begins is called.
_PLACES = ("cursor", "after")


@overload
def each(
    call: Callable[P, Coroutine[Any, Any, Page[T]]], *args: P.args, **kwargs: P.kwargs
) -> AsyncIterator[T]: ...
@overload
def each(call: Callable[P, Page[T]], *args: P.args, **kwargs: P.kwargs) -> Iterator[T]: ...
def each(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Every item of the list that *call* answers a page of, as the pages are wanted.

    `async for run in each(tidemill.runs.project_runs, "user/alice/hello", phase=("running",))`; with a
    client of `tidemill.contracts.client.sync` the same with `for`.
    """
    endpoint: Endpoint | None = getattr(call, "__endpoint__", None)
    place = next((p.name for p in endpoint.parameters if p.name in _PLACES), "") if endpoint else ""
    if endpoint is None or not endpoint.pages or not place:
        raise TypeError("each goes through lists whose method answers a Page and takes a cursor")
    given = endpoint.bind(args, kwargs)
    return (_each if inspect.iscoroutinefunction(call) else _each_in_turn)(call, given, endpoint, place)


async def _each(
    call: Callable[..., Any], given: dict[str, Any], endpoint: Endpoint, place: str
) -> AsyncIterator[Any]:
    page = await call(**given)
    while True:
        for item in page.items:
            yield item
        if not page.cursor:
            return
        page = await call(**_following(given, endpoint, place, page.cursor))


def _each_in_turn(
    call: Callable[..., Any], given: dict[str, Any], endpoint: Endpoint, place: str
) -> Iterator[Any]:
    page = call(**given)
    while True:
        yield from page.items
        if not page.cursor:
            return
        page = call(**_following(given, endpoint, place, page.cursor))


def _following(given: dict[str, Any], endpoint: Endpoint, place: str, cursor: str) -> dict[str, Any]:
    """The arguments of the next page: a cursor brings its own direction and filters, a name does not."""
    kept = dict(given)
    if place == "cursor":
        stays = {p.name for p in endpoint.parameters if p.is_required} | {"limit"}
        kept = {name: value for name, value in given.items() if name in stays}
    return {**kept, place: cursor}
