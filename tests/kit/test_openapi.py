"""OpenAPI 3.1 from contracts."""

import json
import re
from typing import Any

import pytest

from tests.kit.probe import Probe
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.kit.contract import endpoints
from tidemill.kit.http import describe


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(json.loads(describe(Probe, "/probe", title="Probe", version="1.2")))


def references(part: Any) -> set[str]:
    """Every $ref in a document."""
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_the_document_says_what_it_is(document: dict[str, Any]) -> None:
    """Version of OpenAPI, title and version of the API."""
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {
        "title": "Probe",
        "version": "1.2",
        "description": "Everything that a contract can say.",
    }


def test_every_endpoint_is_described(document: dict[str, Any]) -> None:
    """Each verb and path once, with the name and the sentence of its method."""
    described = {
        (verb.upper(), path): (operation["operationId"], operation["summary"])
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    }
    assert described == {(e.verb, "/probe" + e.path): (e.name, e.doc) for e in endpoints(Probe)}


def test_parameters_have_their_place_type_and_default(document: dict[str, Any]) -> None:
    """Path parameters are required, query parameters where they have no default."""
    path = document["paths"]["/probe/path/{ref}/of/{number}"]["get"]["parameters"]
    assert path == [
        {"name": "ref", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}},
    ]
    query = {p["name"]: p for p in document["paths"]["/probe/query"]["get"]["parameters"]}
    assert query["text"]["required"]
    assert not query["names"]["required"]
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
    """JSON, raw and streamed bodies, the status declared, the cursor of a page, the error body."""
    create = document["paths"]["/probe/items"]["post"]
    item = {"$ref": "#/components/schemas/Item"}
    assert create["requestBody"] == {"required": True, "content": {"application/json": {"schema": item}}}
    assert create["responses"]["201"]["content"] == {"application/json": {"schema": item}}
    assert create["responses"]["default"] == {"$ref": "#/components/responses/Failure"}
    page = document["paths"]["/probe/items"]["get"]["responses"]["200"]
    assert page["content"]["application/json"]["schema"] == {"type": "array", "items": item}
    assert "X-Agola-Cursor" in page["headers"]
    assert not document["paths"]["/probe/items/{name}"]["put"]["requestBody"]["required"]
    assert "content" not in document["paths"]["/probe/items/{name}"]["delete"]["responses"]["204"]
    assert document["paths"]["/probe/streams/down"]["get"]["responses"]["200"]["content"] == {
        "text/plain": {}
    }
    up = document["paths"]["/probe/streams/up"]["post"]["requestBody"]["content"]
    assert up == {"application/octet-stream": {}}


@pytest.mark.parametrize("contract", [Probe, Gateway])
def test_the_document_is_whole(contract: Any) -> None:
    """Every reference leads somewhere, every path parameter is declared, ids are unique."""
    document = json.loads(describe(contract, PREFIX, title="t", version="1"))
    for reference in references(document):
        at: Any = document
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]
        assert at
    ids = []
    for path, verbs in document["paths"].items():
        for operation in verbs.values():
            ids.append(operation["operationId"])
            declared = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
    assert len(ids) == len(set(ids))
