"""Routes sorted by their number of segments, so that a request is not compared with all of them."""

from collections.abc import Sequence

from starlette.convertors import StringConvertor
from starlette.routing import BaseRoute, Route, Router

#: The depth of routes that may match any number of segments.
ANY_DEPTH = -1


def by_depth(routes: Sequence[BaseRoute]) -> dict[int, Router]:
    """A router for every depth that *routes* have, and one for whatever is at no such depth."""
    sorted_in = [(_depth(route), route) for route in routes]
    return {
        wanted: Router([r for depth, r in sorted_in if depth in (wanted, ANY_DEPTH)], redirect_slashes=False)
        for wanted in {ANY_DEPTH, *(depth for depth, _ in sorted_in)}
    }


def _depth(route: BaseRoute) -> int:
    if not isinstance(route, Route):
        return ANY_DEPTH
    plain = all(isinstance(kind, StringConvertor) for kind in route.param_convertors.values())
    return route.path.count("/") if plain else ANY_DEPTH
