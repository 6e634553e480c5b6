"""A connection of an executor to the supervisor, and the one request that it may be waiting with."""

import _socket
import sys

from .frames import pack


class Peer:
    """Who asks: its unread bytes, the descriptors it has sent, the news it waits for."""

    def __init__(self, fd: int) -> None:
        self.socket = _socket.socket(fileno=fd)
        self.inbox = bytearray()
        self.files: list[int] = []
        self.key: bytes | None = None
        """The command whose news it waits for,"""
        self.known = b""
        """and the size of its output that it knows."""

    def receive(self) -> bool:
        """Take in what has arrived; False at the connection's end."""
        try:
            data, extra, *_ = self.socket.recvmsg(1 << 16, _socket.CMSG_SPACE(12), _socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return True  # the poll meant an earlier connection of the same number
        except OSError:
            return False
        for _, _, numbers in extra:
            self.files += [
                int.from_bytes(numbers[at : at + 4], sys.byteorder) for at in range(0, len(numbers), 4)
            ]
        self.inbox += data
        return bool(data)

    def answer(self, *fields: bytes) -> None:
        """Answer its request, whatever it was."""
        self.key = None
        try:
            self.socket.send(pack(*fields))
        except OSError:
            pass  # whoever asked has gone, as the next poll tells
