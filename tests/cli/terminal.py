"""A command line in a terminal of a given size."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping

from tests.cli.conftest import SECONDS

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def in_terminal(*arguments: str, columns: int, environment: Mapping[str, str]) -> tuple[int, list[str]]:
    """The exit code, and the lines that a person sees: without colours, cut by nothing."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMILL_")}
    for name in ("COLUMNS", "LINES"):
        clean.pop(name, None)
    started = subprocess.Popen(
        [sys.executable, "-m", "tidemill", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=clean | dict(environment) | {"TERM": "xterm"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        text = _read_all(ours)
    finally:
        os.close(ours)
    code = started.wait(SECONDS)
    return code, [line.rstrip() for line in _CONTROL.sub("", text).replace("\r\n", "\n").splitlines()]


def _read_all(terminal: int) -> str:
    """All that is written until everybody at the other end has gone."""
    deadline = time.monotonic() + SECONDS
    data = b""
    while time.monotonic() < deadline:
        readable, _, _ = select.select([terminal], [], [], deadline - time.monotonic())
        try:
            block = os.read(terminal, 65536) if readable else b""
        except OSError:  # Linux says so that nobody is there any more
            break
        if not block:
            break
        data += block
    return data.decode(errors="replace")
