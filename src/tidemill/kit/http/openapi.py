"""OpenAPI 3.1 from routes: operations from their endpoints, schemas from msgspec, words from docstrings."""

import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, get_args, get_type_hints, is_typeddict

import msgspec
from starlette.routing import BaseRoute, Route

from tidemill.kit.contract import Endpoint, Parameter
from tidemill.kit.event_stream import EVENT_STREAM
from tidemill.kit.http.documented import FieldDocs
from tidemill.kit.http.serving import Served
from tidemill.kit.http.told_failures import MEANINGS, failures
from tidemill.kit.wire import CURSOR, ErrorItem

_REFERENCE = "#/components/schemas/{name}"
_TEXT = {"type": "string"}
Json = dict[str, Any]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of an API as a whole, and what its contracts cannot say."""

    title: str
    version: str
    description: str = ""
    schemes: Mapping[str, Json] = {}
    """Security schemes by name; any one of them will do."""
    optional: Collection[str] = ()
    """Names of endpoints that answer also who does not say who they are."""
    parameters: Mapping[str, str] = {}
    """What parameters mean of which nothing is said where they are declared."""
    doc: Callable[[Endpoint], str] = lambda endpoint: endpoint.doc
    """What is to be said of an endpoint."""
    responses: Callable[[Endpoint], Mapping[str, Json]] = lambda _: {}
    """What it may answer that does not follow from its contract."""
    plain: Collection[int] = ()
    """Statuses of failures that may also be told in plain text."""


def describe(routes: Iterable[BaseRoute], about: About) -> Json:
    """The OpenAPI document of all of *routes* that serve contracts."""
    served = [
        (route, route.endpoint)
        for route in routes
        if isinstance(route, Route) and isinstance(route.endpoint, Served)
    ]
    schemas = _Schemas([end.endpoint for _, end in served], about.plain)
    paths: dict[str, Json] = {}
    for route, end in served:
        operation = _Operation(end, about, schemas).described()
        paths.setdefault(route.path, {})[end.endpoint.verb.lower()] = operation
        if end.endpoint.heads:
            paths[route.path]["head"] = _head(operation)
    modules = dict.fromkeys(end.contract.__module__ for _, end in served)
    document = {
        "openapi": "3.1.0",
        "info": {"title": about.title, "version": about.version, "description": about.description},
        "servers": [{"url": "/"}],
        "tags": sorted((_tag(module) for module in modules), key=lambda tag: str(tag["name"])),
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {str(status): schemas.failure(status, said) for status, said in MEANINGS.items()},
            "securitySchemes": dict(about.schemes),
        },
    }
    plain: Json = msgspec.json.decode(msgspec.json.encode(document))
    return plain


def _anything(kind: type) -> Json:
    """The schema of what may be anything; an empty one would be taken for none."""
    if kind is not object:
        raise NotImplementedError
    return {"title": "Anything"}


def _tag(module: str) -> Json:
    """A noun, which is a module of contracts."""
    text = (inspect.getdoc(sys.modules[module]) or "").split("\n\n")[0]
    return {"name": _noun(module), "description": " ".join(text.split())}


def _noun(module: str) -> str:
    return module.rpartition(".")[2]


class _Schemas:
    """The schemas of all types that endpoints have, with what is said of their fields."""

    def __init__(self, endpoints: list[Endpoint], plain: Collection[int]) -> None:
        kinds = [*dict.fromkeys(kind for e in endpoints for kind in _kinds(e)), list[ErrorItem]]
        found, self.components = msgspec.json.schema_components(
            kinds, ref_template=_REFERENCE, schema_hook=_anything
        )
        self._by_kind = dict(zip(kinds, found, strict=True))
        self.docs = FieldDocs()
        self._plain = plain
        for kind in _structs(kinds):
            self._add_docs(kind)

    def of(self, kind: Any) -> Json:
        return dict(self._by_kind[kind])

    def failure(self, status: int, said: str) -> Json:
        """The response that tells of a failure."""
        content: Json = {"application/json": {"schema": self.of(list[ErrorItem])}}
        if status in self._plain:
            content["text/plain"] = {"schema": _TEXT}
        return {"description": said, "content": content}

    def _add_docs(self, kind: type[msgspec.Struct]) -> None:
        fields = self.components.get(kind.__name__, {}).get("properties", {})
        for name, text in self.docs.of(kind).items():
            if name in fields:
                fields[name]["description"] = text


class _Operation:
    """One operation as it is described."""

    def __init__(self, served: Served, about: About, schemas: _Schemas) -> None:
        self._endpoint = served.endpoint
        self._about = about
        self._schemas = schemas
        self._is_open = served.is_open
        self._noun = _noun(served.contract.__module__)
        self._docs = _parameter_docs(served, schemas.docs)
        self._doc = about.doc(served.endpoint)

    def described(self) -> Json:
        endpoint = self._endpoint
        summary, _, more = self._doc.partition("\n\n")
        operation: Json = {
            "operationId": endpoint.name,
            "tags": [self._noun],
            "summary": " ".join(summary.split()),
        }
        if more:
            operation["description"] = more
        operation["security"] = self._security()
        parameters = [self._parameter(p) for p in endpoint.parameters if p.kind in ("path", "query")]
        parameters += [_header(*header) for header in _headers(endpoint)]
        if parameters:
            operation["parameters"] = parameters
        if endpoint.body is not None:
            operation["requestBody"] = self._request_body(endpoint.body)
        operation["responses"] = self._responses()
        return operation

    def _security(self) -> list[Json]:
        if self._is_open:
            return []
        any_of: list[Json] = [{name: []} for name in self._about.schemes]
        return [*any_of, {}] if self._endpoint.name in self._about.optional else any_of

    def _parameter(self, parameter: Parameter) -> Json:
        schema = _without_null(self._schemas.of(parameter.type))
        if not parameter.is_required and parameter.default is not None:
            schema["default"] = msgspec.to_builtins(parameter.default)
        described: Json = {
            "name": parameter.name,
            "in": parameter.kind,
            "required": parameter.kind == "path" or (parameter.is_required and not parameter.is_list),
            "schema": schema,
        }
        said = self._docs.get(parameter.name) or self._about.parameters.get(parameter.name)
        if said:
            described["description"] = said
        return described

    def _request_body(self, body: Parameter) -> Json:
        content: Json = (
            {"application/json": {"schema": self._schemas.of(body.type)}}
            if body.kind == "body"
            else {"application/octet-stream": {}}
        )
        return {"required": body.is_required, "content": content}

    def _responses(self) -> Json:
        endpoint = self._endpoint
        responses = {str(endpoint.status): self._success()}
        if endpoint.heads:
            responses["206"] = responses["200"] | {"description": "The part that was asked for."}
            responses["304"] = {"description": "It is as the asker knows it."}
        if any(p.kind == "path" for p in endpoint.parameters):
            responses["301"] = {"description": "The path holds empty or dot segments; where it leads."}
        for status, codes in failures(endpoint, self._doc, is_open=self._is_open).items():
            responses[str(status)] = self._failure(status, codes)
        if endpoint.heads:
            responses["416"] = self._failure(416, [])
        return dict(sorted({**responses, **self._about.responses(endpoint)}.items()))

    def _success(self) -> Json:
        endpoint, kind = self._endpoint, _answer(self._endpoint)
        response: Json = {"description": "Done." if kind is None else "The answer."}
        if endpoint.streams or endpoint.answer is bytes:
            response["description"] = "A stream." if endpoint.streams else "The bytes."
            is_text = endpoint.media.startswith(("text/", "application/x-ndjson"))
            response["content"] = {endpoint.media: {"schema": _TEXT} if is_text else {}}
            if endpoint.tells is not None:
                response["content"][endpoint.media]["x-each"] = self._schemas.of(endpoint.tells)
        elif kind is not None:
            response["content"] = {"application/json": {"schema": self._schemas.of(kind)}}
        if endpoint.has_cursor:
            said = "Where the next page starts; empty on the last."
            response["headers"] = {CURSOR: {"description": said, "schema": _TEXT}}
        return response

    def _failure(self, status: int, codes: list[str]) -> Json:
        if not codes:
            return {"$ref": f"#/components/responses/{status}"}
        told = ", ".join(f"`{code}`" for code in dict.fromkeys(codes))
        return self._schemas.failure(status, f"{MEANINGS[status]} Codes: {told}.")


def _head(operation: Json) -> Json:
    """The same operation, asked for its headers alone."""
    described = {
        status: {key: value for key, value in response.items() if key != "content"}
        for status, response in operation["responses"].items()
    }
    return operation | {"operationId": f"head_{operation['operationId']}", "responses": described}


def _parameter_docs(served: Served, docs: FieldDocs) -> dict[str, str]:
    """What is said of parameters that stand in a typed dictionary."""
    hints = get_type_hints(getattr(served.contract, served.endpoint.name))
    dictionaries = [part for hint in hints.values() for part in get_args(hint) if is_typeddict(part)]
    return {name: text for one in dictionaries for name, text in docs.of(one).items()}


def _headers(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Headers that an endpoint reads."""
    if endpoint.media == EVENT_STREAM:
        return [("Last-Event-ID", "The id of the last event that was read; goes before *after*.")]
    if endpoint.heads:
        return [
            ("Range", "Which part is wanted, such as `bytes=0-99`."),
            ("If-Range", "The part only if this is still its ETag, else all of it."),
            ("If-None-Match", "Nothing if this is still its ETag."),
        ]
    return []


