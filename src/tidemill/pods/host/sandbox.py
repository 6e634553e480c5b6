"""The bubblewrap sandbox around a pod: what is in it, and whether it works here."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import anyio

import tidemill
from tidemill.pods.host.program import python

HOME, TMP, VAR_TMP = "/home/tidemill", "/tmp", "/var/tmp"  # noqa: S108  # inside, where they are private
PROGRAM = "/run/tidemill"
"""Where the supervisor's program stands inside."""
COVERED = ("/home", "/root", "/run", "/var/run")
"""What no task has to see: people's files, and the sockets of what else runs here."""
WAY_OUT = "/proc/sys/kernel/core_pattern"
"""What is written there is executed by the host's kernel when a process of any pod crashes."""
NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
PATIENCE = 20.0

#: An option of bubblewrap, where it takes from (a relative path is the pod's), where it puts it.
Mount = tuple[str, str, str]


class Unsandboxed(Exception):
    """There is no sandbox; the message says why and what would help."""


class Sandbox:
    """Arguments that make a sandbox of any pod."""

    def __init__(self, options: Sequence[str], mounts: Sequence[Mount]) -> None:
        self.options = options
        self.mounts = mounts

    def around(self, pod: Path, command: Sequence[str]) -> list[str]:
        """*command* as process 1 in the sandbox of the pod in the directory *pod*."""
        arguments = list(self.options)
        for option, source, target in self.mounts:
            arguments += [option, str(pod / source), target] if source else [option, target]
        return [*arguments, "--chdir", HOME, "--as-pid-1", "--", *command]


async def find_sandbox(
    hide: Iterable[Path], show: Iterable[Path], path: str, pod: Path, program: Path
) -> Sandbox:
    """A sandbox that works here, as was tried with *pod*; raises `Unsandboxed`."""
    bubblewrap = shutil.which("bwrap", path=f"{path}:/usr/bin:/bin")
    if bubblewrap is None:
        raise Unsandboxed("bubblewrap is not installed (on Debian: apt install bubblewrap)")
    mounts = plan_mounts(hide, program, show)
    trouble = ""
    for user_namespace in ((), ("--unshare-user",)):
        sandbox = Sandbox([bubblewrap, *NAMESPACES, *user_namespace, *privileges()], mounts)
        try:
            with anyio.fail_after(PATIENCE):
                done = await anyio.run_process(
                    sandbox.around(pod, python("-c", "")), stdin=subprocess.DEVNULL, check=False, env={}
                )
        except TimeoutError:
            raise Unsandboxed(f"bubblewrap did not answer within {PATIENCE:.0f} s") from None
        if done.returncode == 0:
            return sandbox
        trouble = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
    raise Unsandboxed(f"bubblewrap does not work here: {trouble}")


def privileges() -> list[str]:
    """Root keeps nothing of its might; others have none to lose."""
    return ["--cap-drop", "ALL"] if os.getuid() == 0 else []


def plan_mounts(hide: Iterable[Path], program: Path, show: Iterable[Path] = ()) -> list[Mount]:
    """The host's files read-only; homes, sockets, *hide* covered; *show* and what we run on shown again."""
    own: dict[Path, Mount] = {
        Path(HOME): ("--bind", "home", HOME),
        Path(TMP): ("--bind", "tmp", TMP),
        Path(VAR_TMP): ("--bind", "tmp", VAR_TMP),
        Path(PROGRAM): ("--ro-bind", str(program), PROGRAM),
    }
    hidden = {path.resolve() for path in (*hide, *map(Path, COVERED), *home()) if path.exists()} - set(own)
    shown = (needed() | {path.resolve() for path in show if path.exists()}) - hidden - set(own)
    mounts: list[Mount] = [("--ro-bind", "/", "/"), ("--dev", "", "/dev"), ("--proc", "", "/proc")]
    if os.getuid() == 0 or os.access(WAY_OUT, os.W_OK):  # root may write to it also without capabilities
        mounts.append(("--remount-ro", "", "/proc"))
    covered: dict[Path, bool] = {}
    for path in sorted(hidden | shown | set(own), key=lambda path: len(path.parts)):
        nearest = next((covered[above] for above in path.parents if above in covered), False)
        if path in own:
            mounts.append(own[path])
        elif (path in hidden) == nearest:
            continue  # what is above it does that already
        elif path in shown:
            mounts.append(("--ro-bind", str(path.resolve()), str(path)))
        elif path.is_dir():
            mounts.append(("--tmpfs", "", str(path)))
        else:
            mounts.append(("--ro-bind", os.devnull, str(path)))
        covered[path] = path in hidden or path in own
    return mounts


def home() -> list[Path]:
    """The home of the user that we run as, where it is one."""
    path = Path(pwd.getpwuid(os.getuid()).pw_dir)
    return [path] if path.exists() and path.stat().st_uid == os.getuid() and path != Path("/") else []


def needed() -> set[Path]:
    """What must be seen wherever it lies: our Python, our own code, the resolver's configuration."""
    paths = [Path(sys.prefix), Path(sys.base_prefix), Path(next(iter(tidemill.__path__)))]
    found = {Path("/etc/resolv.conf").resolve(), *(path.resolve() for path in paths)}
    found |= {path for path in paths if path.parent.resolve() == path.parent}
    return {path for path in found if path.exists()}
