"""`tidemill serve` as a process: what it refuses, what it keeps private, how it ends."""

import contextlib
import os
import re
import signal
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from tests.cli.conftest import completed
from tests.system.server import Server, Work, config
from tidemill.errors import BadRequest
from tidemill.serve import DRAIN_SECONDS
from tidemill.serve.house import COMPONENTS, components
from tidemill.serve.listening import listen
from tidemill.settings import Secret, Settings, WebSettings

EMPTY = ("--components", "configstore")  # what is refused is refused before anything is started
TOKEN = {"TIDEMILL_SERVICE_TOKEN": "t"}


def refused(*arguments: str, environment: Mapping[str, str] = TOKEN) -> str:
    """The one line of a server that does not start."""
    answer = completed("serve", *arguments, environment=environment)
    assert (answer.code, answer.out) == (1, "")
    (line,) = answer.err.splitlines()
    return line.removeprefix("tidemill: ")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server") / "deep" / "data")
    running.log = tmp_path_factory.mktemp("log") / "server.log"
    yield running.start()
    if running.process and running.process.poll() is None:
        running.stop()


def test_an_unknown_component_is_refused(tmp_path: Path) -> None:
    """The answer names what is known, and nothing was made."""
    place = tmp_path / "data"
    line = refused("--data-dir", str(place), "--listen", "127.0.0.1:0", "--components", "gateway,nonsense")
    assert line.startswith("no such component: nonsense;")
    assert all(name in line for name in ("all", *COMPONENTS))
    assert not place.exists()


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        (("all",), COMPONENTS),
        (("executor", "all"), COMPONENTS),
        (("gateway", "executor"), ("gateway", "executor")),
    ],
)
def test_components_are_what_is_named(named: tuple[str, ...], meant: tuple[str, ...]) -> None:
    """`all` is every service, wherever it stands."""
    assert components(Settings(components=named)) == meant


def test_no_component_is_refused() -> None:
    """A server of nothing is a mistake."""
    with pytest.raises(BadRequest, match="names no service; known are all, configstore"):
        components(Settings(components=()))


