"""A server with rows in it, people with different rights, and values for parameters that mean something."""

import random
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from tests.system.server import Server, User, Work

CONFIG = """
runs:
  - name: main
    tasks:
      - name: build
        runtime: {type: host}
        steps: [{run: {name: say, command: echo hello}}]
      - name: ask
        runtime: {type: host}
        approval: true
        depends: [build]
        steps: [{run: {name: say, command: echo asked}}]
  - name: quick
    tasks:
      - name: build
        runtime: {type: host}
        steps: [{run: {name: say, command: echo hello}}]
"""
PASSWORD = "a long enough password"
#: Requests that are made in one session before another one is begun.
_SESSION_USES = 50

#: Words that fields and parameters of these names take.
WORDS: dict[str, tuple[Any, ...]] = {
    "action_type": ("restart", "cancel", "stop", "approve", "reject", "accept"),
    "branch": ("main",),
    "commit_sha": ("",),
    "data": ({"key": "hush"},),
    "limit": ("0", "1", "7", "30", "31", "-1", "x"),
    "login_name": ("alice", "bob", "nobody"),
    "old_password": (PASSWORD, "wrong"),
    "password": (PASSWORD, "wrong"),
    "phase": ("queued", "running", "finished", "cancelled", "setuperror"),
    "ref": ("",),
    "remote_source_login_name": ("alice", "bob", "nobody"),
    "remote_source_login_password": (PASSWORD, "wrong"),
    "remote_source_name": ("builtin",),
    "result": ("success", "failed", "stopped", "unknown"),
    "role": ("owner", "member"),
    "setup": ("",),
    "sortdirection": ("asc", "desc"),
    "step": ("0", "1"),
    "tag": ("",),
    "type": ("internal", "simple", "regexp"),
    "values": ([{"secret_name": "secret", "secret_var": "key"}],),
    "visibility": ("public", "private"),
}


