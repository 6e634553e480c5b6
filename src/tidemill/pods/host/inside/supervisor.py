"""The supervisor of a pod: it starts commands, keeps their output and ends, and kills their trees.

It is process 1 of the sandbox where there is one. Until the pod is claimed for a task it dies with the
connection of the executor that made it; from then on it outlives executors, which find it by its socket.
"""

import _signal  # type: ignore[import-not-found]  # it has no stubs, and `signal` costs 4 ms of enums
import _socket
import os
import select
import time

from .command import REST, Command
from .frames import take
from .peer import Peer
from .processes import MARK, belonging, below, reason, signal_all

TYPE_CHECKING = False  # `typing` and `collections` cost another 3 ms
if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 256 * 1024
"""Read at once."""
QUIET = 0.02
"""Seconds without output after which the terminal of an ended command has told everything."""
LAST = 1.0
"""Seconds after which it has told everything although others go on talking."""
HEARTBEAT = 15.0
"""Seconds after which a `wait` is answered although nothing has changed."""
ROUND = 0.02
"""Seconds between two looks for processes that must die."""
PATIENCE = 5.0
"""Seconds for which they are looked for."""


class Supervisor:
    """All commands of one pod, in one thread, around one poll."""

    def __init__(self, listener: int, maker: int, home: str, tmp: str) -> None:
        self.home, self.tmp = home, tmp
        self.claimed = False
        self.mark = b""
        self.environment: dict[bytes, bytes] = {}
        self.commands: dict[bytes, Command] = {}
        self.peers: dict[int, Peer] = {}
        self.buffer = memoryview(bytearray(BLOCK))
        self.poll = select.poll()
        self.ready: dict[int, Callable[[], object]] = {}
        self.listener = _socket.socket(fileno=listener)
        self.listener.listen(64)
        self.watch(listener, self.accept)
        self.meet(maker)  # the executor that makes this pod

    def watch(self, fd: int, ready: "Callable[[], object]") -> None:
        os.set_blocking(fd, False)
        self.ready[fd] = ready
        self.poll.register(fd, select.POLLIN)

    def forget(self, fd: int) -> None:
        if self.ready.pop(fd, None):
            self.poll.unregister(fd)
        os.close(fd)

    def watch_children(self) -> None:
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        _signal.set_wakeup_fd(wake)
        self.watch(woken, lambda: self.reap(woken))

    def run(self) -> None:
        """Serve until closed."""
        self.watch_children()
        while True:
            for fd, _ in self.poll.poll(self.timeout()):
                if fd in self.ready:
                    self.ready[fd]()
            self.tick(time.monotonic())

    def timeout(self) -> float | None:
        """Milliseconds until something is due."""
        due = [at for c in self.commands.values() for at in (c.finish_at, c.kill_at) if at is not None]
        due += [peer.due for peer in self.peers.values() if peer.key is not None]
        return max(0.0, (min(due) - time.monotonic()) * 1000) if due else None

    def tick(self, now: float) -> None:
        """Do what is due."""
        for command in self.commands.values():
            if command.finish_at is not None and command.finish_at <= now:
                self.finish(command)
            if command.kill_at is not None and command.kill_at <= now:
                self.kill(command, now)
        for peer in self.peers.values():
            if peer.key is not None and peer.due <= now:
                peer.answer(b"ok", *self.commands[peer.key].report())

    # What executors ask

    def accept(self) -> None:
        try:
            # its public form is added by `socket`, which costs much
            fd, _ = self.listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001
        except OSError:
            return  # whoever knocked has gone again
        self.meet(fd)
        self.serve(fd)

    def meet(self, fd: int) -> None:
        self.peers[fd] = Peer(fd)
        self.watch(fd, lambda: self.serve(fd))

    def serve(self, fd: int) -> None:
        peer = self.peers[fd]
        alive = peer.receive()
        while (request := take(peer.inbox)) is not None:
            try:
                self.dispatch(peer, *request)
            except (OSError, ValueError) as error:
                peer.answer(b"failed", str(error).encode())
        if not alive:
            self.peers.pop(fd).socket.detach()
            self.forget(fd)
            if not self.claimed and not self.peers:
                self.close()

    def dispatch(self, peer: Peer, name: bytes, *arguments: bytes) -> None:
        if name == b"wait":
            self.wait(peer, *arguments)
            return
        if name == b"claim":
            self.claim(*arguments)
        elif name == b"start":
            self.start(peer.files, *arguments)
            peer.files = []
        elif name == b"stop":
            self.stop(*arguments)
        elif name == b"close":
            self.close()
        peer.answer(b"ok")

    def claim(self, pod: bytes, working_dir: bytes, path: bytes, user: bytes) -> None:
        """Belong to a task from now on."""
        base = os.getcwd()  # not as it was at the start: the directory has been renamed for the task
        self.home, self.tmp = os.path.join(base, self.home), os.path.join(base, self.tmp)
        self.claimed, self.mark = True, pod
        self.environment = {
            b"HOME": os.fsencode(self.home),
            b"LOGNAME": user,
            b"PATH": path,
            b"SHELL": b"/bin/sh",
            b"TMPDIR": os.fsencode(self.tmp),
            b"USER": user,
        }
        os.chdir(self.home)
        os.makedirs(self.expand(working_dir), exist_ok=True)

    def expand(self, path: bytes) -> bytes:
        """A working directory: `~` and `~/…` are the pod's home, and so is what is relative."""
        home = os.fsencode(self.home)
        return home + path[1:] if path == b"~" or path.startswith(b"~/") else os.path.join(home, path)

    def start(self, files: list[int], key: bytes, working_dir: bytes, tty: bytes, *words: bytes) -> None:
        """Start a command, once; *words* are a script, the length of argv, argv and variables."""
        if key in self.commands:
            for fd in files:
                os.close(fd)
            return
        has_script, script, count, *rest = words
        argv, variables = rest[: int(count)], rest[int(count) :]
        environment = self.environment | {b"TERM": b"xterm" if tty == b"1" else b"dumb"}
        environment |= dict(variable.split(b"=", 1) for variable in variables)
        environment[MARK] = self.mark + b"/" + key
        command = self.commands[key] = Command(key, files, tty == b"1")
        try:
            if has_script == b"1":
                argv.append(self.write(script))
            command.spawn(argv, environment, self.expand(working_dir))
        except OSError as error:
            command.error = b"it could not be started: " + reason(error)
            self.finish(command)
        if command.source >= 0:
            self.watch(command.source, lambda: self.pump(command))

    def write(self, script: bytes) -> bytes:
        path = f"{self.tmp}/tidemill-{os.urandom(8).hex()}.sh"
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(script)
        return os.fsencode(path)

    def wait(self, peer: Peer, key: bytes, known: bytes) -> None:
        """Answer with the command's report as soon as it has another size than *known* or an end."""
        command = self.commands.get(key)
        if command is None:
            peer.answer(b"failed", b"was never started")
            return
        peer.key, peer.known, peer.due = key, known, time.monotonic() + HEARTBEAT
        self.tell(command)

    def tell(self, command: Command) -> None:
        """Answer who waits for news of *command*."""
        report = command.report()
        for peer in self.peers.values():
            if peer.key == command.key and (report[0] != peer.known or command.ended_at):
                peer.answer(b"ok", *report)

    # What commands do

    def pump(self, command: Command) -> int:
        """Store a block of output; 0 at its end, -1 when there is none now."""
        count = command.pump(self.buffer)
        if count == 0:
            self.forget(command.source)
            command.source = -1
        if command.error and command.kill_at is None:
            command.kill_at = 0.0
        if command.finish_at is not None and count >= 0:
            is_told = count == 0 or command.size >= command.most
            command.finish_at = 0.0 if is_told else min(time.monotonic() + QUIET, command.finish_by)
        if not command.ended_at:
            self.tell(command)
        return count

    def reap(self, woken: int | None = None) -> None:
        """Bury the dead, and end commands whose main process is among them."""
        if woken is not None:
            os.read(woken, 512)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            command = next((c for c in self.commands.values() if c.pid == pid), None)
            if command is not None:
                code = os.waitstatus_to_exitcode(status)
                command.code = code if code >= 0 else 128 - code
                command.pid = 0
                self.conclude(command)

    def conclude(self, command: Command) -> None:
        """End a command with its main process, whoever else still holds its output open."""
        command.most = command.size + REST
        while command.source >= 0 and command.size < command.most and self.pump(command) > 0:
            pass
        if command.source >= 0 and command.tty:  # which hands on what it was told with a delay
            command.finish_at = time.monotonic() + QUIET
            command.finish_by = time.monotonic() + LAST
        else:
            self.finish(command)

    def finish(self, command: Command) -> None:
        command.end()
        self.tell(command)

    # Killing

    def stop(self, key: bytes, grace: bytes) -> None:
        """TERM to all processes of a command now, KILL after *grace* seconds to those that are left."""
        command = self.commands.get(key)
        if command is not None:
            signal_all(self.members(command), _signal.SIGTERM, _signal.SIGCONT)
            command.kill_at = time.monotonic() + float(grace)

    def members(self, command: Command) -> set[int]:
        """Processes of a command: all of the pod but those that are known to be another command's."""
        others = {other.pid for other in self.commands.values() if other is not command and other.pid}
        return belonging(self.mark + b"/" + command.key, others)

    def kill(self, command: Command, now: float) -> None:
        """Kill what is left of a command, and look again soon, as it may have forked meanwhile."""
        members = self.members(command)
        signal_all(members, _signal.SIGKILL)
        command.kill_rounds += 1
        again = members and command.kill_rounds < PATIENCE / ROUND
        command.kill_at = now + ROUND if again else None

    def close(self) -> None:
        """Die, and everything in the pod with us: as process 1 by doing so, else one by one."""
        until = time.monotonic() + PATIENCE
        while os.getpid() != 1 and time.monotonic() < until:
            members = below(os.getpid())
            if not members:
                break
            signal_all(members, _signal.SIGKILL)
            time.sleep(ROUND / 10)
            self.reap()
        os._exit(0)
