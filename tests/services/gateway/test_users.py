"""Users, tokens and who one is, through the public API."""

from pathlib import Path

import pytest
import structlog

from tests.conftest import DatabaseUrl
from tests.services.gateway.conftest import ADMIN_TOKEN, House, Person, project

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: what is stored here is the configstore's business, which is tested on both engines."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


async def test_an_administrator_makes_users(house: House) -> None:
    """Their answer has exactly the reference's keys."""
    made = await house.admin.ask("POST", "/users", {"username": "alice"})
    assert made.status_code == 201
    assert made.headers["content-type"] == "application/json"
    user = made.json()
    assert list(user) == ["id", "username"]
    assert await house.admin.get("/users/alice") == await house.admin.get(f"/users/{user['id']}") == user
    assert await house.admin.failure("POST", "/users", {"username": "alice"}) == (400, "userAlreadyExists")
    assert await house.admin.failure("POST", "/users", {"username": "a_b"}) == (400, "invalidUserName")
    assert await house.admin.failure("GET", "/users/bob") == (404, "userDoesNotExist")


async def test_a_user_sees_themselves(house: House) -> None:
    """With the names of their tokens; the admin token is nobody."""
    alice = await house.person("alice")
    await alice.ask("POST", "/users/alice/tokens", {"token_name": "ci"})
    me = await alice.get("/user")
    assert list(me) == ["id", "username", "tokens", "linked_accounts"]
    assert (me["username"], me["tokens"], me["linked_accounts"]) == ("alice", ["ci", "t"], [])
    assert await house.admin.failure("GET", "/user") == (403, "forbidden")
    assert await house.nobody.failure("GET", "/user") == (401, "unauthorized")


async def test_only_an_administrator_lists_users(house: House) -> None:
    """Agola's own client gets the 401 that it knows, everybody else the right 403."""
    alice = await house.person("alice")
    assert [user["username"] for user in await house.admin.get("/users")] == ["alice"]
    assert await alice.as_agola("GET", "/users") == (401, b"[]")
    assert await alice.failure("GET", "/users") == (403, "forbidden")
    assert await alice.failure("GET", "/users?limit=x") == (400, "invalidLimit")
    assert await house.nobody.failure("GET", "/users?limit=x") == (401, "unauthorized")
    assert await alice.failure("POST", "/users", {"username": "bob"}) == (403, "forbidden")
    assert await alice.failure("DELETE", "/users/alice") == (403, "forbidden")


async def test_users_come_in_pages(house: House) -> None:
    """Nine in pages of two are five calls, ten are five too: the last page knows that it is last."""
    for number in range(9):
        await house.admin.ask("POST", "/users", {"username": f"user{number}"})

    async def walk(query: str) -> list[list[str]]:
        pages, cursor = [], ""
        while True:
            page = await house.admin.ask("GET", f"/users?limit=2{cursor or query}")
            assert page.status_code == 200, page.text
            pages.append([user["username"][4:] for user in page.json()])
            if not page.headers["X-Agola-Cursor"]:
                return pages
            cursor = f"&cursor={page.headers['X-Agola-Cursor']}"

    assert await walk("") == [["0", "1"], ["2", "3"], ["4", "5"], ["6", "7"], ["8"]]
    assert await walk("&sortdirection=desc") == [["8", "7"], ["6", "5"], ["4", "3"], ["2", "1"], ["0"]]
    await house.admin.ask("POST", "/users", {"username": "user9"})
    assert len(await walk("")) == 5
    assert len(await house.admin.get("/users?limit=0")) == 10


async def test_by_remote_user(house: House) -> None:
    """Nobody has a linked account yet; what is unknown is said."""
    query = "/users?query_type=byremoteuser&remoteuserid=1&remotesourceref="
    assert await house.admin.failure("GET", f"{query}builtin") == (404, "linkedAccountDoesNotExist")
    assert await house.admin.failure("GET", f"{query}none") == (404, "remoteSourceDoesNotExist")
    assert await house.admin.failure("GET", "/users?query_type=odd") == (400, "badRequest")


async def test_tokens_are_ones_own(house: House) -> None:
    """A stranger is refused with 400 as the reference has it; the token is shown once."""
    alice, bob = await house.person("alice"), await house.person("bob")
    made = await alice.ask("POST", "/users/alice/tokens", {"token_name": "ci"})
    assert made.status_code == 201
    assert list(made.json()) == ["token"]
    again = house.with_token(made.json()["token"])
    assert (await again.get("/user"))["username"] == "alice"
    tokens = "/users/alice/tokens"
    assert await bob.failure("POST", tokens, {"token_name": "x"}) == (400, "badRequest")
    assert await bob.failure("DELETE", f"{tokens}/ci") == (400, "badRequest")
    assert await alice.failure("POST", tokens, {"token_name": "ci"}) == (400, "userTokenAlreadyExists")
    assert await alice.failure("POST", tokens, {}) == (400, "badRequest")
    assert await alice.failure("POST", "/users/carol/tokens", {"token_name": "x"}) == (
        404,
        "userDoesNotExist",
    )
    assert (await alice.ask("DELETE", f"{tokens}/ci")).status_code == 204
    assert await alice.failure("DELETE", f"{tokens}/ci") == (404, "userTokenDoesNotExist")
    assert await again.failure("GET", "/user") == (401, "unauthorized")


