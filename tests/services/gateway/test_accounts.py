"""What users do with their own accounts: log out, see where they are logged in, change the password."""

from pathlib import Path

import pytest

from tests.conftest import DatabaseUrl
from tests.services.gateway.browser import HOST, ORIGIN, PASSWORD, Browser, account, logged_in
from tests.services.gateway.conftest import House, project, ref
from tidemill.contracts.pushes import AccessRequest
from tidemill.errors import Unauthorized
from tidemill.settings import GatewaySettings

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: what is stored is tested on both engines with the configstore."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


OTHER = "battery staple"


async def test_logging_out_ends_the_session(house: House) -> None:
    """At once, also for who has kept the cookies; the browser is told to forget them."""
    await account(house, "alice")
    browser, elsewhere = await logged_in(house, "alice"), await logged_in(house, "alice")
    kept = dict(browser.cookies)
    answer = await browser.ask("POST", "/auth/logout")
    assert answer.status_code == 204
    assert [cookie.partition("; ")[0] for cookie in answer.headers.get_list("set-cookie")] == [
        "__Host-session=",
        "secondarysession=",
    ]
    assert list(browser.cookies) == ["__Host-csrf"]
    assert await Browser(house.http, cookies=kept).status("GET", "/user") == 401
    assert await elsewhere.status("GET", "/user") == 200
    assert await browser.status("POST", "/auth/logout") == 401
    alice = house.with_token(
        (await elsewhere.ask("POST", "/users/alice/tokens", {"token_name": "t"})).json()["token"]
    )
    assert await alice.failure("POST", "/auth/logout") == (400, "notASession")


async def test_a_user_sees_their_sessions(house: House) -> None:
    """Newest first, without what opens them; which one this is, is said."""
    await account(house, "alice")
    first = await logged_in(house, "alice")
    second = await logged_in(house, "alice")
    shown = (await second.ask("GET", "/users/alice/sessions")).json()["sessions"]
    assert sorted(one["current"] for one in shown) == [False, True]
    assert list(shown[0]) == ["id", "created_at", "expires_at", "address", "agent", "current"]
    assert {one["address"] for one in shown} == {"127.0.0.1"}
    assert all("httpx" in one["agent"] for one in shown)
    for secret in (*first.cookies.values(), *second.cookies.values()):
        assert secret not in str(shown)
    mine = next(one["id"] for one in shown if one["current"])
    theirs = next(one["id"] for one in shown if not one["current"])
    assert await second.status("DELETE", f"/users/alice/sessions/{theirs}") == 204
    assert await first.status("GET", "/user") == 401
    again = await second.ask("DELETE", f"/users/alice/sessions/{theirs}")
    assert (again.status_code, again.json()[0]["code"]) == (404, "sessionDoesNotExist")
    (left,) = (await house.admin.get("/users/alice/sessions"))["sessions"]
    assert (left["id"], left["current"]) == (mine, False)
    assert await second.status("DELETE", "/users/alice/sessions") == 204
    assert await second.status("GET", "/user") == 401


async def test_sessions_are_nobody_elses_business(house: House) -> None:
    """But an administrator's."""
    await account(house, "alice")
    browser = await logged_in(house, "alice")
    bob = await house.person("bob")
    (session,) = (await house.admin.get("/users/alice/sessions"))["sessions"]
    assert not session["current"]
    one = f"/users/alice/sessions/{session['id']}"
    for verb, path in (
        ("GET", "/users/alice/sessions"),
        ("DELETE", "/users/alice/sessions"),
        ("DELETE", one),
    ):
        assert await bob.failure(verb, path) == (403, "forbidden")
        assert await house.nobody.failure(verb, path) == (401, "unauthorized")
    assert await bob.failure("DELETE", f"/users/bob/sessions/{session['id']}") == (404, "sessionDoesNotExist")
    assert await browser.status("GET", "/user") == 200
    assert (await house.admin.ask("DELETE", one)).status_code == 204
    assert await browser.status("GET", "/user") == 401


async def test_a_new_password_ends_all_other_sessions(house: House) -> None:
    """The one that it is changed in goes on; tokens stay."""
    await account(house, "alice")
    here, elsewhere = await logged_in(house, "alice"), await logged_in(house, "alice")
    token = (await here.ask("POST", "/users/alice/tokens", {"token_name": "t"})).json()["token"]
    body = {"old_password": PASSWORD, "password": OTHER}
    answer = await here.ask("PUT", "/users/alice/password", body)
    assert (answer.status_code, answer.content) == (204, b"")
    assert [await one.status("GET", "/user") for one in (here, elsewhere)] == [200, 401]
    assert (await Browser(house.http).log_in("alice", PASSWORD)).status_code == 401
    assert (await Browser(house.http).log_in("alice", OTHER)).status_code == 201
    alice = house.with_token(token)
    assert (
        await alice.ask("PUT", "/users/alice/password", {"old_password": OTHER, "password": PASSWORD})
    ).status_code == 204
    assert await here.status("GET", "/user") == 401, "it was changed elsewhere, with a token"


