"""A connection to a server that breaks, at once or after so many bytes."""

import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_BLOCK = 4096


class Scissors:
    """Forwards connections to the server at *url*, and cuts each after *bytes* of answer, or as it says."""

    def __init__(self, url: str, *, bytes: int | Callable[[], int]) -> None:
        self._server = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
        self._bytes = bytes if callable(bytes) else lambda: bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.cuts = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._forward, args=(client,), daemon=True))
                self._threads[-1].start()

    def _forward(self, client: socket.socket) -> None:
        with ExitStack() as stack, suppress(OSError):
            stack.enter_context(client)
            server = stack.enter_context(socket.create_connection(self._server))
            asking = threading.Thread(target=self._copy, args=(client, server), daemon=True)
            asking.start()
            left = self._bytes()
            while left and (block := server.recv(min(_BLOCK, left))):
                client.sendall(block)
                left -= len(block)
            self.cuts += not left
            for end in (client, server):
                end.shutdown(socket.SHUT_RDWR)
            asking.join(10)

    def _copy(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while block := client.recv(_BLOCK):
                server.sendall(block)
            server.shutdown(socket.SHUT_WR)