@pytest.mark.parametrize("address", [":8000", "127.0.0.1:99999", "127.0.0.1:http"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    """The answer names the address."""
    with pytest.raises(BadRequest, match=re.escape(address)):
        listen(Settings(web=WebSettings(listen=address)))


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0"])
def test_loopback_needs_no_service_token(address: str) -> None:
    """What only this machine reaches is listened on as it is."""
    with listen(Settings(web=WebSettings(listen=address))) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_service_token_opens_an_address() -> None:
    """With the token every address may be listened on."""
    with listen(Settings(web=WebSettings(listen="0.0.0.0:0"), service_token=Secret("t"))) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"


def test_a_port_in_use_is_refused() -> None:
    """The answer says which, and how to take another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            BadRequest, match=f"cannot listen on {address}: another program listens there.*--listen"
        ):
            listen(Settings(web=WebSettings(listen=address)))


def test_a_wrong_component_is_told_before_a_port_in_use(tmp_path: Path) -> None:
    """Whoever mistypes a name is not sent to look for another port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = refused("--data-dir", str(tmp_path), "--listen", address, "--components", "gatway")
    assert line.startswith("no such component: gatway")


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_an_open_address_needs_a_service_token(address: str) -> None:
    """What other machines reach is refused without the token that guards internal services."""
    with pytest.raises(BadRequest, match="set service_token"):
        listen(Settings(web=WebSettings(listen=address)))


def test_a_data_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """A file where the directory's parent should be is one line."""
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "data"
    line = refused("--data-dir", str(place), "--listen", "127.0.0.1:0", *EMPTY)
    assert str(place) in line
    assert "choose another with --data-dir" in line


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    """What is there already is named."""
    (tmp_path / "file").write_text("")
    line = refused("--data-dir", str(tmp_path / "file"), "--listen", "127.0.0.1:0", *EMPTY)
    assert line == f"{tmp_path / 'file'} is not a directory; choose another with --data-dir"


def test_what_the_disk_refuses_at_the_start_is_one_line(tmp_path: Path) -> None:
    """A start that the file system does not allow says which file and why, without a traceback."""
    (tmp_path / "admin-token").mkdir()
    line = refused("--data-dir", str(tmp_path), "--listen", "127.0.0.1:0")
    assert line.startswith(f"cannot start on {tmp_path}: Is a directory ({tmp_path / 'admin-token'})")


def test_an_administrators_token_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    """A first start that a full disk or a power cut ended leaves nobody without an administrator."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "admin-token").write_text("")
    server = Server(tmp_path / "data").start()
    try:
        assert len(server.admin_token) == 40
        assert stat.S_IMODE((server.data / "admin-token").stat().st_mode) == 0o600
        assert server.user("alice").token
    finally:
        server.stop()


def test_a_server_whose_log_cannot_be_written_serves(tmp_path: Path) -> None:
    """A full disk behind its log takes nothing but lines from a server."""
    server = Server(tmp_path / "data")
    server.log = Path("/dev/full")
    server.start()
    try:
        assert server.user("alice").token
        lost = httpx2.get(f"{server.url}/metrics").text
        assert re.search(r"^tidemill_log_lines_lost_total [1-9]", lost, re.MULTILINE)
    finally:
        assert server.stop() == 0


def test_an_executors_directory_serves_one(tmp_path: Path) -> None:
    """A second executor on the same data would work in the same pods: it is refused."""
    environment = TOKEN | {"TIDEMILL_RUNSERVICE_URL": "http://127.0.0.1:1"}
    first = Server(tmp_path / "data", components="executor", environment=environment).start()
    try:
        line = refused(
            *("--data-dir", str(first.data), "--listen", "127.0.0.1:0", "--components", "executor"),
            environment=environment,
        )
        assert f"{first.data} is in use by another process (pid {first.pid})" in line
    finally:
        first.stop()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A directory without rights is one line."""
    (tmp_path / "data").mkdir(mode=0o500)
    assert "--data-dir" in refused("--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0", *EMPTY)


def test_a_service_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    """A component whose partner is neither here nor configured says which setting is missing."""
    line = refused("--data-dir", str(tmp_path / "d"), "--listen", "127.0.0.1:0", "--components", "gateway")
    assert "configstore.url" in line


def test_services_in_several_processes_need_a_token(tmp_path: Path) -> None:
    """Without it a task of the same machine could ask the internal services."""
    line = refused("--data-dir", str(tmp_path / "d"), "--listen", "127.0.0.1:0", *EMPTY, environment={})
    assert "service_token" in line


def test_a_data_directory_serves_one(server: Server) -> None:
    """A second server on the same data says who has it; the first one goes on."""
    line = refused("--data-dir", str(server.data), "--listen", "127.0.0.1:0")
    assert f"{server.data} is in use by another process (pid {server.pid})" in line
    assert server.process
    assert server.process.poll() is None


def test_what_is_kept_is_private(server: Server) -> None:
    """Only the owner reads the data directory, the administrator's token and the key of secrets."""
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    for name in ("admin-token", "secret-key"):
        assert stat.S_IMODE((server.data / name).stat().st_mode) == 0o600
    for path in server.data.iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_follower_does_not_hold_up_the_end(server: Server, tmp_path: Path) -> None:
    """SIGTERM ends an open log stream and the server, with exit code 0, well within the drain."""
    work = Work(tmp_path / "work", server.user("alice").project("hello"))
    work.commit(config("echo begun; exec sleep 300"))
    work.push()
    blocks = following(work)
    reader = Thread(target=read_until_cut, args=(blocks,))
    reader.start()
    assert ended(server, signal.SIGTERM) == 0
    reader.join(10)
    assert not reader.is_alive()
    server.start()
    work.project.user.put(f"{work.project.ref}/runs/1/actions", {"action_type": "stop"})
    assert work.project.finished(1)["result"] == "stopped"


def ended(server: Server, number: signal.Signals) -> int:
    """The exit code of a server that was sent a signal; it has its drain and little more."""
    assert server.process
    server.signal(number)
    server.process.wait(DRAIN_SECONDS + 3)
    return server.stop()


def read_until_cut(blocks: Iterator[bytes]) -> None:
    with contextlib.suppress(httpx2.TransportError):
        for _ in blocks:
            pass


def following(work: Work) -> Iterator[bytes]:
    """The log of the first step, of which the first bytes have been read."""
    for state in work.project.states(1):
        if state["phase"] == "running" and any(t["status"] == "running" for t in state["tasks"].values()):
            break
    blocks = work.project.log_blocks(1, "task", 0)
    assert next(blocks).startswith(b"begun")
    return blocks


def test_ctrl_c_ends_a_server(server: Server) -> None:
    """SIGINT is as good as SIGTERM."""
    assert ended(server, signal.SIGINT) == 0
