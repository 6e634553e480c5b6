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
"""

#: The project that has runs.
PUSHED = "user/alice/pushed"

#: Words that fields and parameters of these names take.
WORDS: dict[str, tuple[str, ...]] = {
    "action_type": ("restart", "cancel", "stop", "approve", "reject", "accept"),
    "branch": ("main",),
    "login_name": ("alice", "bob", "nobody"),
    "limit": ("0", "1", "7", "30", "31", "-1", "x"),
    "password": ("password", "another-password"),
    "old_password": ("password", "another-password"),
    "phase": ("queued", "running", "finished", "cancelled", "setuperror"),
    "remote_source_login_name": ("alice", "bob", "nobody"),
    "remote_source_login_password": ("password", "another-password"),
    "remote_source_name": ("builtin",),
    "result": ("success", "failed", "stopped", "unknown"),
    "role": ("owner", "member"),
    "setup": ("",),
    "sortdirection": ("asc", "desc"),
    "step": ("0", "1"),
    "type": ("internal", "simple", "regexp"),
    "visibility": ("public", "private"),
}


class Rows:
    """What a server holds, and where; what a request may destroy is made anew."""

    def __init__(self, server: Server, place: Path) -> None:
        self._server = server
        self._numbers = count(1)
        self.admin = User(server, "", server.admin_token)
        self.alice, self.bob, self.carol = (server.user(name) for name in ("alice", "bob", "carol"))
        self.projects = [self._project("hello", "public"), self._project("hush", "private")]
        self._holders()
        work = Work(place / "work", self.alice.project(PUSHED.rpartition("/")[2], "public"))
        work.commit({".tidemill/config.yml": CONFIG})
        for _ in range(3):
            work.commit({})
            work.push()
        runs = [int(run["number"]) for run in work.project.runs()]
        self.runs = [str(number) for number in runs]
        self.tasks = {str(number): list(work.project.run(number)["tasks"]) for number in runs}
        self.executors = [str(one["id"]) for one in self.admin.get("/executors")]
        self._made: dict[str, Callable[[], str]] = {
            "projectref": lambda: self._project(self._name(), "public"),
            "projectgroupref": self._group,
            "userref": self._user,
            "orgref": self._org,
        }
        self._org_name = self._org()

    def token(self, chance: random.Random) -> str | None:
        """Somebody's: who owns all, an administrator, others, nobody, somebody who is unknown."""
        people = [self.alice] * 6 + [self.admin] * 3 + [self.bob, self.carol]
        return chance.choice([*[one.token for one in people], None, "unknown", "with space\t"])

    def path_values(self, chance: random.Random, names: list[str], *, destroys: bool) -> dict[str, str]:
        """Values for the parameters of a path, which belong together where that matters.

        What is destroyed last in a path is made for that.
        """
        number = chance.choice(self.runs)
        known: dict[str, list[str]] = {
            "projectref": [*self.projects, PUSHED] if "runnumber" not in names else [PUSHED],
            "projectgroupref": ["user/alice", "user/alice/group", f"org/{self._org_name}"],
            "userref": ["alice", "alice", "bob", "carol"],
            "orgref": [self._org_name],
            "runnumber": [number] * 6 + ["999", "0", "x"],
            "taskid": self.tasks[number],
            "executorref": self.executors,
            "remotesourceref": ["builtin"],
            "secretname": ["secret", "other"],
            "variablename": ["variable", "other"],
            "tokenname": [self._name()],
            "sessionid": [self._name()],
            "runwebhookdeliveryid": ["none"],
        }
        found = {name: chance.choice(known[name]) for name in names if known.get(name)}
        if destroys and names[-1] in self._made:
            found[names[-1]] = self._made[names[-1]]()
        return found

    def field_value(self, chance: random.Random, name: str) -> Any:
        """A value for a field of a body or a parameter of a query."""
        if name in WORDS:
            return chance.choice(WORDS[name])
        match name:
            case "data":
                return {"key": "hush"}
            case "values":
                return [{"secret_name": "secret", "secret_var": "key"}]
            case "parent_ref":
                return chance.choice(["user/alice", "user/alice/group", f"org/{self._org_name}", "user/bob"])
            case "name" | "username" | "token_name" | "secret_name":
                return chance.choice([self._name(), "secret", "variable", "hello"])
        return None

    def _name(self) -> str:
        return f"made{next(self._numbers)}"

    def _project(self, name: str, visibility: str) -> str:
        self.alice.project(name, visibility)
        return f"user/alice/{name}"

    def _group(self) -> str:
        name = self._name()
        self.alice.post("/projectgroups", {"name": name, "parent_ref": "user/alice", "visibility": "public"})
        return f"user/alice/{name}"

    def _user(self) -> str:
        name = self._name()
        self.admin.post("/users", {"username": name})
        return name

    def _org(self) -> str:
        name = self._name()
        self.alice.request("POST", "/orgs", {"name": name, "visibility": "public"})
        return name

    def _holders(self) -> None:
        """A group, and secrets and variables in it and beside it."""
        self.alice.post(
            "/projectgroups", {"name": "group", "parent_ref": "user/alice", "visibility": "public"}
        )
        for holder in (f"/projects/{ref(self.projects[0])}", f"/projectgroups/{ref('user/alice/group')}"):
            self.alice.post(
                f"{holder}/secrets", {"name": "secret", "type": "internal", "data": {"key": "hush"}}
            )
            value = {"secret_name": "secret", "secret_var": "key"}
            self.alice.post(f"{holder}/variables", {"name": "variable", "values": [value]})


def ref(path: str) -> str:
    """A path as one segment of a URL."""
    return quote(path, safe="")


def described(server: Server) -> dict[str, Any]:
    """What the server says of its API."""
    found: dict[str, Any] = httpx2.get(f"{server.url}/api/openapi.json", timeout=30).json()
    return found
