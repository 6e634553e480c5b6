"""The public API described, for programs and for people."""

import re
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import BaseRoute

from tests.kit.probe import client, running
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.kit.contract import endpoints
from tidemill.kit.http import Dialect, make_app, serve
from tidemill.services.gateway.reference import reference_routes
from tidemill.services.gateway.reference.document import document
from tidemill.services.gateway.rights import OPEN_TO_NOBODY

pytestmark = pytest.mark.anyio

VOID = {"meta", "link", "input"}


async def somebody(_: object) -> None:
    """Looks at who asks."""


def api() -> list[BaseRoute]:
    """The routes of the public API, which nobody here answers."""
    return [
        route
        for contract in Gateway.__bases__
        for route in serve(contract, contract(), PREFIX, Dialect(admit=somebody))
    ]


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document(api())


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with running(make_app(reference_routes(api()))) as url, client(url) as http:
        yield http


class Page(HTMLParser):
    """What a page holds, and whether its elements are nested."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.fragments: set[str] = set()
        self.sources: set[str] = set()
        self.attributes: set[str] = set()
        self.inline: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.attributes |= given.keys()
        self.ids += [given["id"]] if "id" in given else []
        if tag == "a" and given["href"].startswith("#"):
            self.fragments.add(given["href"][1:])
        elif "href" in given or "src" in given:
            self.sources.add(given.get("href") or given["src"])
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("script", "style") and data.strip():
            self.inline.append(data)

    def close(self) -> None:
        super().close()
        assert not self._open


def parts(of: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a document."""
    if isinstance(of, dict):
        yield of
        for value in of.values():
            yield from parts(value)
    elif isinstance(of, list):
        for value in of:
            yield from parts(value)


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, verbs in described["paths"].items():
        for verb, operation in verbs.items():
            yield verb, path, operation


def test_the_document_is_openapi(described: dict[str, Any]) -> None:
    """A validator of OpenAPI 3.1 says so; every reference leads somewhere, ids are unique."""
    OpenAPIV31SpecValidator(described).validate()
    for part in parts(described):
        if isinstance(reference := part.get("$ref"), str):
            at: Any = described
            for step in reference.removeprefix("#/").split("/"):
                at = at[step]
    ids = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(ids) == len(set(ids))


def test_the_document_is_complete(described: dict[str, Any]) -> None:
    """Every route of every contract, with its parameters; each of them, and each noun, is explained."""
    assert {(e.verb, PREFIX + e.path) for e in endpoints(Gateway)} == {
        (verb.upper(), path) for verb, path, _ in operations(described) if verb != "head"
    }
    unexplained = []
    for _, path, operation in operations(described):
        declared = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))
        unexplained += [p["name"] for p in operation.get("parameters", ()) if not p.get("description")]
        assert operation["summary"]
        assert operation["security"]
        assert ({} in operation["security"]) == (operation["operationId"] in OPEN_TO_NOBODY)
    assert not unexplained, "say below the field, or in reference/document.py, what they mean"
    assert all(tag["description"] for tag in described["tags"])


def test_what_is_as_elsewhere_is_said_again(described: dict[str, Any]) -> None:
    """Nobody has to look up what a user's run has in common with a project's."""
    summaries = [o["summary"].lower().removeprefix("extension: ") for _, _, o in operations(described)]
    assert not [summary for summary in summaries if summary.startswith("as for ")]
    user_run = described["paths"][f"{PREFIX}/users/{{userref}}/runs/{{runnumber}}"]["get"]
    assert "`runDoesNotExist`" in user_run["responses"]["404"]["description"]


def test_what_is_streamed_is_described(described: dict[str, Any]) -> None:
    """The media type, and what each line or message holds; parts of files and their headers."""
    events = described["paths"][f"{PREFIX}/events"]["get"]
    (media,) = events["responses"]["200"]["content"].items()
    assert media[0] == "text/event-stream"
    assert {"$ref": "#/components/schemas/RunEventResponse"} in media[1]["x-each"]["anyOf"]
    assert "Last-Event-ID" in [p["name"] for p in events["parameters"]]
    path = f"{PREFIX}/projects/{{projectref}}/runs/{{runnumber}}/tasks/{{taskid}}/artifacts/{{path}}"
    artifact = described["paths"][path]
    assert {"200", "206", "304", "416"} <= artifact["get"]["responses"].keys()
    assert not any("content" in response for response in artifact["head"]["responses"].values())


async def test_the_description_is_served(http: httpx2.AsyncClient, described: dict[str, Any]) -> None:
    """As JSON, the same that is described here."""
    answer = await http.get("/api/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == described


async def test_the_page_needs_nobody_else(http: httpx2.AsyncClient) -> None:
    """Its policy allows what this server has; it has no scripts or styles inside, and all it names is there."""
    answer = await http.get("/api/docs")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:|\*", policy)
    read = Page()
    read.feed(answer.text)
    read.close()
    assert not read.inline
    assert not [name for name in read.attributes if name == "style" or name.startswith("on")]
    for source in read.sources - {"data:,"}:
        assert source.startswith("/api/"), source
        found = await http.get(source)
        assert found.status_code == 200, source
        assert found.headers["x-content-type-options"] == "nosniff"


async def test_the_page_holds_all_of_it(http: httpx2.AsyncClient, described: dict[str, Any]) -> None:
    """Also where no script runs: every operation and every schema, and links that lead to them."""
    read = Page()
    read.feed((await http.get("/api/docs")).text)
    assert len(read.ids) == len(set(read.ids))
    wanted = {f"op-{o['operationId']}" for verb, _, o in operations(described) if verb != "head"}
    wanted |= {f"schema-{name}" for name in described["components"]["schemas"]}
    wanted |= {tag["name"] for tag in described["tags"]}
    assert wanted <= set(read.ids)
    assert read.fragments <= set(read.ids)
