"""The start of a supervisor: an orderly process first, then the loop."""

import _signal  # type: ignore[import-not-found]  # it has no stubs, and `signal` costs 4 ms of enums
import os
import resource
import sys

from .supervisor import Supervisor

PR_SET_CHILD_SUBREAPER = 36


def become_reaper() -> None:
    """Be the parent of all orphans below, as process 1 is anyway."""
    import ctypes  # noqa: PLC0415  # 3 ms that only pods without a sandbox need

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main() -> None:
    """Be the supervisor of a pod: its arguments are below, home and tmp from the directory on."""
    listener, maker, directory, home, tmp = sys.argv[1:]
    given = {int(listener), int(maker)}
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd in given:
            os.set_inheritable(fd, False)
        elif fd > 2:
            os.closerange(fd, fd + 1)  # what the executor inherited without wanting it
    os.chdir(directory)
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    supervisor = Supervisor(int(listener), int(maker), home, tmp)
    for number in (_signal.SIGINT, _signal.SIGHUP):
        _signal.signal(number, _signal.SIG_IGN)
    if os.getpid() != 1:
        become_reaper()
        _signal.signal(_signal.SIGTERM, lambda *_: supervisor.close())
    supervisor.run()
