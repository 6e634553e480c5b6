"""What a task sees of the machine, and what it cannot see or change."""

import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.pods.conftest import leave
from tests.pods.worlds import HostWorld, host_world, prepare, run, shell
from tidemill.pods.host import sandbox
from tidemill.pods.host.sandbox import plan_mounts

pytestmark = pytest.mark.anyio


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that a sandbox shows, unlike those of tests in /tmp: within our own installation."""
    with tempfile.TemporaryDirectory(dir=sys.prefix, prefix="test-") as directory:
        yield Path(directory)


@pytest.fixture
async def installation(place: Path, anyio_backend: str) -> AsyncIterator[HostWorld]:
    """A data directory beside a settings file, both hidden, and a neighbour that is not."""
    (place / "data").mkdir()
    (place / "data" / "admin-token").write_text("secret")
    (place / "tidemill.yml").write_text("secret")
    (place / "neighbour").write_text("public")
    hide = (place / "data", place / "tidemill.yml")
    world = await host_world(place / "data" / "executor" / "pods", "on", hide=hide)
    yield world
    await leave(world)


async def told(world: HostWorld, script: str, pod_id: str = "pod") -> str:
    """What a script puts out in a fresh pod."""
    _, output = await run(await prepare(world, pod_id), shell(script))
    return output.decode()


async def test_the_server_is_out_of_sight(
    installation: HostWorld, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its data, nor its settings, nor its environment, nor any of its processes can be read."""
    monkeypatch.setenv("TIDEMILL_SERVICE_TOKEN", "secret")
    script = f"cat {place}/data/admin-token {place}/tidemill.yml /proc/*/environ || ls {place} {place}/data"
    output = await told(installation, f"({script}) 2>&1; cat {place}/neighbour")
    assert "secret" not in output
    assert "admin-token: No such file" in output
    assert output.endswith("public")


async def test_a_hidden_file_outside_of_tmp_reads_as_nothing(tmp_path: Path, anyio_backend: str) -> None:
    """The settings file may lie anywhere, beside things that tasks need."""
    world = await host_world(tmp_path / "pods", "on", hide=(Path("/etc/passwd"), Path("/etc/apt")))
    try:
        script = "cat /etc/passwd || echo refused; ls /etc/apt; test -s /etc/group && echo the rest is there"
        output = await told(world, script)
    finally:
        await leave(world)
    assert "root:" not in output
    assert output.splitlines()[-1] == "the rest is there"
    assert "sources" not in output


async def test_homes_are_out_of_sight(sandboxed: HostWorld) -> None:
    """Of all homes a task sees its own, the same path in every pod, and what Python itself needs."""
    script = (
        "echo ~; ls -A /home; ls -d /root/.ssh /root/.* 2>/dev/null | grep -v pyenv | grep -v '/[.]*$'; true"
    )
    assert await told(sandboxed, script) == "/home/tidemill\ntidemill\n"


def is_there(path: Path) -> bool:
    return path.exists()


async def test_tmp_is_private(sandboxed: HostWorld, tmp_path: Path) -> None:
    """Files in /tmp of the host are not those in /tmp of the task, nor of its neighbour."""
    marker = tmp_path / "marker"
    marker.touch()
    script = f"test -e {marker} || echo absent; touch /tmp/{tmp_path.name} /var/tmp/too; ls /tmp/too"
    assert await told(sandboxed, script) == "absent\n/tmp/too\n"
    assert not is_there(Path("/tmp", tmp_path.name))
    assert await told(sandboxed, f"test -e /tmp/{tmp_path.name} || echo absent", "other") == "absent\n"


async def test_nothing_else_can_be_written(sandboxed: HostWorld) -> None:
    """The root is read-only, and so are kernel settings, whoever we run as."""
    places = "/x /etc/x /usr/x /run/../x /sys/x /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname"
    script = f"for place in {places}; do (: >> $place) 2>/dev/null && echo could write $place; done; true"
    assert await told(sandboxed, script) == ""


