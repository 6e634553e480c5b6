"""The gateway as a whole: it serves what its contract declares, and a derived client can ask it."""

import httpx2
import pytest
from starlette.routing import Route

from tests.services.gateway.conftest import ADMIN_TOKEN, House, project
from tidemill import __version__
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.contracts.gateway.projects import CreateProjectRequest, UpdateProjectRequest
from tidemill.contracts.gateway.users import CreateUserRequest, CreateUserTokenRequest
from tidemill.errors import Forbidden, NotFound
from tidemill.kit.connect import connect
from tidemill.kit.contract import endpoints

pytestmark = pytest.mark.anyio


async def test_every_endpoint_is_served_once(house: House) -> None:
    """With the verb and path of the contract."""
    declared = sorted((endpoint.verb, PREFIX + endpoint.path) for endpoint in endpoints(Gateway))
    served = sorted(
        (next(iter(route.methods - {"HEAD"})), route.path)
        for route in house.gateway.routes()
        if isinstance(route, Route) and route.methods and route.path.startswith(PREFIX)
    )
    assert served == declared


async def test_a_derived_client_speaks_with_it(house: House) -> None:
    """Paths are escaped, pages go on, errors come back as themselves."""
    http = house.nobody._http
    async with (
        httpx2.AsyncClient(
            base_url=http.base_url, headers={"Authorization": f"token {ADMIN_TOKEN}"}
        ) as as_admin,
        httpx2.AsyncClient(base_url=http.base_url) as as_alice,
    ):
        admin = connect(Gateway, as_admin, PREFIX)
        assert (await admin.version()).version == __version__
        for name in ("alice", "bob"):
            await admin.create_user(CreateUserRequest(username=name))
        page = await admin.users(limit="1")
        assert page.cursor
        assert [user.username for user in (await admin.users(cursor=page.cursor, limit="1")).items] == ["bob"]
        token = await admin.create_user_token("alice", CreateUserTokenRequest(token_name="a/b"))
        as_alice.headers["Authorization"] = f"token {token.token}"
        alice = connect(Gateway, as_alice, PREFIX)
        made = await alice.create_project(
            CreateProjectRequest(name="hello", visibility="private", remote_source_name="builtin")
        )
        assert await alice.project("user/alice/hello") == made
        changed = await alice.update_project(made.id, UpdateProjectRequest(visibility="public"))
        assert changed.visibility == "public"
        assert (await alice.project_runs("user/alice/hello", phase=("queued",))).items == []
        assert (await alice.project_pushes("user/alice/hello")).pushes == ()
        with pytest.raises(NotFound) as gone:
            await alice.project_run("user/alice/hello", "1")
        assert gone.value.code == "runDoesNotExist"
        with pytest.raises(Forbidden, match="you may not"):
            await alice.delete_user("bob")
        await alice.delete_user_token("alice", "a/b")


async def test_a_configstore_that_is_away_is_not_an_unknown_token(house: House) -> None:
    """503 says ask again; 401 would make people throw their tokens away."""
    alice = await house.person("alice")
    made = await project(alice, "hello")

    async def away(*_: object) -> None:
        raise TimeoutError

    house.gateway._entrance.door._configstore.user_of_token = away  # type: ignore[method-assign]
    answer = await alice.ask("GET", f"/projects/{made['id']}")
    assert answer.status_code >= 500
    assert (await house.nobody.ask("GET", f"/projects/{made['id']}")).status_code == 200
