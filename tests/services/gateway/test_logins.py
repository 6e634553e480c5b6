"""Logging in, registering, and what a session opens."""

from pathlib import Path
from typing import Any

import anyio
import pytest
import structlog

from tests.conftest import Clock, DatabaseUrl
from tests.services.gateway.browser import PASSWORD, Browser, account, logged_in
from tests.services.gateway.conftest import House, project, ref
from tidemill.settings import GatewaySettings

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: what is stored is tested on both engines with the configstore."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


def set_to(**settings: Any) -> pytest.MarkDecorator:
    """With these settings of the gateway."""
    return pytest.mark.parametrize("settings", [GatewaySettings(**settings)], ids=[",".join(settings)])


async def test_a_login_begins_a_session(house: House) -> None:
    """In two cookies with the reference's names and attributes; 201, and the answer has its keys."""
    alice = await account(house, "alice")
    browser = Browser(house.http)
    answer = await browser.log_in("alice")
    assert answer.status_code == 201
    assert answer.content == b'{"oauth2_redirect":"","user":{"id":"%s","username":"alice"}}' % alice.encode()
    assert answer.headers["cache-control"] == "no-store"
    assert "x-csrf-token" not in answer.headers
    first, second = answer.headers.get_list("set-cookie")
    assert first.partition("; ")[2] == "Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Strict"
    assert second.partition("; ")[2] == "Path=/; Max-Age=43200; Secure; SameSite=Strict"
    assert list(browser.cookies) == ["__Host-session", "secondarysession"]
    me = await browser.ask("GET", "/user")
    assert (me.status_code, me.json()["username"]) == (200, "alice")
    assert list(browser.cookies) == ["__Host-session", "secondarysession", "__Host-csrf"]


@set_to(unsecure_cookies=True, session_duration=600.0)
async def test_cookies_for_plain_http(house: House) -> None:
    """Have plain names, and last as the settings say."""
    await account(house, "alice")
    browser = Browser(house.http)
    first, second = (await browser.log_in("alice")).headers.get_list("set-cookie")
    assert first.partition("; ")[2] == "Path=/; Max-Age=600; HttpOnly; SameSite=Strict"
    assert second.partition("; ")[2] == "Path=/; Max-Age=600; SameSite=Strict"
    assert await browser.status("GET", "/user") == 200
    assert list(browser.cookies) == ["session", "secondarysession", "csrf"]


async def test_both_cookies_are_needed(house: House) -> None:
    """And the second must be the one that was made for the first; anything else is nobody."""
    await account(house, "alice")
    await account(house, "bob")
    browser, other = await logged_in(house, "alice"), await logged_in(house, "bob")
    names = ("__Host-session", "secondarysession")
    mine, theirs = [{name: one.cookies[name] for name in names} for one in (browser, other)]
    for cookies in (
        {"__Host-session": mine["__Host-session"]},
        {"secondarysession": mine["secondarysession"]},
        {**mine, "secondarysession": theirs["secondarysession"]},
        {**mine, "secondarysession": ""},
        {**mine, "__Host-session": mine["__Host-session"] + "x"},
        {"session": mine["__Host-session"], "secondarysession": mine["secondarysession"]},
    ):
        stranger = Browser(house.http, cookies=cookies)
        assert await stranger.status("GET", "/user") == 401
    assert await Browser(house.http, cookies=mine).status("GET", "/user") == 200


async def test_a_token_goes_before_a_session(house: House) -> None:
    """A known one says who asks, an unknown one is 401 at once; what is no token leaves it to the session."""
    await account(house, "alice")
    bob = await house.person("bob")
    browser = await logged_in(house, "alice")

    async def who(authorization: str) -> str | int:
        answer = await browser.ask("GET", "/user", headers={"authorization": authorization})
        return str(answer.json()["username"]) if answer.status_code == 200 else answer.status_code

    assert await who(f"token {bob.token}") == "bob"
    assert await who("token unknown") == 401
    for nothing in ("token", "Token", f"Bearer {bob.token}", "Basic eDp5", ""):
        assert await who(nothing) == "alice"
    await house.admin.ask("DELETE", "/users/bob/tokens/t")
    assert await who(f"token {bob.token}") == 401