async def test_who_may_set_a_password(house: House) -> None:
    """The user who knows the old one, or has none yet; an administrator for anybody else."""
    await account(house, "alice")
    bob = await house.person("bob")
    here = await logged_in(house, "alice")
    path = "/users/alice/password"

    async def tried(**body: str) -> tuple[int, str]:
        answer = await here.ask("PUT", path, body)
        return answer.status_code, answer.json()[0]["code"]

    assert await tried(password=OTHER) == (403, "wrongPassword")
    assert await tried(password=OTHER, old_password="wrong one") == (403, "wrongPassword")
    assert await tried(password="short", old_password=PASSWORD) == (400, "invalidPassword")
    assert await bob.failure("PUT", path, {"password": OTHER, "old_password": PASSWORD}) == (403, "forbidden")
    assert await house.nobody.failure("PUT", path, {"password": OTHER}) == (401, "unauthorized")
    assert await house.admin.failure("PUT", "/users/carol/password", {"password": OTHER}) == (
        404,
        "userDoesNotExist",
    )
    assert (await bob.ask("PUT", "/users/bob/password", {"password": OTHER})).status_code == 204
    assert await bob.failure("PUT", "/users/bob/password", {"password": PASSWORD}) == (403, "wrongPassword")
    await house.admin.ask("PUT", "/users/alice/admin", {"admin": True})
    assert await tried(password=OTHER) == (403, "wrongPassword"), (
        "of their own also administrators know the old one"
    )
    assert await here.status("PUT", "/users/bob/password", {"password": PASSWORD}) == 204
    assert (await Browser(house.http).log_in("bob", PASSWORD)).status_code == 201


async def test_a_disabled_user_is_let_in_by_nothing(house: House) -> None:
    """Neither token nor session nor password, not at git either; once enabled, by all of them."""
    await account(house, "alice")
    browser = await logged_in(house, "alice")
    made = await browser.ask("POST", "/users/alice/tokens", {"token_name": "t"})
    alice = house.with_token(made.json()["token"])
    hello = (await project(alice, "hello"))["id"]

    async def opened() -> list[bool]:
        login = await Browser(house.http).log_in("alice")
        asked = [await alice.ask("GET", "/user"), await browser.ask("GET", "/user"), login]
        wanted = AccessRequest(path="user/alice/hello", write=True, password=str(alice.token))
        try:
            git = (await house.gateway.access(wanted)).project == hello
        except Unauthorized:
            git = False
        return [*(one.is_success for one in asked), git]

    assert await opened() == [True] * 4
    assert (await house.admin.ask("PUT", "/users/alice/disabled", {"disabled": True})).status_code == 204
    assert await opened() == [False] * 4
    told = [(await Browser(house.http).log_in("alice", given)).json() for given in (PASSWORD, OTHER)]
    assert told[0] == told[1], "what a wrong password is told"
    assert (await house.admin.get(f"/projects/{hello}"))["name"] == "hello"
    assert (await house.admin.ask("PUT", "/users/alice/disabled", {"disabled": False})).status_code == 204
    assert await opened() == [True] * 4


