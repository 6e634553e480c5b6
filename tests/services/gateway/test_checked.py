"""No route without rights, and no answer of a route whose rights nobody has looked at."""

import pytest
from starlette.routing import Route

from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.users import UserResponse, UserRoutes
from tidemill.contracts.gateway.webhooks import WebhookRoutes
from tidemill.core.permissions import Action
from tidemill.errors import Internal
from tidemill.kit.contract import Contract, endpoints, get
from tidemill.services.gateway.checked import checked, is_open
from tidemill.services.gateway.door import NOBODY
from tidemill.services.gateway.rights import RIGHTS, check_ordinary, right


class Forgetful(UserRoutes):
    """Answers about a user without a look at who asks."""

    async def user(self, userref: str) -> UserResponse:
        return UserResponse(id="1", username=userref)


class Undeclared(Contract):
    """A route that somebody has added."""

    @get("/secret")
    async def no_such_route(self) -> None: ...


def test_every_route_has_rights_and_every_right_a_route() -> None:
    """A route that is added without rights is not served, and fails here; so does what is left over."""
    routes = {one.name for contract in (Gateway, WebhookRoutes) for one in endpoints(contract)}
    assert routes == set(RIGHTS)
    with pytest.raises(TypeError, match="'no_such_route' has no rights"):
        checked(Undeclared, Undeclared())
    with pytest.raises(TypeError, match="'no_such_route' has no rights"):
        is_open(Undeclared)


def test_an_ordinary_route_says_who_may_ask() -> None:
    """Routes that are no part of a contract are named with their paths."""
    check_ordinary([Route("/livez", lambda _: None)])
    with pytest.raises(TypeError, match="/backdoor have no rights"):
        check_ordinary([Route("/livez", lambda _: None), Route("/backdoor", lambda _: None)])


@pytest.mark.anyio
async def test_an_answer_without_a_look_at_rights_is_withheld() -> None:
    """A noun that forgets to ask whether its caller may has failed."""
    users = checked(UserRoutes, Forgetful())
    with pytest.raises(Internal, match=f"has not asked whether its caller may {Action.VIEW_USER}"):
        await users.user(userref="alice")


def test_nobody_is_heard_where_something_may_be_public() -> None:
    """Elsewhere they are turned away before anything is looked at."""
    assert right("project").hears_nobody
    assert not right("project_runs").hears_nobody
    assert not right("explain_project_run").hears_nobody
    assert NOBODY.may(Action.VIEW_PROJECT)