async def test_a_session_sees_what_its_user_sees(house: House) -> None:
    """Also where nobody need say who they are; when it is over, it is nobody there."""
    await account(house, "alice")
    browser = await logged_in(house, "alice")
    made = await browser.ask(
        "POST",
        "/projects",
        {"name": "p", "parent_ref": "user/alice", "visibility": "private", "remote_source_name": "builtin"},
    )
    assert made.status_code == 201, made.text
    path = f"/projects/{ref('user/alice/p')}"
    assert await browser.status("GET", path) == 200
    assert await Browser(house.http).status("GET", path) == 403
    await house.admin.ask("DELETE", "/users/alice/sessions")
    assert await browser.status("GET", path) == 403
    assert await browser.status("GET", "/user") == 401


async def test_a_session_ends_after_its_time(house: House, clock: Clock) -> None:
    """On the server, whatever the browser keeps."""
    await account(house, "alice")
    browser = await logged_in(house, "alice")
    clock.advance(43199)
    assert await browser.status("GET", "/user") == 200
    clock.advance(1)
    assert await browser.status("GET", "/user") == 401


async def test_who_cannot_log_in(house: House) -> None:
    """Sources that there are not are 404; whoever is wrong is told the same, and gets no cookie."""
    await account(house, "alice")
    await house.person("bob")
    for name, password, source, expected in [
        ("alice", PASSWORD, "none", (404, "remoteSourceDoesNotExist")),
        ("alice", PASSWORD, "", (404, "remoteSourceDoesNotExist")),
        ("alice", "wrong password", "builtin", (401, "wrongPassword")),
        ("alice", "", "builtin", (401, "wrongPassword")),
        ("bob", PASSWORD, "builtin", (401, "wrongPassword")),
        ("carol", PASSWORD, "builtin", (401, "wrongPassword")),
        ("", PASSWORD, "builtin", (401, "wrongPassword")),
        ("a/b\\c", PASSWORD, "builtin", (401, "wrongPassword")),
    ]:
        browser = Browser(house.http)
        answer = await browser.log_in(name, password, source)
        assert (answer.status_code, answer.json()[0]["code"]) == expected
        assert browser.cookies == {}
    body = {"remote_source_name": "builtin", "login_name": "alice", "password": "wrong password"}
    assert await house.nobody.as_agola("POST", "/auth/login", body) == (
        401,
        b'[{"code":"wrongPassword","details":null}]',
    )


async def test_accounts_of_other_hosts_come_later(house: House) -> None:
    """Their sources can be there already; logging in by them is refused, not broken."""
    source = {"name": "forge", "apiurl": "https://forge.example", "type": "gitea", "auth_type": "password"}
    assert (await house.admin.ask("POST", "/remotesources", source)).status_code == 201
    for path in ("/auth/login", "/auth/authorize", "/auth/register"):
        body = {"remote_source_name": "forge", "login_name": "a", "password": "b", "username": "alice"}
        assert await house.nobody.failure("POST", path, body) == (400, "remoteSourceNotSupported")


async def test_credentials_are_checked_without_a_session(house: House) -> None:
    """`authorize` answers who it is, with Go's keys."""
    alice = await account(house, "alice")
    browser = Browser(house.http)
    body = {"remote_source_name": "builtin", "login_name": "alice", "password": PASSWORD}
    answer = await browser.ask("POST", "/auth/authorize", body)
    assert answer.status_code == 201
    assert answer.content == (
        b'{"oauth2_redirect":"","remote_user_info":{"ID":"%s","LoginName":"alice","Email":""},'
        b'"remote_source_name":"builtin"}' % alice.encode()
    )
    assert browser.cookies == {}
    wrong = {**body, "password": "wrong password"}
    assert await house.nobody.failure("POST", "/auth/authorize", wrong) == (401, "wrongPassword")


@pytest.mark.parametrize("path", ["/auth/login", "/auth/authorize", "/auth/register"])
@pytest.mark.parametrize("raw", [b"null", b"{}", b"null trailing", b'{"PASSWORD":null}'])
async def test_an_empty_body_is_no_crash(house: House, path: str, raw: bytes) -> None:
    """Where Agola's handlers meet a nil pointer."""
    answer = await house.nobody.ask("POST", path, raw=raw, accept=False)
    assert (answer.status_code, answer.content) == (
        404,
        b'[{"code":"remoteSourceDoesNotExist","details":null}]',
    )
    assert (await house.nobody.ask("POST", path, raw=b"", accept=False)).status_code == 400


async def test_nobody_registers_unless_the_settings_allow_it(house: House) -> None:
    """The name is looked at first, as the reference has it."""
    body = {"remote_source_name": "builtin", "username": "a_b", "remote_source_login_password": PASSWORD}
    assert await house.nobody.failure("POST", "/auth/register", body) == (400, "invalidUserName")
    body["username"] = "alice"
    assert await house.nobody.failure("POST", "/auth/register", body) == (400, "registrationDisabled")