def _header(name: str, said: str) -> Json:
    return {"name": name, "in": "header", "required": False, "schema": _TEXT, "description": said}


def _without_null(schema: Json) -> Json:
    """The schema of a parameter, which is there or is not, and never null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    return dict(kinds[0]) if len(kinds) == 1 else dict(schema)


def _kinds(endpoint: Endpoint) -> list[Any]:
    """The types that a schema is needed for."""
    kinds = [p.type for p in endpoint.parameters if p.kind in ("path", "query", "body")]
    return [*kinds, *(kind for kind in (_answer(endpoint), endpoint.tells) if kind is not None)]


def _answer(endpoint: Endpoint) -> Any:
    """The JSON answer's type; None where it is empty or raw."""
    return None if endpoint.streams or endpoint.answer in (bytes, type(None)) else endpoint.answer_body


def _structs(kinds: Iterable[Any]) -> set[type[msgspec.Struct]]:
    """All structs in *kinds*, however deep."""
    found: set[type[msgspec.Struct]] = set()
    waiting = [msgspec.inspect.type_info(kind) for kind in kinds]
    while waiting:
        at = waiting.pop()
        if isinstance(at, msgspec.inspect.StructType):
            if at.cls in found:
                continue
            found.add(at.cls)
            waiting += [field.type for field in at.fields]
        else:
            waiting += [part for part in _parts(at) if isinstance(part, msgspec.inspect.Type)]
    return found


def _parts(info: Any) -> list[Any]:
    parts: list[Any] = []
    for name in getattr(info, "__struct_fields__", ()):
        value = getattr(info, name)
        parts += value if isinstance(value, tuple | list) else [value]
    return parts
