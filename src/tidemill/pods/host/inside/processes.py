"""Processes: who descends from whom, who belongs to which command, and becoming a command."""

import _signal  # type: ignore[import-not-found]  # it has no stubs, and `signal` costs 4 ms of enums
import os

MARK = b"TIDEMILL_EXEC"
"""The variable by which a process tells which command it belongs to: `<pod>/<key>`."""


def children() -> dict[int, list[int]]:
    """Who is whose child, as /proc shows it."""
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue  # it has ended meanwhile
            found.setdefault(parent, []).append(int(name))
    return found


def below(root: int, by_parent: dict[int, list[int]] | None = None) -> set[int]:
    """All descendants of a process."""
    by_parent = children() if by_parent is None else by_parent
    found: set[int] = set()
    ends = [root]
    while ends:
        new = set(by_parent.get(ends.pop(), ())) - found
        found |= new
        ends += new
    return found


def belonging(mark: bytes, others: set[int]) -> set[int]:
    """Our descendants that carry *mark*, or none and do not descend from *others*."""
    by_parent = children()
    found = below(os.getpid(), by_parent)
    for other in others:
        found -= below(other, by_parent) | {other}
    return {pid for pid in found if mark_of(pid) in (b"", mark)}


def mark_of(pid: int) -> bytes:
    """The command that a process says it belongs to, b"" if it does not say."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as environment:
            entries = environment.read().split(b"\0")
    except OSError:
        return b""
    return next((entry[len(MARK) + 1 :] for entry in entries if entry.startswith(MARK + b"=")), b"")


def signal_all(pids: set[int], *signals: int) -> None:
    """Signal each of them that is still there."""
    for pid in pids:
        for number in signals:
            try:
                os.kill(pid, number)
            except OSError:
                break


def become(argv: list[bytes], environment: dict[bytes, bytes], directory: bytes) -> int:
    """In a new process: execute the command; comes back with an exit code only when that fails."""
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ, _signal.SIGINT, _signal.SIGHUP, _signal.SIGTERM):
        _signal.signal(number, _signal.SIG_DFL)
    try:
        os.chdir(directory)
    except (OSError, ValueError) as error:
        os.write(2, b"cannot enter the working directory %s: %s\n" % (directory, reason(error)))
        return 1
    try:
        execute(argv, environment)
    except (OSError, ValueError) as error:
        os.write(2, b"cannot run %s: %s\n" % (argv[0], reason(error)))
        return 127 if isinstance(error, FileNotFoundError) else 126
    return 0


def execute(argv: list[bytes], environment: dict[bytes, bytes]) -> None:
    """Become the command, looked up in the PATH of *environment*; raises why that fails."""
    if b"/" in argv[0]:
        os.execve(argv[0], argv, environment)
    failure: OSError = FileNotFoundError(2, "command not found")
    for directory in environment[b"PATH"].split(b":"):
        try:
            os.execve(os.path.join(directory or b".", argv[0]), argv, environment)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            failure = error
    raise failure


def reason(error: Exception) -> bytes:
    """Why, in the system's words."""
    return str(getattr(error, "strerror", None) or error).encode()