async def test_root_is_nobody_special(sandboxed: HostWorld) -> None:
    """No capabilities, and no way to get any."""
    output = await told(sandboxed, "grep -E 'CapEff|CapPrm|NoNewPrivs' /proc/self/status")
    assert output.split() == ["CapPrm:", "0" * 16, "CapEff:", "0" * 16, "NoNewPrivs:", "1"]


async def test_a_pod_sees_its_own_processes(sandboxed: HostWorld) -> None:
    """The supervisor is process 1; there are no others but the task's."""
    output = await told(sandboxed, "for p in /proc/[0-9]*; do cat $p/comm; done")
    assert len(output.split()) <= 4
    ours = os.getpid()
    assert await told(sandboxed, f"kill -0 {ours} 2>/dev/null || echo none", "other") == "none\n"


async def test_pods_do_not_see_each_other(sandboxed: HostWorld) -> None:
    """What one has in its home and its processes is not there for the other."""
    one = await prepare(sandboxed, "one")
    await run(
        one, shell("echo mine > ~/file; mkfifo ~/up; (setsid sleep 1000 & echo > ~/up) & read -r _ < ~/up")
    )
    other = await prepare(sandboxed, "two")
    _, output = await run(
        other, shell("ls -A ~; cat /proc/*/cmdline | tr '\\0' ' ' | grep -c '[s]leep 1000' || true")
    )
    assert output == b"project\n0\n"


@pytest.fixture
def engine_socket() -> Iterator[Path]:
    """A socket in /run, as an engine of containers has one."""
    path = Path(f"/run/tidemill-test-{os.getpid()}.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(str(path))
        except PermissionError:
            pytest.skip("only root may place a socket in /run")
        yield path
    path.unlink()


async def test_sockets_of_the_host_are_out_of_reach(sandboxed: HostWorld, engine_socket: Path) -> None:
    """An engine's socket in /run would be root on the host."""
    assert await told(sandboxed, "find /run /var/run/ -type s; echo searched") == "searched\n"


async def test_descriptors_of_the_server_do_not_leak(sandboxed: HostWorld) -> None:
    """The supervisor itself holds nothing that leads out of the sandbox."""
    output = await told(sandboxed, "readlink /proc/1/fd/* /proc/1/cwd /proc/1/root | sed 's/:.*//' | sort -u")
    places = [line for line in output.splitlines() if line not in {"/", "/dev/null", "/home/tidemill"}]
    allowed = ("pipe", "socket", "/pods/pod/supervisor.log", "/pods/pod/steps/step/", "/dev/pts", "/dev/ptmx")
    assert [place for place in places if not any(part in place for part in allowed)] == []


async def test_our_tools_work_inside(sandboxed: HostWorld) -> None:
    """Our own Python and git do, wherever they are installed; the network is the host's."""
    script = f"""
    {sys.executable} -c 'import tidemill.pods; print("python")'
    git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --format=%s
    test -s /etc/resolv.conf && echo resolver
    """
    assert await told(sandboxed, script) == "python\nx\nresolver\n"


def targets(hide: list[Path]) -> list[tuple[str, str]]:
    return [(option, target) for option, _, target in plan_mounts(hide, Path("/srv/program"))]


def test_only_the_uppermost_hidden_directory_is_covered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies below it is hidden with it."""
    monkeypatch.setattr(sandbox, "needed", set)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.setattr(sandbox, "TMP", "/elsewhere")
    found = targets([inner, tmp_path / "a"])
    assert ("--tmpfs", str(tmp_path / "a")) in found
    assert ("--tmpfs", str(inner)) not in found


def test_what_we_run_on_is_shown_again_and_what_is_hidden_in_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data directory within our own installation stays hidden, an installation within the data does not."""
    data, prefix = tmp_path / "data", tmp_path / "data" / "venv"
    secret = prefix / "secret"
    secret.mkdir(parents=True)
    monkeypatch.setattr(sandbox, "TMP", "/elsewhere")
    monkeypatch.setattr(sandbox, "needed", lambda: {prefix})
    found = targets([data, secret])
    order = [
        found.index(entry)
        for entry in (("--tmpfs", str(data)), ("--ro-bind", str(prefix)), ("--tmpfs", str(secret)))
    ]
    assert order == sorted(order)
