"""Readiness: a server names each of its parts that is away, and is ready again once it is back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import httpx2
import pytest

from tests.system.server import Server
from tidemill.errors import Unavailable
from tidemill.serve.readiness import Readiness


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server") / "data")
    yield running.start()
    running.stop()


def test_a_database_that_cannot_be_written_is_named(server: Server) -> None:
    """503 with its name and reason while another program holds it; the process is alive meanwhile."""
    assert probe(server, "/readyz").status_code == 200
    with closing(sqlite3.connect(server.data / "configstore.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = probe(server, "/readyz")
        assert probe(server, "/livez").status_code == 200
    assert answer.status_code == 503
    (error,) = answer.json()
    assert error["code"] == "notReady"
    assert list(error["details"]) == ["configstore"]
    assert "configstore" in error["message"]
    assert probe(server, "/readyz").status_code == 200


def probe(server: Server, path: str) -> httpx2.Response:
    return httpx2.get(server.url + path, timeout=10)


@pytest.mark.anyio
async def test_every_part_is_asked() -> None:
    """One that is away does not hide another one."""
    readiness = Readiness()

    async def away() -> None:
        raise Unavailable("it is being repaired")

    async def there() -> None:
        pass

    readiness.add("b", away)
    readiness.add("c", there)
    readiness.add("a", away)
    assert await readiness.unready() == {"a": "it is being repaired", "b": "it is being repaired"}
