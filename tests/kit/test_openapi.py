"""OpenAPI 3.1 from the routes of contracts."""

from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.kit.probe import Probe
from tidemill.kit.contract import Contract, endpoints, get
from tidemill.kit.http import Dialect, serve
from tidemill.kit.http.documented import FieldDocs
from tidemill.kit.http.openapi import About, describe
from tidemill.kit.http.told_failures import told_codes


class Base(msgspec.Struct, frozen=True, kw_only=True):
    above: int
    """What is
    above."""


class Loose(msgspec.Struct, frozen=True):
    held: dict[str, object]


class Derived(Base, frozen=True, kw_only=True):
    below: int = 0
    """What is below."""
    silent: int = 0


async def somebody(_: object) -> None:
    """Looks at who asks."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    about = About(title="Probe", version="1.2", description="All of it.", parameters={"ref": "Which one."})
    return describe(serve(Probe, Probe(), "/probe"), about)


def described(contract: type[Contract], **about: Any) -> dict[str, Any]:
    """The paths of a contract whose callers are looked at."""
    routes = serve(contract, contract(), "", Dialect(admit=somebody))
    return dict(describe(routes, About(title="t", version="1", **about))["paths"])


def test_the_document_says_what_it_is(document: dict[str, Any]) -> None:
    """Version of OpenAPI, title and version of the API, its nouns; it is what the specification wants."""
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "Probe", "version": "1.2", "description": "All of it."}
    (tag,) = document["tags"]
    assert tag["name"] == "probe"
    assert tag["description"].startswith("A contract with every kind of argument")


def test_every_endpoint_is_described(document: dict[str, Any]) -> None:
    """Each verb and path once, with the name and the sentence of its method."""
    found = {
        (verb.upper(), path): (operation["operationId"], operation["summary"])
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if verb != "head"
    }
    assert found == {(e.verb, "/probe" + e.path): (e.name, e.doc) for e in endpoints(Probe)}


def test_parameters_have_their_place_type_and_default(document: dict[str, Any]) -> None:
    """Path parameters are required, query parameters where they have no default; none is ever null."""
    path = document["paths"]["/probe/path/{ref}/of/{number}"]["get"]["parameters"]
    ref = {"name": "ref", "in": "path", "required": True, "schema": {"type": "string"}}
    number = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}
    assert path == [ref | {"description": "Which one."}, number]
    query = {p["name"]: p for p in document["paths"]["/probe/query"]["get"]["parameters"]}
    assert query["text"]["required"]
    assert not query["names"]["required"]
    assert query["maybe"]["schema"] == {"type": "string"}
    assert query["count"]["schema"] == {"type": "integer", "default": 3}
    assert query["names"]["schema"] == {"type": "array", "items": {"type": "string"}, "default": []}
    shared = document["paths"]["/probe/wanted/{ref}"]["get"]["parameters"]
    assert [(p["name"], p["in"], p["required"]) for p in shared] == [
        ("ref", "path", True),
        ("cursor", "query", False),
        ("names", "query", False),
        ("offset", "query", False),
    ]


def test_bodies_and_answers_have_schemas(document: dict[str, Any]) -> None:
    """JSON, raw and streamed bodies, the status declared, the cursor of a page."""
    create = document["paths"]["/probe/items"]["post"]
    item = {"$ref": "#/components/schemas/Item"}
    assert create["requestBody"] == {"required": True, "content": {"application/json": {"schema": item}}}
    assert create["responses"]["201"]["content"] == {"application/json": {"schema": item}}
    page = document["paths"]["/probe/items"]["get"]["responses"]["200"]
    assert page["content"]["application/json"]["schema"] == {"type": "array", "items": item}
    assert "X-Agola-Cursor" in page["headers"]
    assert not document["paths"]["/probe/items/{name}"]["put"]["requestBody"]["required"]
    assert "content" not in document["paths"]["/probe/items/{name}"]["delete"]["responses"]["204"]
    down = document["paths"]["/probe/streams/down"]["get"]["responses"]["200"]["content"]
    assert down == {"text/plain": {"schema": {"type": "string"}}}
    up = document["paths"]["/probe/streams/up"]["post"]["requestBody"]["content"]
    assert up == {"application/octet-stream": {}}


def test_each_status_is_described_and_no_other(document: dict[str, Any]) -> None:
    """What any route may answer, what follows from its parameters, and what its docstring tells."""
    assert list(document["paths"]["/probe/state"]["get"]["responses"]) == ["200", "500", "503"]
    change = document["paths"]["/probe/items/{name}"]["put"]["responses"]
    assert list(change) == ["200", "301", "400", "404", "413", "500", "503"]

    class Told(Contract):
        @get("/told")
        async def told(self) -> None:
            """Something; 409 `isNew`,
            `isOld`; 404.

            More of it.
            """

    told = described(Told)["/told"]["get"]
    assert told["summary"] == "Something; 409 `isNew`, `isOld`; 404."
    assert list(told["responses"]) == ["200", "400", "401", "403", "404", "409", "500", "503"]
    assert told["responses"]["409"]["description"].endswith("Codes: `isNew`, `isOld`.")
    assert told["responses"]["404"] == {"$ref": "#/components/responses/404"}


def test_codes_are_read_from_sentences() -> None:
    """A status begins them; what else is in backticks is none."""
    assert told_codes("Of `builtin`; 400 `a` and `b`, or 404 `c`. For `x` 30 s, 410 when `y`; 1409 `z`.") == {
        400: ["a", "b"],
        404: ["c"],
        410: [],
    }


def test_who_may_ask_is_described() -> None:
    """Any scheme will do; nobody too where that is said; where nobody looks, nothing is wanted."""

    class Both(Contract):
        @get("/closed")
        async def closed(self) -> None:
            """For some."""

        @get("/ajar")
        async def ajar(self) -> None:
            """For all, more or less."""

    schemes = {"token": {"type": "http", "scheme": "token"}, "cookie": {"type": "http", "scheme": "x"}}
    paths = described(Both, schemes=schemes, optional={"ajar"})
    assert paths["/closed"]["get"]["security"] == [{"token": []}, {"cookie": []}]
    assert paths["/ajar"]["get"]["security"] == [{"token": []}, {"cookie": []}, {}]


def test_an_open_route_wants_nothing(document: dict[str, Any]) -> None:
    """And answers neither 401 nor 403."""
    state = document["paths"]["/probe/state"]["get"]
    assert state["security"] == []
    assert not {"401", "403"} & state["responses"].keys()


def test_what_may_be_anything_is_described() -> None:
    """Without a word about it."""

    class Whatever(Contract):
        @get("/loose")
        async def loose(self) -> Loose:
            """Whatever."""

    document = describe(serve(Whatever, Whatever(), ""), About(title="t", version="1"))
    assert document["components"]["schemas"]["Loose"]["properties"] == {
        "held": {"type": "object", "additionalProperties": {"title": "Anything"}}
    }


def test_fields_are_described_by_what_stands_below_them() -> None:
    """Those of bases too; what nothing is said of is not described."""
    assert FieldDocs().of(Derived) == {"above": "What is above.", "below": "What is below."}