async def test_who_may_disable_whom(house: House) -> None:
    """Administrators, everybody but themselves; lists say who is, and nothing of others."""
    root, bob = await house.person("root"), await house.person("bob")
    await house.admin.ask("PUT", "/users/root/admin", {"admin": True})
    off = {"disabled": True}
    assert await bob.failure("PUT", "/users/root/disabled", off) == (403, "forbidden")
    assert await house.nobody.failure("PUT", "/users/bob/disabled", off) == (401, "unauthorized")
    me = (await root.get("/user"))["id"]
    for mine in ("root", me):
        refused = await root.failure("PUT", f"/users/{mine}/disabled", off)
        assert refused == (400, "cannotDisableYourself")
    assert (await root.ask("PUT", "/users/root/disabled", {"disabled": False})).status_code == 204
    assert await root.failure("PUT", "/users/carol/disabled", off) == (404, "userDoesNotExist")
    assert await root.failure("PUT", "/users/bob/disabled", {}) == (400, "badRequest")
    assert (await root.ask("PUT", "/users/bob/disabled", off)).status_code == 204
    listed = {user["username"]: user for user in await root.get("/users")}
    assert listed["bob"]["disabled"] is True
    assert "disabled" not in listed["root"]
    (entry,) = await root.get("/audit?action=user.update&limit=1")
    assert (entry["path"], entry["fields"]) == ("user/bob", ["is_disabled"])
    assert (await house.admin.ask("PUT", "/users/root/disabled", off)).status_code == 204


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
async def test_foreign_pages_change_nothing(house: House, verb: str) -> None:
    """T32: on Agola's routes and on ours; to the letter for who sends no Accept header."""
    await account(house, "alice")
    browser = await logged_in(house, "alice")
    path = {"POST": "/auth/logout", "PUT": "/users/alice/password", "DELETE": "/users/alice/tokens/t"}[verb]
    token = browser.token
    cases: list[tuple[dict[str, str | None], str]] = [
        ({"origin": "https://evil.example"}, "origin invalid"),
        ({"origin": "null"}, "origin invalid"),
        ({"origin": None}, "referer not supplied"),
        ({"origin": None, "referer": f"http://{HOST}/"}, "referer invalid"),
        ({"x-csrf-token": None}, "CSRF token not found in request"),
        ({"x-csrf-token": "A" * 88}, "CSRF token invalid"),
    ]
    for headers, reason in cases:
        told = await browser.ask(verb, path, {}, headers=headers)
        assert (told.status_code, told.json()[0]["code"]) == (403, "csrfRefused")
        answer = await browser.ask(verb, path, {}, headers={"x-csrf-token": token} | headers, accept=False)
        assert (answer.status_code, answer.content) == (403, f"Forbidden - {reason}\n".encode())
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-csrf-token"]
    assert await browser.status("GET", "/user") == 200, "still logged in"
    retried = await browser.ask(verb, path, {}, headers={"origin": None, "referer": f"{ORIGIN}/page"})
    assert retried.status_code in (204, 400, 404)
    assert "csrfRefused" not in retried.text


async def test_a_token_needs_no_second_token(house: House) -> None:
    """No page can add one; the header of the answer is there, and empty. Sessions get a new one each time."""
    alice = await house.person("alice")
    answer = await alice.ask(
        "POST", "/users/alice/tokens", {"token_name": "x"}, headers={"origin": "https://evil.example"}
    )
    assert (answer.status_code, answer.headers["x-csrf-token"]) == (201, "")
    assert "set-cookie" not in answer.headers
    assert "vary" not in answer.headers
    await account(house, "bob")
    browser = await logged_in(house, "bob")
    seen = {browser.token}
    for path in ("/user", "/users/none", "/user"):
        await browser.ask("GET", path)
        seen.add(browser.token)
    assert len(seen) == 4
    unknown = await house.with_token("unknown").ask("GET", "/user")
    assert "x-csrf-token" not in unknown.headers, "nobody was let in"
    assert "x-csrf-token" not in (await house.nobody.ask("GET", "/version")).headers


async def test_nobody_gets_a_token_for_later_too(house: House) -> None:
    """Where nobody need say who they are; it is good for the session that begins with it."""
    alice = await house.person("alice")
    await house.admin.ask("PUT", "/users/alice/password", {"password": PASSWORD})
    await project(alice, "p")
    browser = Browser(house.http)
    assert await browser.status("GET", f"/projects/{ref('user/alice/p')}") == 200
    assert list(browser.cookies) == ["__Host-csrf"]
    token = browser.token
    assert (await browser.log_in("alice")).status_code == 201
    answer = await browser.ask(
        "POST", "/users/alice/tokens", {"token_name": "x"}, headers={"x-csrf-token": token}
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "settings", [GatewaySettings(allowed_origins=("https://web.example",))], ids=["allowed"]
)
async def test_a_page_that_the_settings_allow(house: House) -> None:
    """It logs in, acts and reads the answers; another one does not."""
    await account(house, "alice")
    browser = Browser(house.http)
    page: dict[str, str | None] = {"origin": "https://web.example"}
    body = {"remote_source_name": "builtin", "login_name": "alice", "password": PASSWORD}
    answer = await browser.ask("POST", "/auth/login", body, headers=page)
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == "https://web.example"
    await browser.ask("GET", "/user", headers=page)
    made = await browser.ask("POST", "/users/alice/tokens", {"token_name": "t"}, headers=page)
    assert (made.status_code, made.headers["access-control-allow-credentials"]) == (201, "true")
    assert set(made.headers["vary"].split(", ")) == {"Cookie", "Origin"}
    evil = await browser.ask(
        "POST", "/users/alice/tokens", {"token_name": "u"}, headers={"origin": "https://evil.example"}
    )
    assert evil.status_code == 403
    assert "access-control-allow-origin" not in evil.headers
