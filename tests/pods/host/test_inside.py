"""What the supervisor in a pod does with commands, in a sandbox and without."""

import fcntl
import hashlib
import os
import re
import resource
import subprocess
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from tests.pods.worlds import DEADLINE, HostWorld, ended, has_output, prepare, run, shell, until
from tidemill.pods import Exec, Pod
from tidemill.pods.host.line import Line
from tidemill.pods.host.pod import HostPod

pytestmark = pytest.mark.anyio

LOCK = "exec 9>~/lock; flock 9"


async def death_of_the_lock_holder(world: HostWorld, pod: Pod) -> None:
    """Wait until nobody holds the lock in the pod's home any more; only death lets go of it."""
    with (world.home(pod) / "lock").open("w") as lock, anyio.fail_after(DEADLINE):
        await anyio.to_thread.run_sync(fcntl.flock, lock, fcntl.LOCK_EX, abandon_on_cancel=True)


def is_locked(world: HostWorld, pod: Pod) -> bool:
    with (world.home(pod) / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def supervisor_of(pod: Pod) -> int:
    """The process id of a pod's supervisor."""
    assert isinstance(pod, HostPod)
    with Line.to(pod.directory) as line:
        process = line.supervisor()
    described = Path(f"/proc/self/fdinfo/{process}").read_text()
    os.close(process)
    return int(next(row.split()[1] for row in described.splitlines() if row.startswith("Pid:")))


def peak_memory(pid: int) -> int:
    """The most memory that a process has ever had, in kilobytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(row.split()[1] for row in status.splitlines() if row.startswith("VmHWM:")))


def digest_of(*command: str) -> str:
    """The SHA-256 of what a command puts out here."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        return hashlib.file_digest(process.stdout, "sha256").hexdigest()


async def digest(pod: Pod, size: int) -> str:
    """The SHA-256 of a command's output, read in parts."""
    whole, at = hashlib.sha256(), 0
    while data := await pod.read("step", at, 1 << 20):
        whole.update(data)
        at += len(data)
    assert at == size
    return whole.hexdigest()


async def test_a_hundred_megabytes_arrive_exactly(host: HostWorld) -> None:
    """Not a byte of a flood is lost, and the supervisor stays small."""
    lines = 12_700_000
    pod = await prepare(host)
    await pod.start(shell(f"seq 1 {lines}"))
    with anyio.fail_after(60):
        progress = await ended(pod)
    assert progress.size > 100_000_000
    assert await digest(pod, progress.size) == digest_of("seq", "1", str(lines))
    assert peak_memory(supervisor_of(pod)) < 30_000, "kilobytes"


async def test_a_terminal_tells_everything_too(host: HostWorld) -> None:
    """A command that ends at once after a lot of output on a terminal loses none of it."""
    pod = await prepare(host)
    wanted = "".join(f"{number}\r\n" for number in range(1, 300_001)).encode()
    for attempt in range(5):
        progress, output = await run(pod, shell("seq 1 300000", key=f"seq-{attempt}", tty=True))
        assert progress.exit_code == 0
        assert output == wanted


async def test_ten_megabytes_on_one_line(host: HostWorld) -> None:
    """Lines mean nothing to a supervisor."""
    pod = await prepare(host)
    progress, output = await run(pod, shell("head -c 10000000 /dev/zero | tr '\\0' x"))
    assert progress.size == 10_000_000
    assert set(output) == set(b"x")


async def test_bytes_are_bytes(host: HostWorld) -> None:
    """Invalid UTF-8 and NUL pass as they are."""
    pod = await prepare(host)
    _, output = await run(pod, shell(r"printf '\377\376\000\303('"))
    assert output == b"\xff\xfe\x00\xc3("


async def test_both_streams_are_one(host: HostWorld) -> None:
    """Standard output and error stand in the order in which they were written."""
    pod = await prepare(host)
    _, output = await run(pod, shell("echo 1; echo 2 >&2; echo 3; echo 4 >&2"))
    assert output == b"1\n2\n3\n4\n"


@pytest.mark.parametrize(("number", "code"), [("KILL", 137), ("SEGV", 139), ("HUP", 129), ("PIPE", 141)])
async def test_a_death_by_signal_is_an_exit_code(host: HostWorld, number: str, code: int) -> None:
    """128 and the signal's number; no signal is ignored on behalf of commands."""
    pod = await prepare(host)
    progress, _ = await run(pod, shell(f"kill -{number} $$"))
    assert progress.exit_code == code


async def test_a_missing_program_is_named(host: HostWorld) -> None:
    """127, with a line that says which."""
    pod = await prepare(host)
    progress, output = await run(pod, Exec(key="step", argv=("no-such-shell", "-e"), script="echo hi"))
    assert (progress.exit_code, output) == (127, b"cannot run no-such-shell: command not found\n")


async def test_a_file_that_cannot_be_executed_is_named(host: HostWorld) -> None:
    """126, as shells say it."""
    pod = await prepare(host)
    progress, output = await run(pod, Exec(key="step", argv=("/etc/passwd",)))
    assert (progress.exit_code, output) == (126, b"cannot run /etc/passwd: Permission denied\n")


async def test_a_missing_working_directory_fails_the_command(host: HostWorld) -> None:
    """Exit code 1 and the reason; only the pod's own working directory is made for it."""
    pod = await prepare(host, working_dir="~/made/for/us")
    progress, output = await run(pod, shell("pwd", key="there", working_dir="~/made/for/us"))
    assert (progress.exit_code, output.rstrip().endswith(b"/made/for/us")) == (0, True)
    progress, output = await run(pod, shell("pwd", key="missing", working_dir="~/missing"))
    assert progress.exit_code == 1
    assert b"cannot enter the working directory" in output
    assert b"/missing: No such file or directory" in output


async def test_without_a_terminal_there_is_nothing_to_read(host: HostWorld) -> None:
    """Standard input is empty and no terminal; three descriptors are open and no more."""
    pod = await prepare(host)
    script = "cat; for fd in 0 1 2; do test -t $fd && echo terminal; done; ls /proc/self/fd; echo $TERM"
    _, output = await run(pod, shell(script))
    assert output == b"0\n1\n2\n3\ndumb\n", "3 is the directory that ls lists"


async def test_a_terminal_is_one(host: HostWorld) -> None:
    """A terminal of usual size that controls the command, with carriage returns."""
    pod = await prepare(host)
    _, output = await run(pod, shell("stty size < /dev/tty; test -t 1 && test -t 2 && echo $TERM", tty=True))
    assert output == b"24 80\r\nxterm\r\n"


async def test_nobody_types_at_a_terminal(host: HostWorld) -> None:
    """Who reads is at the end at once, and who shows pages does not wait for a key."""
    pod = await prepare(host)
    script = (
        "cat; read -r line || echo nothing; seq 100 > ~/lines;"
        " git --paginate diff --no-index /dev/null lines || echo $?"
    )
    _, output = await run(pod, shell(script, tty=True))
    lines = re.sub(rb"\x1b[^m]*m", b"", output).split()
    assert (lines[0], lines[-2:]) == (b"nothing", [b"+100", b"1"])


async def test_the_environment_is_what_was_given(host: HostWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the server's environment arrives; what everybody needs is there unless given."""
    monkeypatch.setenv("TIDEMILL_ADMIN_TOKEN", "secret")
    pod = await prepare(host)
    given = {"PATH": "/usr/bin:/bin", "EMPTY": "", "LINES_OF": "a\nb", "USER": "somebody"}
    _, output = await run(pod, Exec(key="step", argv=("env", "-0"), environment=given))
    found = dict(entry.split("=", 1) for entry in output.decode().rstrip("\0").split("\0"))
    assert given.items() <= found.items()
    assert found["TIDEMILL_EXEC"].endswith("/step")
    assert set(found) - set(given) == {
        "HOME",
        "LOGNAME",
        "PAGER",
        "SHELL",
        "TERM",
        "TIDEMILL_EXEC",
        "TMPDIR",
    }


async def test_a_shell_is_as_in_a_fresh_login(host: HostWorld) -> None:
    """The shell level does not count our own shells, and no core is ever dumped."""
    pod = await prepare(host)
    _, output = await run(pod, Exec(key="step", argv=("bash",), script="echo $SHLVL; ulimit -c; umask\n"))
    assert output == b"1\n0\n0022\n"


async def test_a_script_is_for_its_owner_only(host: HostWorld) -> None:
    """It stands in the pod's temporary directory, as it may hold secrets."""
    pod = await prepare(host)
    _, output = await run(pod, shell('stat -c "%a %n" "$0"; dirname "$0"; echo "$TMPDIR"'))
    mode, place, directory, temporary = output.decode().split()
    assert (mode, directory) == ("600", temporary)
    assert place.startswith(f"{temporary}/")


@pytest.mark.parametrize("tty", [False, True])
async def test_a_command_ends_with_its_main_process(host: HostWorld, tty: bool) -> None:
    """A child that stays behind and holds the output open delays nothing, and lives on in the pod."""
    pod = await prepare(host)
    child = f"setsid sh -c '{LOCK}; echo > ~/up; yes still there'"
    progress, output = await run(pod, shell(f"mkfifo ~/up; {child} & read -r _ < ~/up; echo done", tty=tty))
    assert progress.exit_code == 0
    assert b"done" in output
    assert is_locked(host, pod)


async def test_closing_a_pod_ends_everything_in_it(host: HostWorld) -> None:
    """What a command has left running ends with the pod, whose directory is gone then."""
    pod = await prepare(host)
    await run(pod, shell(f"mkfifo ~/up; setsid sh -c '{LOCK}; echo > ~/up; sleep 1000' & read -r _ < ~/up"))
    holder = os.open(host.home(pod) / "lock", os.O_WRONLY)
    await pod.close()
    fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(holder)
    assert not (host.directory / pod.id).exists()


async def test_directories_that_a_task_has_closed_are_removed(host: HostWorld) -> None:
    """Neither modes nor links keep a pod from being removed, and links lead nowhere."""
    pod = await prepare(host)
    outside = host.directory.parent / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    await run(pod, shell(f"mkdir -p ~/a/b; touch ~/a/b/c; ln -s {outside} ~/a/link; chmod 0 ~/a/b ~/a"))
    await pod.close()
    assert (outside / "kept").exists()
    assert not (host.directory / pod.id).exists()


DAEMONS = {
    "in a session of its own": "setsid sh -c '{body}' &",
    "forked twice": "( setsid sh -c '{body}' & ) &",
    "without a trace in its environment": "( env -i HOME=$HOME PATH=$PATH setsid sh -c '{body}' & ) &",
    "deaf to TERM": "( setsid sh -c \"trap '' TERM; {body}\" & ) &",
}


@pytest.mark.parametrize("daemon", DAEMONS.values(), ids=DAEMONS.keys())
async def test_stop_reaches_every_process(host: HostWorld, daemon: str) -> None:
    """However a process has left its family, stopping the command ends it."""
    pod = await prepare(host)
    start = daemon.format(body=f"{LOCK}; echo up; sleep 1000; true")
    await pod.start(shell(f"{start}\nsleep 1000"))
    await has_output(pod, b"up\n")
    await pod.stop("step", 0.1)
    await ended(pod)
    await death_of_the_lock_holder(host, pod)


async def test_stop_leaves_other_commands_alone(host: HostWorld) -> None:
    """What another command runs, or has left running, goes on."""
    pod = await prepare(host)
    await run(
        pod,
        shell(
            f"mkfifo ~/up; setsid sh -c '{LOCK}; echo > ~/up; sleep 1000' & read -r _ < ~/up", key="service"
        ),
    )
    await pod.start(shell(f"echo ready\n{host.wait('gate')}\necho alive", key="other"))
    await has_output(pod, b"ready\n", key="other")
    await pod.start(shell("echo ready; sleep 1000"))
    await has_output(pod, b"ready\n")
    await pod.stop("step", 0.0)
    assert (await ended(pod)).exit_code in (137, 143)
    await host.release(pod, "gate")
    assert (await ended(pod, "other")).exit_code == 0
    assert is_locked(host, pod)


async def test_output_that_cannot_be_stored_ends_the_command(host: HostWorld) -> None:
    """A full disk is an error that says so, not a hang; what was stored before is there."""
    pod = await prepare(host)
    resource.prlimit(supervisor_of(pod), resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    await pod.start(shell("yes"))
    progress = await ended(pod)
    assert progress.exit_code == 137
    assert progress.error == "its output could not be stored: File too large"
    assert progress.size == 100_000


async def test_a_large_request_arrives(host: HostWorld) -> None:
    """A script of some megabytes is more than a socket takes at once."""
    pod = await prepare(host)
    _, output = await run(pod, shell("# " + "x" * 5_000_000 + "\necho done"))
    assert output == b"done\n"


async def test_too_much_environment_is_told(host: HostWorld) -> None:
    """What the kernel refuses stands in the output."""
    pod = await prepare(host)
    progress, output = await run(pod, shell("true", environment={"BIG": "x" * 3_000_000}))
    assert (progress.exit_code, output) == (126, b"cannot run /bin/sh: Argument list too long\n")


@pytest.mark.parametrize("tty", [False, True])
async def test_an_endless_flood_takes_constant_room(host: HostWorld, tty: bool) -> None:
    """Of disk and of memory; it is stopped as anything else, also what it has left in the background."""
    pod = await prepare(host)
    await pod.start(shell(f"yes & {LOCK}; exec yes", most=1 << 20, tty=tty))
    await until(pod, "step", lambda progress: progress.left_out > 0)
    size, before = (host.directory / "pod" / "steps" / "step" / "output").stat().st_size, 0
    assert size == 1 << 20
    while before < 64 << 20:  # each look is a while later
        async with aclosing(pod.follow("step")) as reports:
            before = (await anext(reports)).left_out
    assert (host.directory / "pod" / "steps" / "step" / "output").stat().st_size == size
    assert peak_memory(supervisor_of(pod)) < 64 << 10
    await pod.stop("step", 0.2)
    progress = await ended(pod)
    assert (progress.size, progress.exit_code) == (1 << 20, 128 + 15)
    await death_of_the_lock_holder(host, pod)


async def test_a_flood_left_in_the_background_does_not_keep_its_command_alive(host: HostWorld) -> None:
    """Nor does it when the log is full."""
    pod = await prepare(host)
    progress, output = await run(pod, shell("yes &\nexit 4", most=1000))
    assert (progress.exit_code, len(output)) == (4, progress.size)
    assert progress.size <= 1000
