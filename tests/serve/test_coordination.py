"""Servers on an etcd: they know of each other, do without it for a while, and tell what is wrong with it."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import anyio
import httpx2
import pytest

from tests.etcd import Etcd, settled
from tests.postgres import Server as Postgres
from tests.system.server import TIDEMILL, Server, Work, config
from tidemill.kit.coord import View
from tidemill.kit.coord.etcd import Address, EtcdCoordinator
from tidemill.serve.house import COMPONENTS, WITH_DATABASE, House
from tidemill.settings import CoordinatorSettings, Settings

#: Seconds after which listeners look by themselves.
SLOW_TIMER = 15.0


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[Etcd]:
    """An etcd of this test alone."""
    server = Etcd(tmp_path / "etcd", "--heartbeat-interval=20", "--election-timeout=200")
    yield server.start()
    server.kill()


def test_a_server_does_without_its_etcd_for_a_while(etcd: Etcd, tmp_path: Path) -> None:
    """While etcd is away /readyz says so and runs go on; when it is back, empty, the server registers again."""
    server = Server(tmp_path / "data", environment={"TIDEMILL_COORDINATOR_URL": etcd.url}).start()
    try:
        assert not (server.data / "coordinator.db").exists()
        work = Work(tmp_path / "work", server.user("alice").project("hello"))
        before = anyio.run(registered, etcd, 1)
        etcd.kill()
        assert "coordinator" in unready(server)
        work.commit(config("echo hello"), "a change")
        assert "run #1 " in work.push()
        assert work.project.finished(1)["result"] == "success"
        etcd.wipe()
        etcd.start()
        assert anyio.run(registered, etcd, 1) == before
        deadline = time.monotonic() + 20
        while unready(server):
            assert time.monotonic() < deadline
    finally:
        server.stop()


def test_servers_know_of_each_other_until_they_stop(etcd: Etcd, tmp_path: Path) -> None:
    """Each is in the registry, and gone from it when it stops, not only when its lease is over."""
    servers = [
        Server(tmp_path / name, environment={"TIDEMILL_COORDINATOR_URL": etcd.url}) for name in ("one", "two")
    ]
    try:
        for server in servers:
            server.start()
        assert len(anyio.run(registered, etcd, 2)) == 2
        servers[0].stop()
        assert len(anyio.run(registered, etcd, 1)) == 1
    finally:
        for server in servers:
            server.stop()


def test_a_bell_crosses_processes(etcd: Etcd, postgres_server: Postgres, tmp_path: Path) -> None:
    """An executor that waits at one runservice starts at once what another one has made ready."""
    database = f"test_{uuid4().hex[:12]}"
    anyio.run(postgres_server.create, database)
    url = postgres_server.url(database)
    shared = {"TIDEMILL_COORDINATOR_URL": etcd.url, "TIDEMILL_SERVICE_TOKEN": "shared"}
    shared |= {f"TIDEMILL_{name.upper()}_DATABASE": url for name in WITH_DATABASE}
    everything_else = ",".join(name for name in COMPONENTS if name != "executor")
    one = Server(tmp_path / "one", components=everything_else, environment=shared)
    two = Server(tmp_path / "two", components="runservice", environment=shared)
    three = Server(tmp_path / "three", components="executor", environment=shared)
    servers = [one, two, three]
    try:
        one.start()
        two.environment["TIDEMILL_CONFIGSTORE_URL"] = one.url
        two.start()
        three.environment["TIDEMILL_RUNSERVICE_URL"] = two.url
        three.start()
        work = Work(tmp_path / "work", one.user("alice").project("hello"))
        for number in (1, 2, 3):
            work.commit(config("echo hello"), f"change {number}")
            work.push()
            began = time.monotonic()
            assert work.project.finished(number)["result"] == "success"
        assert time.monotonic() - began < SLOW_TIMER / 2
    finally:
        for server in servers:
            server.stop()
        anyio.run(postgres_server.drop, database)


def test_files_of_sqlite_are_for_one_process_also_with_etcd(etcd: Etcd, tmp_path: Path) -> None:
    """The second server in a data directory is refused."""
    server = Server(tmp_path / "data", environment={"TIDEMILL_COORDINATOR_URL": etcd.url}).start()
    try:
        code, line = start(server.data, f"coordinator: {{url: '{etcd.url}'}}")
        assert code == 1
        assert "is in use by another process" in line
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "coordinator: {url: 'http://a:1'}",
            "coordinator.url 'http://a:1': it begins with etcd:// or https://",
        ),
        (
            "coordinator: {url: 'https://a:1', ca: /nowhere/ca.pem}",
            "/nowhere/ca.pem: No such file or directory",
        ),
        (
            "coordinator: {url: 'etcd://a:1', user: ci}",
            "coordinator.user and coordinator.password_file go together",
        ),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path: Path, settings: str, message: str) -> None:
    """The server does not start, and says which setting is wrong and how."""
    code, line = start(tmp_path / "data", settings)
    assert code == 1
    assert message in line
    assert line.count("\n") == 1


def test_no_task_sees_what_opens_etcd(tmp_path: Path) -> None:
    """The private key and the password are hidden from the sandbox."""
    key, password = tmp_path / "key.pem", tmp_path / "password"
    coordinator = CoordinatorSettings(key=str(key), password_file=str(password))
    house = House(Settings(data_dir=tmp_path / "data", coordinator=coordinator), "http://127.0.0.1:1", None)
    assert {key, password} <= set(house._hidden())


def unready(server: Server) -> str:
    """What /readyz complains of, nothing when it does not."""
    answer = httpx2.get(server.url + "/readyz", timeout=10)
    return "" if answer.status_code == 200 else answer.text


def start(data: Path, settings: str) -> tuple[int, str]:
    """The exit code of a server that does not start, and what it says last."""
    file = data.parent / "tidemill.yml"
    file.write_text(settings)
    command = [TIDEMILL, "serve", "--config", str(file), "--data-dir", str(data), "--listen", "127.0.0.1:0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, "".join(
        line for line in done.stderr.splitlines(keepends=True) if "tidemill: " in line
    )


async def registered(etcd: Etcd, count: int) -> set[str]:
    """The servers in the registry, once there are *count*."""
    coordinator = await EtcdCoordinator.open(Address(url=etcd.url))
    view = View(coordinator, "instances/server/")
    try:
        with anyio.fail_after(30):
            await view.look()
            while len(view.values) != count:
                await view.look()
        return set(view.values)
    finally:
        view.close()
        await coordinator.close()
        await settled()
