"""A pod on this host: a directory, the supervisor that works in it, and what can be asked of both."""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from tidemill.pods import Chore, Exec, PodLost, Progress, Unpack
from tidemill.pods.host.inside.frames import take
from tidemill.pods.host.line import Line, Refused
from tidemill.pods.host.removal import remove
from tidemill.pods.host.spool import drain, fill

MOST = 1 << 20
"""Bytes of output read at once; they come from memory as a rule. Chores say no more altogether."""
PATIENCE = 60.0
"""Seconds for a supervisor to tell news, or that there are none."""
UNLIMITED = 1 << 62
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def checked(name: str) -> str:
    """A pod's id or a command's key: both become names of files."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a pod or a command")
    return name


class HostPod:
    """A pod in *directory*; nothing of it is kept open, so whoever drops this object has let go of it."""

    def __init__(self, directory: Path) -> None:
        self.id = directory.name
        self.directory = directory

    async def start(self, exec: Exec) -> None:
        """Start a command, once per key; harmless for one that has ended before the pod was lost."""
        await self._start(exec, self._files(exec.key))

    async def do(self, chore: Chore, archive: AsyncIterator[bytes] | None = None) -> None:
        """Start a chore, once per key; an archive to be unpacked is brought beside the pod first."""
        is_unpacking = isinstance(chore.order, Unpack)
        place = self._step(chore.key) / "archive"
        output, result = self._files(chore.key)
        try:
            if is_unpacking and archive is not None and not place.exists():
                await fill(place, archive)
            access = os.O_RDONLY if is_unpacking else os.O_WRONLY | os.O_CREAT
            files = (output, result, os.open(place, access, 0o600))
        except BaseException:
            os.close(output)
            os.close(result)
            raise
        order = msgspec.json.encode(chore.order).decode()
        await self._start(
            Exec(
                key=chore.key,
                argv=(),  # the supervisor knows where the toolbox is
                script=order,
                environment=chore.environment,
                working_dir=chore.working_dir,
                most=MOST,
            ),
            files,
        )

    async def made(self, key: str) -> AsyncIterator[bytes]:
        """What a chore has made."""
        try:
            async for block in drain(self._step(key) / "archive"):
                yield block
        except FileNotFoundError as error:
            raise PodLost("the pod's directory is gone") from error

    async def _start(self, exec: Exec, files: tuple[int, ...]) -> None:
        try:
            await self._ask(*request(exec), files=files)
        except Refused as refused:
            raise PodLost(f"the command {exec.key} could not be started: {refused}") from refused
        except PodLost:
            if self._result(exec.key) is None:
                raise
        finally:
            for fd in files:
                os.close(fd)

    async def follow(self, key: str) -> AsyncIterator[Progress]:
        """Progress now and after each change, from the supervisor, or its last word from disk."""
        known = b""
        try:
            with Line.to(self.directory) as line:
                while True:
                    report = await line.ask(b"wait", key.encode(), known, seconds=PATIENCE)
                    news = report[0] + b"+" if report[5] else report[0]
                    if news != known or report[4]:
                        yield progress(report)
                    if report[4]:
                        return
                    known = news
        except Refused as refused:
            raise PodLost(f"the command {key} {refused}") from refused
        except PodLost:
            result = self._result(key)
            if result is None:
                raise
            yield result

    async def read(self, key: str, offset: int, limit: int) -> bytes:
        """Output from *offset* on; b"" at the end so far."""
        try:
            output = os.open(self._step(key) / "output", os.O_RDONLY)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(output, min(limit, MOST), offset)
        finally:
            os.close(output)

    async def stop(self, key: str, grace: float) -> None:
        """TERM to the command's whole process tree, KILL after *grace* seconds."""
        await self._ask(b"stop", key.encode(), str(grace).encode())

    async def close(self) -> None:
        """Kill everything in the pod and remove it."""
        await remove(self.directory)

    async def _ask(self, *fields: bytes, files: tuple[int, ...] = ()) -> None:
        with Line.to(self.directory) as line:
            await line.ask(*fields, files=files)

    def _step(self, key: str) -> Path:
        return self.directory / "steps" / checked(key)

    def _files(self, key: str) -> tuple[int, int]:
        """The files for output and result, open for the supervisor."""
        step = self._step(key)
        try:
            step.mkdir(exist_ok=True)
            output = os.open(step / "output", os.O_WRONLY | os.O_CREAT, 0o600)
            return output, os.open(step / "result", os.O_WRONLY | os.O_CREAT, 0o600)
        except FileNotFoundError as error:
            raise PodLost("the pod's directory is gone") from error

    def _result(self, key: str) -> Progress | None:
        """The end of a command as it stands on disk."""
        try:
            report = take(bytearray((self._step(key) / "result").read_bytes()))
        except FileNotFoundError:
            return None
        return None if report is None else progress(report)


def request(exec: Exec) -> list[bytes]:
    """The request that starts a command."""
    return [
        b"start",
        checked(exec.key).encode(),
        os.fsencode(exec.working_dir),
        b"1" if exec.tty else b"0",
        b"%d" % (UNLIMITED if exec.most is None else exec.most),
        b"0" if exec.script is None else b"1",
        os.fsencode(exec.script or ""),
        str(len(exec.argv)).encode(),
        *map(os.fsencode, exec.argv),
        *(os.fsencode(f"{name}={value}") for name, value in exec.environment.items()),
    ]


def progress(report: list[bytes]) -> Progress:
    """A supervisor's report as what is known of a command."""
    size, code, error, started_at, ended_at, left_out = report
    return Progress(
        size=int(size),
        ended=bool(ended_at),
        exit_code=int(code) if code else None,
        error=error.decode(errors="replace"),
        started_at=float(started_at),
        ended_at=float(ended_at) if ended_at else None,
        left_out=int(left_out or 0),
    )
