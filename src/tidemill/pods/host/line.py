"""A connection to the supervisor of a pod: one request at a time, each with a deadline."""

import asyncio
import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import anyio

from tidemill.pods import PodLost
from tidemill.pods.host.inside.frames import pack, take

SOCKET = "supervisor.sock"


class Refused(Exception):
    """The supervisor answered that it cannot do it; the message says why."""


def address(directory: int) -> str:
    """The address of the socket in an open directory; a path of its own may be too long for a socket."""
    return f"/proc/self/fd/{directory}/{SOCKET}"


def bind(directory: Path) -> socket.socket:
    """A socket for the supervisor of a pod, which then listens; nobody gets through before that."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        listener.bind(address(folder))
    except OSError:
        listener.close()
        raise
    finally:
        os.close(folder)
    return listener


class Line:
    """An open connection; after an error, or a cancelled request, it can only be closed."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.inbox = bytearray()

    @classmethod
    def to(cls, directory: Path) -> Self:
        """Connect to the pod in *directory*; raises `PodLost` when nobody listens there."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)  # a supervisor that lives takes connections at once
        try:
            folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                connection.connect(address(folder))
            finally:
                os.close(folder)
        except OSError as error:
            connection.close()
            raise PodLost(f"the pod's supervisor is gone: {error.strerror}") from error
        return cls(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def ask(self, *request: bytes, files: Sequence[int] = (), seconds: float = 30.0) -> list[bytes]:
        """The answer; raises `Refused`, or `PodLost` when there is none in time."""
        try:
            with anyio.fail_after(seconds):
                status, *answer = await self.exchange(pack(*request), files)
        except (OSError, ValueError) as error:  # ValueError: what speaks there is no supervisor
            reason = str(error) or f"not within {seconds:g} s"
            raise PodLost(f"the pod's supervisor does not answer: {reason}") from error
        if status != b"ok":
            raise Refused(b" ".join(answer).decode(errors="replace"))
        return answer

    async def exchange(self, frame: bytes, files: Sequence[int]) -> list[bytes]:
        loop = asyncio.get_running_loop()
        if files:
            socket.send_fds(self.connection, [frame[:1]], files)
            frame = frame[1:]
        await loop.sock_sendall(self.connection, frame)
        while (answer := take(self.inbox)) is None:
            data = await loop.sock_recv(self.connection, 1 << 16)
            if not data:
                raise ConnectionError("it has died")
            self.inbox += data
        return answer

    def supervisor(self) -> int:
        """A descriptor of the process that listened where we connected to: it is that of the supervisor."""
        credentials = self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, _, _ = struct.unpack("3i", credentials)
        return os.pidfd_open(pid)

    def close(self) -> None:
        """Hang up."""
        self.connection.close()
