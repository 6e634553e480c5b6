"""Stories of requests and the answers to them, read from the files in `api/`.

A step says who asks what (`ask: alice GET /user`), and what is answered (`gets: 200 {"id":"<alice>",…}`):
status, then the body to the byte. `<name>` stands for what is remembered under that name, `<name:kind>`
remembers it; a word alone is short for Agola's error of that code. `who` has the answers to several people.
Where Agola answers otherwise, `agola` says how, and `why` is a phrase of docs/compatibility.md.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

PLACE = Path(__file__).parent / "api"


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request and what is answered, or something that happens."""

    says: str = ""
    ask: str = ""
    gets: str = ""
    who: dict[str, str] = {}
    sends: dict[str, str] = {}
    headers: dict[str, str] = {}
    cookies: list[str] = []
    agola: str = ""
    why: str = ""
    happens: str = ""


class Story(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked one after the other of one installation."""

    story: str
    people: list[str] = []
    alone: bool = False
    settings: dict[str, Any] = {}
    ours: list[str] = []
    """Keys that are extensions: they are taken out of answers before these are compared."""
    steps: list[Step]


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the reference's index of routes."""

    number: int
    route: str
    auth: str
    """F: needs somebody known; O: anybody may ask; N: nobody looks at who asks."""
    success: int
    errors: list[str] = []
    elsewhere: str = ""
    """Why there are no vectors of it here."""
    no_success: str = ""
    """Why none of its vectors succeeds."""

    @property
    def verb(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]

    def matches(self, verb: str, path: str) -> bool:
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(self.path))
        return verb == self.verb and re.fullmatch(pattern, path.partition("?")[0]) is not None


@cache
def stories() -> list[Story]:
    """All of them, in the order of their files."""
    found = []
    for path in sorted(PLACE.glob("*.yml")):
        if path.name != "index.yml":
            documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
            found.extend(msgspec.convert(one, Story) for one in documents)
    return found


@cache
def routes() -> list[Route]:
    """The reference's index."""
    return msgspec.convert(yaml.safe_load((PLACE / "index.yml").read_text(encoding="utf-8")), list[Route])


def asked(step: Step) -> tuple[str, str, str, str]:
    """Who asks (nobody in particular where `who` says it), the method, the path, the body."""
    words = step.ask.split(" ", 2 if step.who else 3)
    if step.who:
        words.insert(0, "")
    return words[0], words[1], words[2], words[3] if len(words) > 3 else ""


def answer(text: str) -> tuple[int, str]:
    """Status and body that a vector says."""
    status, _, body = text.partition(" ")
    if re.fullmatch(r"[A-Za-z0-9]+", body):
        body = f'[{{"code":"{body}","details":null}}]'
    return int(status), body


def route_of(verb: str, path: str) -> Route | None:
    """The row of the index that a request is of; the one with the most of its own words."""
    found = [route for route in routes() if route.matches(verb, path)]
    return max(found, key=lambda route: -route.path.count("{"), default=None)


def told() -> dict[str, list[tuple[Step, str, str]]]:
    """All vectors of each route: the step, who asks, and Agola's answer, which may not be ours."""
    found: dict[str, list[tuple[Step, str, str]]] = {route.route: [] for route in routes()}
    for story in stories():
        for step in story.steps:
            if not step.ask:
                continue
            person, verb, path, _ = asked(step)
            route = route_of(verb, path)
            if route is None:
                continue
            for who, gets in (step.who or {person: step.gets}).items():
                found[route.route].append((step, who, gets))
    return found
