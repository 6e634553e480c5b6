"""The public API in use: what callers with a token read from a store with many projects and runs, 16 at a time."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import anyio

from tests.bench.baselines import plain_server
from tests.bench.copying import copy
from tests.bench.figures import Figure, milliseconds, quantile
from tests.postgres import Server as PostgreSQL
from tests.system.server import Server, Work, config
from tidemill.kit.db import Database
from tidemill.serve.house import WITH_DATABASE
from tidemill.services.configstore.store.tables import projects
from tidemill.services.runservice.store.tables import runs

PROJECTS = 10_000
RUNS = 100_000
#: Of all runs so many are of the one project whose runs are read; the others have few each.
IN_ONE = 50_000
CONNECTIONS = 16
REQUESTS = 4_000
WARM = 200


def measure(directory: Path) -> Iterator[Figure]:
    """On SQLite and on PostgreSQL, each beside a bare server that is asked the same way."""
    with plain_server() as url:
        raw = anyio.run(_ask, f"{url}/", "")
    yield from _store(directory / "api-sqlite", "SQLite", {}, None, raw)
    with PostgreSQL("bench-api") as postgresql:
        anyio.run(postgresql.create, "tidemill")
        url = postgresql.url("tidemill")
        on = {f"TIDEMILL_{name.upper()}_DATABASE": url for name in WITH_DATABASE}
        yield from _store(directory / "api-postgresql", "PostgreSQL", on, url, raw)


def _store(
    directory: Path, store: str, environment: Mapping[str, str], url: str | None, raw: "_Answers"
) -> Iterator[Figure]:
    directory.mkdir()
    server = Server(directory / "data", environment=environment).start()
    try:
        user = server.user("bench")
        work = Work(directory / "work", user.project("read"))
        work.commit(config("true"))
        work.push()
        work.project.finished(1)
        project = user.get(work.project.ref)["id"]
    finally:
        server.stop()
    anyio.run(_fill, directory / "data", url, project)
    server.start()
    try:
        for what, path in {
            "GET user": "/user",
            "GET project": work.project.ref,
            "GET runs, 30 of them": f"{work.project.ref}/runs",
        }.items():
            ours = anyio.run(_ask, f"{server.url}/api/v1alpha{path}", user.token)
            yield Figure(
                f"API on {store}, {PROJECTS:,} projects, {RUNS:,} runs: {what}, {CONNECTIONS} connections",
                f"{ours.rate:,.0f}/s, {milliseconds(ours.seconds)}",
                f"{raw.rate:,.0f}/s, {milliseconds(raw.seconds)} (a bare server, a constant)",
                f"{raw.rate / ours.rate:.1f}",
                numbers={f"{what} p99": quantile(ours.seconds, 0.99) * 1e3},
            )
    finally:
        server.stop()


async def _fill(data: Path, url: str | None, project: str) -> None:
    """Copies of the project, and of its run: half of them its own, the others spread over the copies."""
    others = [str(uuid4()) for _ in range(PROJECTS - 1)]
    configstore = await _database(data, url, "configstore")
    try:
        named = ({"id": other, "name": f"p{i}"} for i, other in enumerate(others))
        await copy(configstore, projects, project, named)
    finally:
        await configstore.close()
    each = (RUNS - IN_ONE) // len(others)
    numbers = chain(
        ((project, n) for n in range(2, IN_ONE + 1)),
        ((other, n) for other in others for n in range(1, each + 1)),
    )
    runservice = await _database(data, url, "runservice")
    try:
        (first,) = await runservice.read(lambda tx: tx.all(runs.select()))
        of_runs = (
            {
                "sequence": first.sequence + i,
                "id": str(uuid4()),
                "number": number,
                "group_path": first.group_path.replace(project, of),
                "counter_path": first.counter_path.replace(project, of),
            }
            for i, (of, number) in enumerate(numbers, start=1)
        )
        await copy(runservice, runs, first.id, of_runs)
    finally:
        await runservice.close()


async def _database(data: Path, url: str | None, name: str) -> Database:
    return await Database.open(
        url or f"sqlite:///{data}/{name}.db", name=name, migrations=f"tidemill.services.{name}.migrations"
    )


class _Answers:
    """How long each answer took, and how many came in a second."""

    def __init__(self, seconds: list[float], whole: float) -> None:
        self.seconds = seconds
        self.rate = len(seconds) / whole


async def _ask(url: str, token: str) -> _Answers:
    """GETs over kept connections, by as little code as will do: it shares the machine with who answers."""
    parts = urlsplit(url)
    head = (
        f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n"
        f"Authorization: token {token}\r\n\r\n"
    ).encode()
    await _round(parts.port or 80, head, WARM)
    began = time.perf_counter()
    seconds = await _round(parts.port or 80, head, REQUESTS)
    return _Answers(seconds, time.perf_counter() - began)


async def _round(port: int, head: bytes, requests: int) -> list[float]:
    seconds: list[float] = []

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(requests // CONNECTIONS):
            began = time.perf_counter()
            writer.write(head)
            await _answer(reader)
            seconds.append(time.perf_counter() - began)
        writer.close()

    async with asyncio.timeout(120):
        await asyncio.gather(*(caller() for _ in range(CONNECTIONS)))
    return seconds


async def _answer(reader: asyncio.StreamReader) -> Any:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200 "), head
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return await reader.readexactly(int(length))
