"""Nouns that are held to the rights of their routes: what was not asked for is not answered."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tidemill.errors import Internal
from tidemill.kit.contract import Contract, Endpoint, derive, endpoints
from tidemill.services.gateway.door import asked_for
from tidemill.services.gateway.rights import Right, right

C = TypeVar("C", bound=Contract)


def checked(contract: type[C], noun: C) -> C:
    """*noun*, whose answers are withheld unless the caller was found to be allowed what the route demands."""

    def make(endpoint: Endpoint) -> Callable[..., Awaitable[Any]]:
        target, demanded = getattr(noun, endpoint.name), right(endpoint.name).action

        async def call(_: C, **arguments: Any) -> Any:
            answer = await target(**arguments)
            if demanded is not None and demanded not in asked_for():
                raise Internal(f"{endpoint.name} has not asked whether its caller may {demanded}")
            return answer

        return call

    return derive(contract, make)


def is_open(contract: type[Contract]) -> bool:
    """Whether nobody looks at who asks; either at all routes of a contract, or at none."""
    rights: list[Right] = [right(endpoint.name) for endpoint in endpoints(contract)]
    openness = {one.is_open for one in rights}
    if len(openness) != 1:
        raise TypeError(f"{contract.__name__} mixes routes at which credentials are looked at with others")
    return openness.pop()
