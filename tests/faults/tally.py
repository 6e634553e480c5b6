"""A tally of executions: each step that is executed calls here, once for each time."""

import socket
import threading
from collections import Counter
from types import TracebackType
from typing import Self


class Tally:
    """Counts words that steps of the host driver send over loopback; a sandbox shares the network."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def call(self, word: str) -> str:
        """A command that counts *word*; it fails where nobody counts."""
        port = self._socket.getsockname()[1]
        return f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; echo {word} >&3; read -r _ <&3'"

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # it is over
            with connection, connection.makefile("rw") as stream:
                self.counts[stream.readline().strip()] += 1
                stream.write("counted\n")
