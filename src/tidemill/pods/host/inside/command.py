"""One command of a pod: its process, its output on the way to a file, its end."""

import fcntl
import os
import sys
import termios
import time

from .frames import pack
from .processes import reason, spawn

REST = 1 << 20
"""What a pipe holds at most, and so what can still be in it when its command has ended."""
WINDOW = b"".join(number.to_bytes(2, sys.byteorder) for number in (24, 80, 0, 0))
"""Rows and columns of a terminal, as the kernel takes them."""
F_SETPIPE_SZ = 1031


class Command:
    """A command from its start to its end."""

    def __init__(self, key: bytes, files: list[int], tty: bool, most: int) -> None:
        self.key, self.tty, self.most = key, tty, most
        self.output, self.result, *archive = files
        self.archive = archive[0] if archive else -1
        """What a chore reads or writes beside its output."""
        self.pid = 0
        self.source = -1
        """Where its output is read, -1 when there is no more."""
        self.size, self.left_out = 0, 0
        """Bytes of output that are kept, at most *most*, and those that came behind them."""
        self.error = b""
        self.code: int | None = None
        self.started_at = time.time()
        self.ended_at = 0.0
        self.enough = 0
        """The bytes with which its output counts as told, because more cannot have been its own."""
        self.is_concluding = False
        """Its main process is gone, and its terminal may still have something to tell."""
        self.is_doomed = False
        """Its processes are being killed."""

    @property
    def told(self) -> int:
        """Bytes of output that it has made."""
        return self.size + self.left_out

    def report(self) -> list[bytes]:
        """Size, exit code, error, start, end and what is left out; the end is empty while it runs."""
        ended = bool(self.ended_at)
        return [
            b"%d" % self.size,
            b"%d" % self.code if ended and self.code is not None else b"",
            self.error,
            b"%.6f" % self.started_at,
            b"%.6f" % self.ended_at if ended else b"",
            b"%d" % self.left_out if self.left_out else b"",
        ]

    def spawn(self, argv: list[bytes], environment: dict[bytes, bytes], directory: bytes) -> None:
        """Start its process; where that fails, say so in its output and give it an exit code."""
        self.source, inner = self.open_terminal() if self.tty else self.open_pipe()
        try:
            os.chdir(directory)  # of ours, as it costs a process of its own least; nothing here relies on it
        except (OSError, ValueError) as error:
            self.refuse(1, b"cannot enter the working directory %s: %s" % (directory, reason(error)))
        else:
            try:
                self.pid = spawn(argv, environment, inner, self.tty, self.archive)
            except (OSError, ValueError) as error:
                code = 127 if isinstance(error, FileNotFoundError) else 126
                self.refuse(code, b"cannot run %s: %s" % (argv[0], reason(error)))
        finally:
            os.close(inner)

    def open_terminal(self) -> tuple[int, int]:
        outer, inner = os.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, WINDOW)
        return outer, inner

    def open_pipe(self) -> tuple[int, int]:
        outer, inner = os.pipe()
        try:
            fcntl.fcntl(inner, F_SETPIPE_SZ, REST)
        except OSError:
            pass  # the user's share of pipe memory is used up; the default is only slower
        return outer, inner

    def refuse(self, code: int, message: bytes) -> None:
        """It cannot run: that is its output."""
        self.code = code
        self.size += os.write(self.output, message + (b"\r\n" if self.tty else b"\n"))

    def pump(self, buffer: memoryview) -> int:
        """Store what can be read at once; 0 at the end, -1 when there is nothing now.

        What is too much is counted and thrown away; so is what is said after the command's end, that a
        child left behind can go on.
        """
        count = 0
        while count < len(buffer):
            try:
                more = os.readv(self.source, [buffer[count:]])
            except BlockingIOError:
                if count == 0:
                    return -1
                break
            except OSError:
                break  # the terminal's last user has gone
            count += more
            if more == 0 or not self.tty:
                break  # while a terminal gives no more than 4 KiB at a time
        if self.error or self.ended_at:
            return count
        data = buffer[: min(count, self.most - self.size)]
        self.left_out += count - len(data)
        try:
            while data:
                written = os.write(self.output, data)
                self.size += written
                data = data[written:]
        except OSError as error:
            self.error = b"its output could not be stored: " + reason(error)
        return count

    def end(self) -> None:
        """Keep the result on disk."""
        self.ended_at = time.time()
        try:
            os.write(self.result, pack(*self.report()))
        except OSError as error:
            self.error = self.error or b"its result could not be stored: " + reason(error)
        os.close(self.output)
        os.close(self.result)
        if self.archive >= 0:
            os.close(self.archive)
