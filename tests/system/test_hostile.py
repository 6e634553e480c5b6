"""Nonsense to every endpoint of a real server, made from its own contracts: never a 500, always a reason."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec
import pytest
from msgspec import inspect

from tests.system.server import Server
from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.contracts.gitserver import Gitserver
from tidemill.contracts.jobs import Jobs
from tidemill.contracts.logs import Logs
from tidemill.contracts.pushes import Pushes
from tidemill.contracts.runservice import Runservice
from tidemill.contracts.values import Values
from tidemill.kit.contract import Contract, Endpoint, Parameter, endpoints

SERVICE_TOKEN = "the-service-token"
TRIES = 40
ASKED: list[tuple[str, type[Contract], str]] = [
    ("admin", Gateway, PREFIX),
    ("alice", Gateway, PREFIX),
    ("service", Configstore, "/internal/configstore"),
    ("service", Values, "/internal/configstore"),
    ("service", Pushes, "/internal/gateway"),
    ("service", Gitserver, "/internal/gitserver"),
    ("service", Runservice, "/internal/runservice"),
    ("service", Jobs, "/internal/runservice"),
    ("service", Logs, "/internal/runservice"),
]
WORDS = "x alice user/alice user/alice/hello user// org/x / .. % %2F -x ' 1e9 é +1 ٣ ² aGk= eyJ9 queued main"
PLACES = (
    "refs/heads/main refs/heads/.. /project/x /project/x/branch/main 00000000-0000-0000-0000-000000000000"
)
TIMES = "2026-01-01T00:00:00 9999-12-31T23:59:59-23:59 0001-01-01T00:00:00+23:59"
TEXTS = ["", "a b", "\0", "\ud800", "\u202e", "\n", "a" * 5000, "0" * 40]
TEXTS += [*WORDS.split(), *PLACES.split(), *TIMES.split()]
NUMBERS = [0, 1, -1, 2**31, 2**63 - 1, 1 - 2**63, 2**63, 10**40, 0.5, 1e300]
THINGS = [None, True, [], {}, [{}], {"a": "b"}, *TEXTS, *NUMBERS]


class Nonsense:
    """Arguments that are nearly right, and sometimes not at all."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def of(self, kind: inspect.Type) -> Any:
        pick = self._random.choice
        if self._random.random() < 0.15:
            return pick(THINGS)
        match kind:
            case inspect.StructType():
                wanted = [f for f in kind.fields if f.required or pick((True, False))]
                made = {f.encode_name: self.of(f.type) for f in wanted}
                return made | {"wait": 0} if "wait" in made else made
            case inspect.ListType() | inspect.VarTupleType():
                return [self.of(kind.item_type) for _ in range(pick((0, 1, 1, 2)))]
            case inspect.DictType():
                return {pick(TEXTS): self.of(kind.value_type)}
            case inspect.UnionType():
                return self.of(pick(kind.types))
        return pick(choices(kind))

    def text(self, parameter: Parameter) -> str:
        if parameter.name == "wait":
            return self._random.choice(["0", "-1", "x", "nan", "-inf"])
        made = self.of(inspect.type_info(parameter.type))
        return quote(made if isinstance(made, str) else json.dumps(made), safe="", errors="surrogatepass")

    def request(self, endpoint: Endpoint) -> tuple[str, bytes | None]:
        """A path with its query, and a body."""
        path = endpoint.path
        for p in endpoint.parameters:
            if p.kind == "path":
                path = path.replace(f"{{{p.name}}}", self.text(p) or "%20")
        query = [f"{p.name}={self.text(p)}" for p in endpoint.parameters if p.kind == "query"]
        kept = "&".join(one for one in query if self._random.random() < 0.6)
        body = endpoint.body
        if body is None:
            return f"{path}?{kept}", None
        made = self.of(inspect.type_info(body.type)) if body.kind == "body" else self._random.choice(TEXTS)
        raw = json.dumps(made).encode()
        return f"{path}?{kept}", self._random.choice([raw] * 8 + [raw[:-1], b"", b"\xff", b"[" * 50_000])


def choices(kind: inspect.Type) -> Sequence[Any]:
    match kind:
        case inspect.EnumType():
            return [member.value for member in kind.cls]
        case inspect.LiteralType():
            return kind.values
        case inspect.BoolType():
            return (True, False)
        case inspect.IntType() | inspect.FloatType():
            return NUMBERS
    return TEXTS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(
        tmp_path_factory.mktemp("server") / "data", environment={"TIDEMILL_SERVICE_TOKEN": SERVICE_TOKEN}
    )
    yield running.start()
    running.stop()


@pytest.fixture(scope="module")
def callers(server: Server) -> dict[str, str]:
    """The header by which each caller is known."""
    alice = server.user("alice")
    alice.project("hello")
    return {
        "admin": f"token {server.admin_token}",
        "alice": f"token {alice.token}",
        "service": f"Bearer {SERVICE_TOKEN}",
    }


@pytest.mark.parametrize(
    ("who", "contract", "prefix"), ASKED, ids=lambda part: getattr(part, "__name__", str(part).strip("/"))
)
def test_nonsense_has_an_answer(
    server: Server, callers: dict[str, str], who: str, contract: type[Contract], prefix: str
) -> None:
    """Whatever is asked of an endpoint, by people or by services, is answered or refused with a reason."""
    with httpx2.Client(timeout=30, headers={"Authorization": callers[who]}) as http:
        for endpoint in endpoints(contract):
            if (who, endpoint.name) == ("admin", "delete_user"):
                continue  # alice is still needed
            nonsense = Nonsense(endpoint.name)
            for _ in range(TRIES):
                path, body = nonsense.request(endpoint)
                url = httpx2.URL(server.url).copy_with(raw_path=(prefix + path).encode())
                with http.stream(endpoint.verb, url, content=body) as answer:
                    if answer.status_code >= 400:
                        answer.read()
                asked = (endpoint.name, path, body)
                assert answer.status_code < 500, (*asked, answer.text)
                if answer.status_code >= 400:
                    assert msgspec.json.decode(answer.content)[0]["message"], asked
