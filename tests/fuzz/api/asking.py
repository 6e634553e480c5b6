"""Cases that schemathesis makes of a description, sent to a server, and what is wrong with the answers."""

import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz.api.rows import Rows, described
from tests.system.server import Server

AnyCase = Case[Any]
AnyOperation = APIOperation[Any, Any, Any, Any]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Of cases, those whose paths lead somewhere.
_LED = 0.8
#: Of the fields of a case that is well meant, and of one that is not, those that have a value with a meaning.
_WELL, _ILL = 0.95, 0.3
#: Bytes of a stream that are read, and for how long it is listened to.
_MOST_BYTES = 65_536
_LISTEN_SECONDS = 0.2


class Complaint:
    """An answer that is not as it may be, and the request that got it."""

    def __init__(self, operation: str, request: str, reason: str) -> None:
        self.operation = operation
        self.request = request
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.operation}: {self.reason}\n  again with: {self.request}"


class Report:
    """What became of all cases."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.by_operation: dict[str, Counter[int]] = {}
        self.complaints: dict[tuple[str, int, str], Complaint] = {}
        """The first of each kind."""

    @property
    def count(self) -> int:
        return self.statuses.total()

    def add(self, operation: str, status: int) -> None:
        self.statuses[status] += 1
        self.by_operation.setdefault(operation, Counter())[status] += 1

    def lines(self) -> Iterator[str]:
        yield f"{self.count} cases of {len(self.by_operation)} operations"
        yield ", ".join(f"{status}: {number}" for status, number in sorted(self.statuses.items()))
        unheard = [name for name, seen in self.by_operation.items() if not any(s < 300 for s in seen)]
        yield f"not successful once: {', '.join(unheard) or 'none'}"


def ask(server: Server, rows: Rows, number: int, count: int, *, only: str = "") -> Report:
    """Send *count* cases, as many of each operation; *number* is what they are made from."""
    document = described(server)
    schema = schemathesis.openapi.from_dict(document)
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    report = Report()
    each = -(-count // len(operations))
    with requests.Session() as session:
        session.headers.clear()
        for operation in operations:
            if only in ("", name_of(operation)):
                for mode in _modes(operation):
                    _ask_operation(
                        operation,
                        mode,
                        _Asker(server, rows, session, report),
                        number,
                        -(-each // len(_modes(operation))),
                    )
    return report


def _modes(operation: AnyOperation) -> list[GenerationMode]:
    """Cases as they should be, and such as should not be where there are any: a text is never wrong."""
    raw = operation.definition.raw
    kinds = {parameter["schema"].get("type") for parameter in raw.get("parameters", ())}
    can_be_wrong = "requestBody" in raw or bool(kinds - {"string"})
    return [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if can_be_wrong else [])]


def name_of(operation: AnyOperation) -> str:
    """Its operationId."""
    return str(operation.definition.raw["operationId"])


class _Asker:
    """Sends cases, as somebody, and looks at what comes back."""

    def __init__(self, server: Server, rows: Rows, session: requests.Session, report: Report) -> None:
        self._server = server
        self._rows = rows
        self._session = session
        self._report = report

    def send(self, case: AnyCase, chance: random.Random) -> None:
        name = name_of(case.operation)
        self._give_meaning(case, chance)
        headers = {"User-Agent": "fuzz"}
        headers |= self._rows.headers(chance)
        if chance.random() > 0.1:
            headers["Accept"] = "*/*"  # without it, answers are as Agola's
        request = self._session.prepare_request(_request(case, self._server.url, headers))
        response = self._answer(case, request)
        self._report.add(name, response.status_code)
        try:
            case.validate_response(Response.from_requests(response, verify=False), checks=CHECKS)
        except FailureGroup as group:
            shown = f"{request.method} {request.url} {dict(request.headers)} {request.body!r}"
            answered = f"{response.status_code} {response.content[:300]!r}"
            for failure in group.exceptions:
                kind = (name, response.status_code, str(failure.title))
                reason = f"{failure.title}: {failure.message}\n  answered: {answered}"
                self._report.complaints.setdefault(kind, Complaint(name, shown, reason))

    def _answer(self, case: AnyCase, request: requests.PreparedRequest) -> requests.Response:
        lasts = "200" in case.operation.definition.raw["responses"] and any(
            media in ("text/event-stream", "application/x-ndjson") or media.startswith("text/plain")
            for media in case.operation.definition.raw["responses"]["200"].get("content", ())
        )
        response = self._session.send(
            request, stream=True, timeout=(5, _LISTEN_SECONDS if lasts else 60), allow_redirects=False
        )
        read = b""
        try:
            for chunk in response.iter_content(8192):
                read += chunk
                if lasts and len(read) > _MOST_BYTES:
                    break
        except requests.ConnectionError:
            if not lasts:
                raise
        response._content = read
        response._content_consumed = True
        response.close()
        return response

    def _give_meaning(self, case: AnyCase, chance: random.Random) -> None:
        """Put what exists on this server in the place of some of the values."""
        names = list(case.path_parameters or ())
        if names and chance.random() < _LED:
            found = self._rows.path_values(chance, names, destroys=case.method == "DELETE")
            case.path_parameters |= {name: quote(value, safe="") for name, value in found.items()}
        if isinstance(case.query, dict):
            self._fill(case.query, list(case.query), chance)
        if isinstance(case.body, dict):
            self._fill(case.body, [*case.body, *_fields(case.operation)], chance)

    def _fill(self, values: dict[str, Any], names: list[str], chance: random.Random) -> None:
        meant = chance.choice((_WELL, _ILL))
        for name in names:
            value = self._rows.field_value(chance, name) if chance.random() < meant else None
            if value is not None:
                values[name] = value


def _fields(operation: AnyOperation) -> list[str]:
    """The fields that its body may have."""
    raw = operation.definition.raw.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = raw.get("schema", {}).get("$ref", "").rpartition("/")[2]
    schemas = operation.schema.raw_schema["components"]["schemas"]
    return list(schemas.get(name, {}).get("properties", ()))


def _request(case: AnyCase, url: str, headers: dict[str, str]) -> requests.Request:
    given = case.as_transport_kwargs(base_url=url)
    given.pop("timeout", None)
    given["headers"] = {**given.get("headers", {}), **headers}
    given["headers"] = {k: v for k, v in given["headers"].items() if _is_sendable(v)}
    return requests.Request(**given)


def _is_sendable(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and value == value.strip()


def _ask_operation(
    operation: AnyOperation, mode: GenerationMode, asker: _Asker, number: int, count: int
) -> None:
    """Send *count* cases of an operation, the same for the same number."""
    start = f"{number}/{name_of(operation)}/{mode}"
    chance = random.Random(start)

    @seed(random.Random(start).getrandbits(64))
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: AnyCase) -> None:
        asker.send(case, chance)

    with contextlib.suppress(Unsatisfiable):  # nothing can be wrong with what has no parameters
        send()
