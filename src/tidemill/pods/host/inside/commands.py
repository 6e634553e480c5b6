"""All commands of a pod: from the request to start one to its end, and how their processes are killed."""

import _signal  # type: ignore[import-not-found]  # it has no stubs, and `signal` costs 4 ms of enums
import os
import sys
import time

from .command import REST, Command
from .polling import Polling
from .processes import MARK, belonging, below, reason, signal_all

TYPE_CHECKING = False  # `typing` and `collections` cost another 3 ms
if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 256 * 1024
"""Bytes read at once."""
PACE = 0.001
"""Seconds to rest after a small read, so that who writes line by line is not asked line by line.

Also after one that is thrown away, so that who prints for ever does not take the machine from others.
"""
QUIET, LAST = 0.02, 1.0
"""Seconds of silence after which the terminal of an ended command has told everything, and of patience."""
ROUND, PATIENCE = 0.02, 5.0
"""Seconds between two looks for processes that must die, and how long they are looked for."""

TOOLBOX = "import sys; sys.path.insert(0, sys.argv.pop(1)); from toolbox.main import main; main()"


def chore() -> list[bytes]:
    """The program that does chores; it lies beside ours."""
    return [os.fsencode(word) for word in (sys.executable, "-I", "-S", "-c", TOOLBOX, sys.path[0])]


class Commands:
    """Commands by key. *tell* hears of each one that has news."""

    def __init__(self, polling: Polling, tell: "Callable[[Command], None]") -> None:
        self.polling, self.tell = polling, tell
        self.by_key: dict[bytes, Command] = {}
        self.buffer = memoryview(bytearray(BLOCK))
        self.mark = b""
        """What all processes of the pod carry."""
        self.environment: dict[bytes, bytes] = {}
        """What every command finds in its environment unless it is given otherwise."""
        self.home, self.tmp = "", ""

    def watch_children(self) -> None:
        """Learn of every child's end."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        _signal.set_wakeup_fd(wake)

        def somebody_died() -> None:
            os.read(woken, 512)
            self.reap()

        self.polling.watch(woken, somebody_died)

    def expand(self, path: bytes) -> bytes:
        """A working directory: `~` and `~/…` are the pod's home, and so is what is relative."""
        home = os.fsencode(self.home)
        return home + path[1:] if path == b"~" or path.startswith(b"~/") else os.path.join(home, path)

    def start(self, files: list[int], key: bytes, working_dir: bytes, tty: bytes, *words: bytes) -> None:
        """Start a command, once.

        *words* are the most output, a script, the length of argv, argv and variables. Without argv it is
        a chore, and the script is its order.
        """
        if key in self.by_key:
            for fd in files:
                os.close(fd)
            return
        most, has_script, script, count, *rest = words
        argv, variables = rest[: int(count)] or chore(), rest[int(count) :]
        environment = self.environment | {b"TERM": b"xterm" if tty == b"1" else b"dumb"}
        environment |= dict(variable.split(b"=", 1) for variable in variables)
        environment[MARK] = self.mark + b"/" + key
        command = self.by_key[key] = Command(key, files, tty == b"1", int(most))
        try:
            if has_script == b"1":
                argv.append(self.write(script))
            command.spawn(argv, environment, self.expand(working_dir))
        except OSError as error:
            command.error = b"it could not be started: " + reason(error)
        if command.source >= 0:
            self.polling.watch(command.source, lambda: self.pump(command))
        if not command.pid:
            self.finish(command)

    def write(self, script: bytes) -> bytes:
        """A file with the script, for nobody else to read."""
        path = f"{self.tmp}/tidemill-{os.urandom(8).hex()}.sh"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            while script:
                script = script[os.write(file, script) :]
        finally:
            os.close(file)
        return os.fsencode(path)

    def pump(self, command: Command) -> int:
        """Store a block of output; 0 at its end, -1 when there is none now."""
        count = command.pump(self.buffer)
        if count == 0:
            self.polling.drop(command.source)
            command.source = -1
        elif count > 0 and (count < BLOCK // 8 or command.left_out):
            self.polling.rest(command.source, PACE)
        if command.error and not command.is_doomed:
            self.kill(command)
        if command.is_concluding and count >= 0:
            self.conclude(command)
        if not command.ended_at:
            self.tell(command)
        return count

    def reap(self) -> None:
        """Bury the dead, and end commands whose main process is among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            command = next((c for c in self.by_key.values() if c.pid == pid), None)
            if command is not None:
                code = os.waitstatus_to_exitcode(status)
                command.code = code if code >= 0 else 128 - code
                command.pid = 0
                self.end(command)

    def end(self, command: Command) -> None:
        """The main process is gone: take what it has said, whoever else still holds its output open."""
        command.enough = command.told + REST
        while command.source >= 0 and command.told < command.enough and self.pump(command) > 0:
            pass
        if command.tty:  # which hands on with a delay what it was told
            command.is_concluding = True
            self.polling.at((command.key, "last"), LAST, lambda: self.finish(command))
        self.conclude(command)

    def conclude(self, command: Command) -> None:
        """Finish now, or when nothing more has come for a while."""
        if command.is_concluding and command.source >= 0 and command.told < command.enough:
            self.polling.at((command.key, "quiet"), QUIET, lambda: self.finish(command))
        else:
            self.finish(command)

    def finish(self, command: Command) -> None:
        """Everything about it is known."""
        command.is_concluding = False
        self.polling.cancel((command.key, "quiet"))
        self.polling.cancel((command.key, "last"))
        if not command.ended_at:
            command.end()
            self.tell(command)

    def stop(self, key: bytes, grace: bytes) -> None:
        """TERM to all processes of a command now, KILL after *grace* seconds to those that are left."""
        command = self.by_key.get(key)
        if command is not None:
            signal_all(self.members(command), _signal.SIGTERM, _signal.SIGCONT)
            self.polling.at((key, "kill"), float(grace), lambda: self.kill(command))

    def members(self, command: Command) -> set[int]:
        """Processes of a command: all of the pod but those that are known to be another command's."""
        others = {other.pid for other in self.by_key.values() if other is not command and other.pid}
        return belonging(self.mark + b"/" + command.key, others)

    def kill(self, command: Command, until: float | None = None) -> None:
        """Kill what is left of a command, and look again soon, as it may have forked meanwhile."""
        command.is_doomed = True
        until = until or time.monotonic() + PATIENCE
        members = self.members(command)
        signal_all(members, _signal.SIGKILL)
        if members and time.monotonic() < until:
            self.polling.at((command.key, "kill"), ROUND, lambda: self.kill(command, until))

    def kill_all(self) -> None:
        """Kill every process below us and see them dead; there is always one that was just born."""
        until = time.monotonic() + PATIENCE
        while (members := below(os.getpid())) and time.monotonic() < until:
            signal_all(members, _signal.SIGKILL)
            time.sleep(ROUND / 10)
            self.reap()
