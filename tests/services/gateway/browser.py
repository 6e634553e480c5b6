"""A browser at the public API: it keeps cookies, and the token that the last answer brought."""

from typing import Any

import httpx2
import msgspec

from tests.services.gateway.conftest import House

HOST = "ci.example"
ORIGIN = f"https://{HOST}"
PASSWORD = "correct horse"


class Browser:
    """Asks as a page of our own does; *headers* of a request win, None leaves one out."""

    def __init__(self, http: httpx2.AsyncClient, *, cookies: dict[str, str] | None = None) -> None:
        self._http = http
        self.cookies = dict(cookies or {})
        self.token = ""

    async def ask(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str | None] | None = None,
        accept: bool = True,
    ) -> httpx2.Response:
        """One request; what it sets is kept."""
        sent: dict[str, str | None] = {"host": HOST, "origin": ORIGIN if verb != "GET" else None}
        sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items()) or None
        sent["x-csrf-token"] = self.token or None
        sent |= headers or {}
        content = None if body is None else msgspec.json.encode(body)
        given = {name: text for name, text in sent.items() if text is not None}
        request = self._http.build_request(verb, f"/api/v1alpha{path}", content=content, headers=given)
        if not accept:
            del request.headers["Accept"]
        self._http.cookies.clear()
        answer = await self._http.send(request)
        self._keep(answer)
        return answer

    async def status(self, verb: str, path: str, body: Any = None) -> int:
        return (await self.ask(verb, path, body)).status_code

    async def log_in(self, name: str, password: str = PASSWORD, source: str = "builtin") -> httpx2.Response:
        body = {"remote_source_name": source, "login_name": name, "password": password}
        return await self.ask("POST", "/auth/login", body)

    def _keep(self, answer: httpx2.Response) -> None:
        for cookie in answer.headers.get_list("set-cookie"):
            pair, *attributes = cookie.split("; ")
            name, _, value = pair.partition("=")
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        self.token = answer.headers.get("x-csrf-token", self.token)


async def account(house: House, name: str, password: str = PASSWORD) -> str:
    """A new user with a password; their id."""
    made = await house.admin.ask("POST", "/users", {"username": name})
    assert made.status_code == 201, made.text
    answer = await house.admin.ask("PUT", f"/users/{name}/password", {"password": password})
    assert answer.status_code == 204, answer.text
    return str(made.json()["id"])


async def logged_in(house: House, name: str, password: str = PASSWORD) -> Browser:
    """A browser in which that user has logged in, and looked at something."""
    browser = Browser(house.http)
    answer = await browser.log_in(name, password)
    assert answer.status_code == 201, answer.text
    assert await browser.status("GET", "/user") == 200
    return browser