async def test_a_token_name_is_one_escaped_segment(house: House) -> None:
    """Whatever characters it has."""
    alice = await house.person("alice")
    assert (
        await alice.ask("POST", "/users/alice/tokens", {"token_name": "my/laptop 100%"})
    ).status_code == 201
    assert (await alice.ask("DELETE", "/users/alice/tokens/my%2Flaptop%20100%25")).status_code == 204


@pytest.mark.parametrize("scheme", ["token", "Token", "TOKEN", "token  "])
async def test_the_scheme_is_read_in_any_case(house: House, scheme: str) -> None:
    """And white space before the token is none of it."""
    header = {"Authorization": f"{scheme} {ADMIN_TOKEN}"}
    assert (await house.nobody.ask("GET", "/users", headers=header)).status_code == 200


@pytest.mark.parametrize("value", ["", "token", "Basic eDp5", "Bearer the-admin-token", ADMIN_TOKEN])
async def test_what_is_no_token_is_nobody(house: House, value: str) -> None:
    """Nobody is 401 where somebody is needed, and welcome where nobody needs to be known."""
    header = {"Authorization": value}
    assert (await house.nobody.ask("GET", "/users/alice", headers=header)).status_code == 401
    assert (await house.nobody.ask("GET", "/version", headers=header)).status_code == 200
    answer = await house.nobody.ask("GET", "/projects/none", headers=header)
    assert answer.status_code == 404


async def test_an_unknown_token_is_refused_at_once(house: House) -> None:
    """Also where nobody needs to be known, but not where credentials are not looked at."""
    stranger = house.with_token("f" * 40)
    assert await stranger.failure("GET", "/projects/none") == (401, "unauthorized")
    assert await stranger.as_agola("GET", "/projects/none") == (401, b"[]")
    assert await stranger.failure("POST", "/users", None) == (401, "unauthorized")
    assert (await stranger.get("/version"))["service"] == "gateway"
    assert [source["name"] for source in await stranger.get("/remotesources")] == ["builtin"]


async def test_the_version_is_for_everybody(house: House) -> None:
    """Byte for byte."""
    assert await house.nobody.as_agola("GET", "/version") == (
        200,
        b'{"service":"gateway","version":"0.1.0"}',
    )


async def test_a_deleted_user_takes_repositories_along(house: House) -> None:
    """Their projects' repositories are removed soon after."""
    alice = await house.person("alice")
    made = await project(alice, "hello")
    answer = await house.admin.ask("DELETE", "/users/alice")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await house.admin.failure("GET", "/users/alice") == (404, "userDoesNotExist")
    assert await alice.failure("GET", "/user") == (401, "unauthorized")
    await house.gateway._removing.work()
    assert house.git.deleted[0] == made["id"]


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"username":5}', b'{"username":"\xff\xfe"}', b'{"username":"a\\u0000b"}']
)
async def test_a_bad_body_is_one_clear_error(house: House, raw: bytes) -> None:
    """400 for everybody, `[]` for Agola's client; who may not ask is told that first."""
    answer = await house.admin.ask("POST", "/users", raw=raw)
    assert answer.status_code == 400
    (error,) = answer.json()
    assert error["message"]
    bare = await house.admin.ask("POST", "/users", raw=raw, accept=False)
    assert bare.status_code == 400
    assert bare.content in (b"[]", b'[{"code":"invalidUserName","details":null}]')
    assert (await house.nobody.ask("POST", "/users", raw=raw)).status_code == 401


async def test_a_body_is_not_too_large(house: House) -> None:
    """A megabyte at the most; Agola's client gets its own words."""
    large = b'{"username":"' + b"a" * 1024 * 1024 + b'"}'
    answer = await house.admin.ask("POST", "/users", raw=large)
    assert (answer.status_code, answer.json()[0]["code"]) == (413, "tooLarge")
    bare = await house.admin.ask("POST", "/users", raw=large, accept=False)
    assert (bare.status_code, bare.content) == (417, b"request too large\n")


@pytest.mark.parametrize(
    ("verb", "path"), [("GET", "/nowhere"), ("PATCH", "/users"), ("GET", "/users/"), ("DELETE", "/version")]
)
async def test_an_unknown_route_is_agolas_404(house: House, verb: str, path: str) -> None:
    """A newline as text, whatever was asked."""
    assert await house.admin.as_agola(verb, path) == (404, b"\n")


async def test_tokens_are_never_logged(house: House) -> None:
    """Neither when they are made, nor used, nor wrong."""
    with structlog.testing.capture_logs() as logs:
        alice = await house.person("alice")
        await alice.get("/user")
        wrong = Person(house.http, "e" * 40)
        await wrong.ask("GET", "/user")
    assert logs
    text = repr(logs)
    assert alice.token
    for token in (alice.token, wrong.token, ADMIN_TOKEN):
        assert token not in text
