"""Plays stories: sends what Agola's client would send, and compares what comes back to the byte."""

import json
import re
from typing import Any

import httpx2

from tests.services.gateway.conftest import ADMIN_TOKEN
from tests.vectors.happening import Happenings
from tests.vectors.stories import Step, Story, answer, asked

PREFIX = "/api/v1alpha"
#: What Go's client sends with each request; it sends no Accept.
GO = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
KINDS = {
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "id": r"[0-9a-f-]{36}",
    "token": r"[0-9a-f]{40}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,8}[1-9])?Z",
    "cursor": r"[A-Za-z0-9+/=_-]+",
    "csrf": r"[A-Za-z0-9+/]{86}==",
    "number": r"\d+",
    "svg": r"<svg.*</svg>\s*",
    "any": r"[^\"]*",
}
PLACEHOLDER = re.compile(r"<(\w+)(?::(\w+))?>")
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def as_go(value: Any) -> str:
    """What Go's encoder makes of plain data."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for plain, escaped in _ESCAPES.items():
        text = text.replace(plain, escaped)
    return text


def without(value: Any, keys: list[str]) -> Any:
    """Plain data without the keys that are ours."""
    if isinstance(value, dict):
        return {key: without(inner, keys) for key, inner in value.items() if key not in keys}
    return [without(inner, keys) for inner in value] if isinstance(value, list) else value


class Player:
    """One story being played: who its people are, and what it has remembered."""

    def __init__(self, http: httpx2.AsyncClient, happenings: Happenings, story: Story) -> None:
        self._http = http
        self._happenings = happenings
        self._story = story
        self.tokens = {"admin": ADMIN_TOKEN, "unknown": "f" * 40, "nobody": "", "page": ""}
        self.known: dict[str, str] = {}
        self.failures: list[str] = []

    async def play(self) -> None:
        """All steps, one after the other; whatever is not as they say is told at the end."""
        for name in self._story.people:
            await self.arrive(name)
        for step in self._story.steps:
            await self.step(step)
        assert not self.failures, "\n".join(self.failures)

    async def arrive(self, name: str) -> None:
        """A new user with a token, made as a client makes them."""
        made = await self.send("admin", "POST", "/users", json.dumps({"username": name}), {})
        assert made.status_code == 201, made.text
        self.known[name] = made.json()["id"]
        made = await self.send("admin", "POST", f"/users/{name}/tokens", '{"token_name":"vectors"}', {})
        assert made.status_code == 201, made.text
        self.tokens[name] = made.json()["token"]

    async def step(self, step: Step) -> None:
        """One request of each who asks, or what happens."""
        if step.happens:
            await self._happenings.happen(self.filled(step.happens), self.known)
            return
        person, verb, path, body = asked(step)
        for who, gets in (step.who or {person: step.gets}).items():
            sends = {name: self.filled(text) for name, text in step.sends.items()}
            got = await self.send(who, verb, self.filled(path), self.filled(body), sends)
            where = f"{step.says or ''} [{who} {verb} {path} {body}]"
            try:
                self.compare(step, got, gets, where)
            except AssertionError as failure:
                self.failures.append(str(failure).partition("\nassert ")[0])

    async def send(self, who: str, verb: str, path: str, body: str, sends: dict[str, str]) -> httpx2.Response:
        """One request as Go's client sends it: `page` is a browser, all others send a token, even if empty."""
        headers = dict(GO)
        if who not in ("page", "nobody"):
            headers["Authorization"] = f"token {self.tokens[who]}"
        if "/logs" not in path:
            headers["Content-Type"] = "application/json"
        url = path.removeprefix("OUTSIDE") if path.startswith("OUTSIDE") else PREFIX + path
        content = body.encode() if body else None
        request = self._http.build_request(verb, url, content=content, headers=headers | sends)
        for name in ("Accept", "Connection"):
            if name in request.headers and name not in sends:
                del request.headers[name]
        self._http.cookies.clear()
        return await self._http.send(request)

    def compare(self, step: Step, got: httpx2.Response, gets: str, where: str) -> None:
        status, body = answer(gets)
        assert got.status_code == status, f"{where}: {got.status_code} {got.text} and not {gets}"
        wanted = step.headers
        if "Content-Type" not in wanted:
            wanted = {"Content-Type": "application/json", **wanted}
        found = got.content.decode()
        if body.startswith(("{", "[")):
            assert as_go(json.loads(found)) == found, f"{where}: not as Go writes it: {found}"
            found = as_go(without(json.loads(found), self._story.ours))
        if wanted["Content-Type"] != "application/json":
            body = body.replace("\\n", "\n")
        self.recognise(body, found, where)
        for name, text in wanted.items():
            if text == "none":
                assert name not in got.headers, f"{where}: {name}: {got.headers[name]}"
                continue
            assert name in got.headers, f"{where}: no {name}"
            self.recognise(text, got.headers[name], f"{where}: {name}")
        if step.cookies:
            set_cookies = got.headers.get_list("set-cookie")
            assert len(set_cookies) == len(step.cookies), f"{where}: {set_cookies}"
            for text, cookie in zip(step.cookies, set_cookies, strict=True):
                pair, *attributes = text.split("; ")
                found_pair, *found_attributes = cookie.split("; ")
                assert set(attributes) == set(found_attributes), f"{where}: {cookie}"
                self.recognise(pair, found_pair, f"{where}: Set-Cookie")

    def recognise(self, template: str, found: str, where: str) -> None:
        """That what is found is what the template says; what is new in it is remembered."""
        pattern, new, end = "", [], 0
        for match in PLACEHOLDER.finditer(template):
            pattern += re.escape(template[end : match.start()])
            name, kind = match.groups()
            if name in new:
                pattern += f"(?P={name})"
            elif kind is None:
                assert name in self.known, f"{where}: nobody has said what <{name}> is"
                pattern += re.escape(self.known[name])
            else:
                new.append(name)
                pattern += f"(?P<{name}>{KINDS[kind]})"
            end = match.end()
        pattern += re.escape(template[end:])
        match = re.fullmatch(pattern, found, re.DOTALL)
        assert match, f"{where}:\n  found    {found}\n  expected {template}"
        self.known.update(match.groupdict())

    def filled(self, text: str) -> str:
        """What is sent, with what is remembered."""
        return PLACEHOLDER.sub(
            lambda match: self.known.get(match[1], match[0]) if match[2] is None else match[0], text
        )
