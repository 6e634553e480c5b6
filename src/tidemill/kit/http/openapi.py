"""OpenAPI 3.1 from a contract: paths from its endpoints, schemas from msgspec."""

import inspect
from typing import Any

import msgspec

from tidemill.kit.contract import Contract, Endpoint, Parameter, endpoints
from tidemill.kit.wire import CURSOR, ErrorItem

_REFERENCE = "#/components/schemas/{name}"


def describe(contract: type[Contract], prefix: str, *, title: str, version: str) -> bytes:
    """The OpenAPI document of *contract* served under *prefix*, as JSON."""
    described = endpoints(contract)
    kinds = [*dict.fromkeys(kind for endpoint in described for kind in _kinds(endpoint)), list[ErrorItem]]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    schema_of = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in described:
        paths.setdefault(prefix + endpoint.path, {})[endpoint.verb.lower()] = _operation(endpoint, schema_of)
    document = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": inspect.getdoc(contract) or ""},
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                "Failure": {
                    "description": "What went wrong.",
                    "content": {"application/json": {"schema": schema_of[list[ErrorItem]]}},
                }
            },
        },
    }
    return msgspec.json.encode(document)


def _kinds(endpoint: Endpoint) -> list[Any]:
    """The types that a schema is needed for."""
    kinds = [p.type for p in endpoint.parameters if p.kind in ("path", "query", "body")]
    return [*kinds, _answer(endpoint)] if _answer(endpoint) is not None else kinds


def _answer(endpoint: Endpoint) -> Any:
    """The JSON answer's type; None where it is empty or raw."""
    return None if endpoint.streams or endpoint.answer in (bytes, type(None)) else endpoint.answer_body


def _operation(endpoint: Endpoint, schema_of: dict[Any, Any]) -> dict[str, Any]:
    summary, _, more = endpoint.doc.partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": summary.replace("\n", " "),
        "responses": {str(endpoint.status): _response(endpoint, schema_of)}
        | {"default": {"$ref": "#/components/responses/Failure"}},
    }
    if more:
        operation["description"] = more
    parameters = [_parameter(p, schema_of) for p in endpoint.parameters if p.kind in ("path", "query")]
    if parameters:
        operation["parameters"] = parameters
    body = endpoint.body
    if body is not None:
        content = (
            {"application/json": {"schema": schema_of[body.type]}}
            if body.kind == "body"
            else {"application/octet-stream": {}}
        )
        operation["requestBody"] = {"required": body.is_required, "content": content}
    return operation


def _parameter(parameter: Parameter, schema_of: dict[Any, Any]) -> dict[str, Any]:
    schema = dict(schema_of[parameter.type])
    if not parameter.is_required and parameter.default is not None:
        schema["default"] = msgspec.to_builtins(parameter.default)
    return {
        "name": parameter.name,
        "in": parameter.kind,
        "required": parameter.kind == "path" or (parameter.is_required and not parameter.is_list),
        "schema": schema,
    }


def _response(endpoint: Endpoint, schema_of: dict[Any, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": "Done." if _answer(endpoint) is None else "The answer."}
    if endpoint.streams or endpoint.answer is bytes:
        response["content"] = {endpoint.media: {}}
    elif _answer(endpoint) is not None:
        response["content"] = {"application/json": {"schema": schema_of[_answer(endpoint)]}}
    if endpoint.has_cursor:
        cursor = {
            "description": "Where the next page starts; empty on the last.",
            "schema": {"type": "string"},
        }
        response["headers"] = {CURSOR: cursor}
    return response
