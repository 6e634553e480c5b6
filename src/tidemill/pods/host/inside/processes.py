"""Processes: who descends from whom, who belongs to which command, and becoming a command."""

import _signal  # type: ignore[import-not-found]  # it has no stubs, and `signal` costs 4 ms of enums
import os

DEFAULTS = (_signal.SIGPIPE, _signal.SIGXFSZ, _signal.SIGINT, _signal.SIGHUP, _signal.SIGTERM)
"""Signals that mean to a command what they usually mean, whatever they mean to us."""
ARCHIVE = 3
"""Where a chore finds the archive that it reads or writes."""
MARK = b"TIDEMILL_EXEC"
"""The variable by which a process tells which command it belongs to: `<mark of the pod>/<key>`."""


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


def spawn(
    argv: list[bytes], environment: dict[bytes, bytes], output: int, tty: bool, archive: int = -1
) -> int:
    """Start a command in a session of its own, on a terminal or a pipe; raises why that fails.

    By `posix_spawn`, as a fork of this process takes a millisecond. A terminal that the leader of a new
    session opens is its controlling terminal. Nobody would ever type there: its input is ours, /dev/null.
    """
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [(os.POSIX_SPAWN_DUP2, output, 1)]
    if tty:
        actions = [(os.POSIX_SPAWN_OPEN, 1, os.ttyname(output), os.O_RDWR, 0)]
    actions.append((os.POSIX_SPAWN_DUP2, 1, 2))
    if archive >= 0:
        actions.append((os.POSIX_SPAWN_DUP2, archive, ARCHIVE))
    failure: OSError = FileNotFoundError(2, "command not found")
    for path in candidates(argv[0], environment[b"PATH"]):
        try:
            return os.posix_spawn(
                path, argv, environment, file_actions=actions, setsid=True, setsigmask=(), setsigdef=DEFAULTS
            )
        except NotADirectoryError:
            continue
        except FileNotFoundError as error:
            failure = error if b"/" in argv[0] else failure
        except PermissionError as error:
            failure = error
    raise failure


def candidates(program: bytes, path: bytes) -> list[bytes]:
    """Where a program may be."""
    if b"/" in program:
        return [program]
    return [os.path.join(directory or b".", program) for directory in path.split(b":")]


def reason(error: Exception) -> bytes:
    """Why, in the system's words."""
    return str(getattr(error, "strerror", None) or error).encode()