class Rows:
    """What a server holds, by ids, which stay; what a request may destroy is made for it."""

    def __init__(self, server: Server, place: Path) -> None:
        self._server = server
        self._numbers = count(1)
        self.admin = User(server, "", server.admin_token)
        self.alice, self.bob, self.carol = (server.user(name) for name in ("alice", "bob", "carol"))
        for user in (self.alice, self.bob):
            assert user.put(f"/users/{user.name}/password", {"password": PASSWORD}).is_success
        self.projects = [self._project("hello", "public"), self._project("hush", "private")]
        self.org = self._org()
        group = {"name": "group", "parent_ref": "user/alice", "visibility": "public"}
        self.groups = ["user/alice", f"org/{self.org}", str(self.alice.post("/projectgroups", group)["id"])]
        self._fill(place)
        self.executors = [str(one["id"]) for one in self.admin.get("/executors")]
        self._session: dict[str, str] = {}
        self._session_uses = 0

    def headers(self, chance: random.Random) -> dict[str, str]:
        """Somebody's: who owns all, by token or in a session, an administrator, others, nobody, a stranger."""
        match chance.choice(["alice"] * 5 + ["session", "admin", "admin", "bob", "carol", "", "unknown"]):
            case "":
                return {}
            case "session":
                return self._in_session()
            case "unknown":
                return {"Authorization": "token unknown"}
            case name:
                return {"Authorization": f"token {getattr(self, name).token}"}

    def path_values(self, chance: random.Random, names: list[str], *, destroys: bool) -> dict[str, str]:
        """Values for the parameters of a path, which belong together; what is destroyed is made for that."""
        number = self._doomed.pop() if destroys and self._doomed else chance.choice(self.runs)
        known: dict[str, list[str]] = {
            "projectref": [self.pushed] if "runnumber" in names else [*self.projects, self.pushed],
            "projectgroupref": self.groups,
            "userref": ["alice", "alice", "bob", "carol"],
            "orgref": [self.org],
            "runnumber": [number] * 8 + ["999", "x"],
            "taskid": self.tasks.get(number, ["none"]),
            "executorref": self.executors,
            "remotesourceref": ["builtin"],
            "secretname": ["secret"],
            "variablename": ["variable"],
            "tokenname": [self._name()],
            "sessionid": [self._name()],
            "runwebhookdeliveryid": [self._name()],
            "commitstatusdeliveryid": [self._name()],
        }
        found = {name: chance.choice(known[name]) for name in names if name in known}
        makers: dict[str, Callable[[dict[str, str]], str]] = {
            "projectref": lambda _: self._project(self._name(), "public"),
            "projectgroupref": lambda _: self._group(),
            "orgref": lambda _: self._org(),
            "userref": lambda of: self._user(of.get("orgref", "")),
            "secretname": lambda of: self._held(of, "secrets"),
            "variablename": lambda of: self._held(of, "variables"),
            "tokenname": self._token,
        }
        if destroys and names[-1] in makers:
            found[names[-1]] = makers[names[-1]](found)
        return found

    def field_value(self, chance: random.Random, name: str) -> Any:
        """A value for a field of a body or a parameter of a query; None when nothing is known of it."""
        if name in WORDS:
            return chance.choice(WORDS[name])
        match name:
            case "parent_ref":
                return chance.choice([*self.groups, "user/bob"])
            case "name" | "username" | "token_name" | "secret_name":
                return chance.choice([self._name(), self._name(), "secret", "variable", "hello"])
        return None

    def _name(self) -> str:
        return f"made{next(self._numbers)}"

    def _project(self, name: str, visibility: str) -> str:
        body = {"name": name, "parent_ref": "user/alice", "visibility": visibility}
        return str(self.alice.post("/projects", body | {"remote_source_name": "builtin"})["id"])

    def _group(self) -> str:
        body = {"name": self._name(), "parent_ref": "user/alice", "visibility": "public"}
        return str(self.alice.post("/projectgroups", body)["id"])

    def _org(self) -> str:
        name = self._name()
        self.alice.post("/orgs", {"name": name, "visibility": "public"})
        return name

    def _user(self, org: str) -> str:
        """A user; where an organization is named, a member of it."""
        name = self._name()
        self.admin.post("/users", {"username": name})
        if org:
            self.alice.put(f"/orgs/{org}/members/{name}", {"role": "member"})
        return name

    def _token(self, of: dict[str, str]) -> str:
        name = self._name()
        self.admin.request("POST", f"/users/{of['userref']}/tokens", {"token_name": name})
        return name

    def _held(self, of: dict[str, str], kind: str) -> str:
        """A secret or a variable of a project or a group."""
        name = self._name()
        holders = {"projectref": "projects", "projectgroupref": "projectgroups"}
        (holder,) = [f"/{path}/{ref(of[key])}" for key, path in holders.items() if key in of]
        body = {"type": "internal", "data": {"key": "x"}, "values": WORDS["values"][0]}
        self.alice.request("POST", f"{holder}/{kind}", {"name": name, **body})
        return name

    def _fill(self, place: Path) -> None:
        """Runs of a project, some of which may go, and secrets and variables of everything."""
        project = self.alice.project("pushed", "public")
        self.pushed = str(self.alice.get(project.ref)["id"])
        work = Work(place / "work", project)
        work.commit({".tidemill/config.yml": CONFIG})
        for _ in range(12):
            work.commit({})
            work.push()
        runs = {str(run["number"]): str(run["name"]) for run in project.runs()}
        quick = [number for number, name in runs.items() if name == "quick"]
        self._doomed, self.runs = quick[2:], [number for number in runs if number not in quick[2:]]
        self.tasks = {number: list(project.run(int(number))["tasks"]) for number in runs}
        holders = [f"/projects/{project_id}" for project_id in (*self.projects, self.pushed)]
        for holder in [*holders, *(f"/projectgroups/{ref(group)}" for group in self.groups)]:
            secret = {"name": "secret", "type": "internal", "data": {"key": "hush"}}
            self.alice.post(f"{holder}/secrets", secret)
            self.alice.post(f"{holder}/variables", {"name": "variable", "values": WORDS["values"][0]})

    def _in_session(self) -> dict[str, str]:
        """Headers of alice's browser; another session now and then, since requests end them."""
        if not self._session or self._session_uses >= _SESSION_USES:
            with httpx2.Client(base_url=f"{self._server.url}/api/v1alpha", timeout=30) as browser:
                login = {"remote_source_name": "builtin", "login_name": "alice", "password": PASSWORD}
                browser.post("/auth/login", json=login)
                shown = browser.get("/user").headers.get("X-Csrf-Token", "none")
                cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
            self._session, self._session_uses = {"Cookie": cookies, "X-Csrf-Token": shown}, 0
        self._session_uses += 1
        return {name: value for name, value in self._session.items() if value}


def ref(path: str) -> str:
    """A path as one segment of a URL."""
    return quote(path, safe="")


def described(server: Server) -> dict[str, Any]:
    """What the server says of its API."""
    found: dict[str, Any] = httpx2.get(f"{server.url}/api/openapi.json", timeout=30).json()
    return found
