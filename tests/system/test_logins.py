"""Logins at real servers: two gateways on one PostgreSQL, and restarts."""

import asyncio
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests.postgres import Server as Postgres
from tests.system.server import Server

PASSWORD, OTHER = "correct horse", "battery staple"
LIMITS = {"TIDEMILL_GATEWAY_LOGIN_ACCOUNT_TRIES": "4", "TIDEMILL_GATEWAY_LOGIN_ACCOUNT_PAUSE": "3600"}
BEHIND = ("CONFIGSTORE", "RUNSERVICE", "GITSERVER", "NOTIFICATION")


class Page:
    """A page in a browser, which speaks to either gateway under the one name that they have outside."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}
        self.token = ""

    def ask(self, server: Server, verb: str, path: str, body: object = None) -> httpx2.Response:
        headers = {"host": "ci.example", "origin": "https://ci.example", "x-csrf-token": self.token}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = f"{server.url}/api/v1alpha{path}"
        answer = httpx2.request(verb, url, json=body, headers=headers, timeout=30)
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        self.token = answer.headers.get("x-csrf-token", self.token)
        return answer

    def log_in(self, server: Server, password: str = PASSWORD) -> int:
        body = {"remote_source_name": "builtin", "login_name": "alice", "password": password}
        return self.ask(server, "POST", "/auth/login", body).status_code

    def sees(self, server: Server) -> int:
        return self.ask(server, "GET", "/user").status_code


@pytest.fixture
def gateways(postgres_server: Postgres, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """A server with everything, and another gateway beside it; alice has a password."""
    name = f"test_{uuid4().hex[:12]}"
    asyncio.run(postgres_server.create(name))
    database = postgres_server.url(name)
    shared = {"TIDEMILL_SERVICE_TOKEN": "shared", "TIDEMILL_GATEWAY_ADMIN_TOKEN": "admin"} | LIMITS
    stores = {f"TIDEMILL_{service}_DATABASE": database for service in ("CONFIGSTORE", "GATEWAY")}
    first = Server(tmp_path / "first", environment=shared | stores).start()
    behind = {f"TIDEMILL_{service}_URL": first.url for service in BEHIND}
    second = Server(
        tmp_path / "second",
        components="gateway",
        environment=shared | behind | {"TIDEMILL_GATEWAY_DATABASE": database},
    ).start()
    admin = {"authorization": "token admin"}
    httpx2.post(f"{first.url}/api/v1alpha/users", json={"username": "alice"}, headers=admin, timeout=30)
    path = "/api/v1alpha/users/alice/password"
    httpx2.put(first.url + path, json={"password": PASSWORD}, headers=admin, timeout=30).raise_for_status()
    yield first, second
    for server in (second, first):
        assert server.stop() == 0
    first.clear_away()
    asyncio.run(postgres_server.drop(name))


def test_two_gateways_are_one_to_a_browser(gateways: tuple[Server, Server]) -> None:
    """A login, its guard, its end and the count of wrong passwords hold at both, and through a crash."""
    first, second = gateways
    page, elsewhere = Page(), Page()
    assert page.log_in(first) == 201
    assert [page.sees(server) for server in (second, first)] == [200, 200]
    assert page.ask(second, "POST", "/users/alice/tokens", {"token_name": "one"}).status_code == 201
    assert page.ask(first, "POST", "/users/alice/tokens", {"token_name": "two"}).status_code == 201
    assert elsewhere.log_in(second) == 201

    second.kill()
    second.start()
    first.kill()
    first.start()
    assert [one.sees(server) for one in (page, elsewhere) for server in gateways] == [200] * 4
    assert page.ask(second, "DELETE", "/users/alice/tokens/one").status_code == 204, (
        "the guard knows it still"
    )

    body = {"old_password": PASSWORD, "password": OTHER}
    assert page.ask(first, "PUT", "/users/alice/password", body).status_code == 204
    assert [page.sees(second), elsewhere.sees(second)] == [200, 401]
    assert page.ask(second, "POST", "/auth/logout").status_code == 204
    assert page.sees(first) == 401

    guesses = [Page().log_in(server, f"guess {number}") for number in range(3) for server in gateways]
    assert guesses == [401] * 4 + [429] * 2
    logs = first.log.read_text() + second.log.read_text()
    assert not [one for one in (PASSWORD, OTHER, "guess 1", *page.cookies.values()) if one and one in logs]
