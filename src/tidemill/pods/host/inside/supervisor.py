"""The supervisor of a pod: what executors ask it, and when it lives and dies.

It is process 1 of the sandbox where there is one. Until the pod is claimed for a task it dies with the
connection of the executor that made it; from then on it outlives executors, which find it by its socket.
"""

import _socket
import os

from .command import Command
from .commands import Commands
from .frames import take
from .peer import Peer
from .polling import Polling

HEARTBEAT = 15.0
"""Seconds after which a `wait` is answered although nothing has changed."""


class Supervisor:
    """The one of this process."""

    def __init__(self, listener: int, maker: int, home: str, tmp: str) -> None:
        """*listener* is a bound socket, *maker* the connection of the executor that makes this pod."""
        self.home, self.tmp = home, tmp
        self.claimed = False
        self.peers: dict[int, Peer] = {}
        self.polling = Polling()
        self.commands = Commands(self.polling, self.tell)
        self.listener = _socket.socket(fileno=listener)
        self.listener.listen(64)
        self.polling.watch(listener, self.accept)
        self.meet(maker)

    def run(self) -> None:
        """Serve until closed."""
        self.commands.watch_children()
        while True:
            self.polling.turn()

    def close(self) -> None:
        """Die, and everything in the pod with us: as process 1 by doing so, else one by one."""
        if os.getpid() != 1:
            self.commands.kill_all()
        os._exit(0)

    def accept(self) -> None:
        """Somebody connects."""
        try:
            # its public form is added by `socket`, which costs much
            fd, _ = self.listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001
        except OSError:
            return  # whoever knocked has gone again
        self.meet(fd)
        self.serve(fd)

    def meet(self, fd: int) -> None:
        """Serve a connection from now on."""
        self.peers[fd] = Peer(fd)
        self.polling.watch(fd, lambda: self.serve(fd))

    def serve(self, fd: int) -> None:
        """Do what a connection asks for."""
        peer = self.peers[fd]
        alive = peer.receive()
        while (request := take(peer.inbox)) is not None:
            try:
                self.dispatch(peer, *request)
            except (OSError, ValueError) as error:
                peer.answer(b"failed", str(error).encode())
        if not alive:
            self.polling.cancel(peer)
            self.peers.pop(fd).socket.detach()
            self.polling.drop(fd)
            if not self.claimed and not self.peers:
                self.close()

    def dispatch(self, peer: Peer, name: bytes, *arguments: bytes) -> None:
        """Answer a request, or let it wait for its answer."""
        if name == b"wait":
            self.wait(peer, *arguments)
            return
        if name == b"claim":
            self.claim(*arguments)
        elif name == b"start":
            files, peer.files = peer.files, []
            self.commands.start(files, *arguments)
        elif name == b"stop":
            self.commands.stop(*arguments)
        elif name == b"close":
            self.close()
        peer.answer(b"ok")

    def claim(self, mark: bytes, working_dir: bytes, path: bytes, user: bytes) -> None:
        """Belong to a task from now on."""
        base = os.getcwd()  # not as it was at the start: the directory has been renamed for the task
        home, tmp = os.path.join(base, self.home), os.path.join(base, self.tmp)
        self.claimed = True
        commands = self.commands
        commands.home, commands.tmp, commands.mark = home, tmp, mark
        commands.environment = {
            b"HOME": os.fsencode(home),
            b"LOGNAME": user,
            b"PAGER": b"cat",  # at a terminal, git would wait for somebody to turn its pages
            b"PATH": path,
            b"SHELL": b"/bin/sh",
            b"TMPDIR": os.fsencode(tmp),
            b"USER": user,
        }
        os.chdir(home)
        os.makedirs(commands.expand(working_dir), exist_ok=True)

    def wait(self, peer: Peer, key: bytes, known: bytes) -> None:
        """Answer with the command's report as soon as there is more than *known*, or it has ended.

        That is a size, with a `+` where more than that was printed.
        """
        command = self.commands.by_key.get(key)
        if command is None:
            peer.answer(b"failed", b"was never started")
            return
        peer.key, peer.known = key, known
        self.polling.at(peer, HEARTBEAT, lambda: peer.answer(b"ok", *command.report()))
        self.tell(command)

    def tell(self, command: Command) -> None:
        """Answer who waits for news of *command*."""
        report = command.report()
        news = report[0] + b"+" if command.left_out else report[0]
        for peer in self.peers.values():
            if peer.key == command.key and (news != peer.known or command.ended_at):
                self.polling.cancel(peer)
                peer.answer(b"ok", *report)
