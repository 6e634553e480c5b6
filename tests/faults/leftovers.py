"""What an executor may not leave behind once its jobs are over and it has been stopped."""

import os
from collections.abc import Iterator
from pathlib import Path

#: What stays of an executor: who it is, and the program that every supervisor runs.
_STAYS = {
    "executor",
    "executor/id",
    "executor/jobs",
    "executor/pods",
    "executor/pods/.program",
    "executor.lock",
}
_PLACES = ("cmdline", "environ", "mountinfo")


def complaints(data: Path) -> Iterator[str]:
    """Files, sockets and processes that are still there, of an executor with this data directory."""
    for path in sorted(data.rglob("*")):
        name = str(path.relative_to(data))
        if not any(name == stays or name.startswith("executor/pods/.program") for stays in _STAYS):
            yield f"{path} is left"
    yield from (f"process {pid} is left: {what}" for pid, what in processes_of(data))
    for line in Path("/proc/net/unix").read_text().splitlines():
        if str(data) in line:
            yield f"a socket is left: {line}"


def processes_of(data: Path) -> list[tuple[int, str]]:
    """Live processes that a data directory is known to: by arguments, environment or mounts."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        pid = int(process.name)
        if pid != os.getpid() and any(str(data) in _read(process / place) for place in _PLACES):
            found.append((pid, _read(process / "cmdline").replace("\0", " ")))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""  # it has ended meanwhile