@set_to(registration=True)
async def test_somebody_registers(house: House) -> None:
    """With a password, and without a session; names and passwords are looked at."""
    body = {"remote_source_name": "builtin", "username": "alice", "remote_source_login_password": PASSWORD}
    browser = Browser(house.http)
    made = await browser.ask("POST", "/auth/register", body)
    assert (made.status_code, made.content, browser.cookies) == (201, b'{"oauth2_redirect":""}', {})
    assert (await browser.log_in("alice")).status_code == 201
    assert (await browser.ask("GET", "/user")).json()["tokens"] == []
    register = "/auth/register"
    assert await house.nobody.failure("POST", register, body) == (400, "userAlreadyExists")
    short = {**body, "username": "bob", "remote_source_login_password": "short"}
    assert await house.nobody.failure("POST", register, short) == (400, "invalidPassword")
    other = {**body, "username": "bob", "remote_source_login_name": "carol"}
    assert await house.nobody.failure("POST", register, other) == (400, "badRequest")
    assert await house.admin.failure("GET", "/users/bob") == (404, "userDoesNotExist")


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=y", "?state=%00"])
async def test_nobody_comes_back_from_a_login_that_was_not_begun(house: House, query: str) -> None:
    """T34: a state that we have not made is refused, whatever it is."""
    status, code = await house.nobody.failure("GET", f"/auth/oauth2/callback{query}")
    assert (status, code) == (400, "badRequest" if "%00" in query else "invalidState")


async def test_a_foreign_page_logs_nobody_in(house: House) -> None:
    """T32: else it could have a user work in its own account; who states no origin is no page."""
    await account(house, "alice")
    body = {"remote_source_name": "builtin", "login_name": "alice", "password": PASSWORD}
    browser = Browser(house.http)
    for origin in ("https://evil.example", "null", "http://ci.example"):
        answer = await browser.ask("POST", "/auth/login", body, headers={"origin": origin})
        assert (answer.status_code, answer.json()[0]["code"], browser.cookies) == (403, "csrfRefused", {})
    assert (await browser.ask("POST", "/auth/login", body, headers={"origin": None})).status_code == 201


async def test_no_password_is_logged(house: House) -> None:
    """T42: nor a session's secret, whether the login succeeds or not, or the body is wrong."""
    await account(house, "alice")
    with structlog.testing.capture_logs() as logs:
        browser = await logged_in(house, "alice")
        await Browser(house.http).log_in("alice", "another password")
        wrong = await browser.ask("POST", "/auth/login", {"password": [PASSWORD], "login_name": 5})
        await browser.ask("PUT", "/users/alice/password", {"password": PASSWORD, "old_password": PASSWORD})
    assert len(logs) >= 4
    for secret in (PASSWORD, "another password", *browser.cookies.values()):
        assert secret not in str(logs)
        assert secret not in wrong.text


async def test_a_user_who_goes_is_logged_out(house: House) -> None:
    """At once, also where a stream is being read."""
    await account(house, "alice")
    browser = await logged_in(house, "alice")
    with anyio.fail_after(20):
        assert (await house.admin.ask("DELETE", "/users/alice")).status_code == 204
    assert await browser.status("GET", "/user") == 401
    assert (await Browser(house.http).log_in("alice")).status_code == 401


async def test_an_administrator_logs_in(house: House) -> None:
    """A user with the admin flag is somebody, and may everything; the flag is seen at once."""
    await account(house, "alice")
    browser = await logged_in(house, "alice")
    bob = await house.person("bob")
    await project(bob, "secret", "private", "user/bob")
    path = f"/projects/{ref('user/bob/secret')}"
    assert [await browser.status("GET", one) for one in (path, "/users")] == [403, 403]
    assert await browser.status("PUT", "/users/alice/admin", {"admin": True}) == 403
    assert (await house.admin.ask("PUT", "/users/alice/admin", {"admin": True})).status_code == 204
    assert [await browser.status("GET", one) for one in (path, "/users", "/user")] == [200, 200, 200]
    me = (await browser.ask("GET", "/user")).json()
    assert (me["admin"], list(me)[:4]) == (True, ["id", "username", "tokens", "linked_accounts"])
    assert await browser.status("PUT", "/users/alice/admin", {"admin": False}) == 204
    assert "admin" not in (await browser.ask("GET", "/user")).json()
    assert await browser.status("GET", "/users") == 403
    assert await house.admin.failure("PUT", "/users/carol/admin", {"admin": True}) == (
        404,
        "userDoesNotExist",
    )
