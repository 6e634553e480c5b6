"""What a log is made of while it still grows: a command's output in its pod, or lines of our own."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import anyio
import msgspec

from tidemill.core.logs.marks import MOST_OF_LOG, Mark, between
from tidemill.core.sizes import size_in_words
from tidemill.pods import Pod, PodLost, Progress

#: Seconds within which a pod must answer a read.
_READ_LIMIT = 60.0
_PROBE = 1 << 20

#: Milliseconds between two times of output at least.
GRAIN = 100


class Source(Protocol):
    """Bytes to be shipped, addressed from the beginning."""

    async def grown(self, beyond: int) -> Progress:
        """Wait until there are more than *beyond* bytes or no more will come; answer how many."""
        ...

    async def read(self, offset: int, limit: int) -> bytes:
        """At most *limit* bytes from *offset* on, from one side of `torn_at`; b"" where there is nothing."""
        ...

    def seen(self, start: int, end: int) -> tuple[Mark, ...]:
        """When the bytes from *start* to *end* were seen, counted from *start*; nothing means just now."""
        ...

    @property
    def torn_at(self) -> int | None:
        """Where output was cut off, be it in the middle of a secret; None where none was."""
        ...


class _Growing:
    """Progress that others wait for."""

    torn_at: int | None = None

    def __init__(self) -> None:
        self._progress = Progress(size=0)
        self._changed = anyio.Event()

    async def grown(self, beyond: int) -> Progress:
        while self._progress.size <= beyond and not self._progress.ended:
            await self._changed.wait()
        return self._progress

    def _set(self, progress: Progress) -> None:
        self._progress = progress
        self._changed.set()
        self._changed = anyio.Event()


class Text(_Growing):
    """Lines that we say ourselves: the log of a task's setup."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._text = text.encode()
        self._set(Progress(size=len(self._text)))

    @property
    def text(self) -> str:
        return self._text.decode()

    def say(self, line: str) -> None:
        """Add a line."""
        self._text += line.rstrip("\n").encode(errors="replace") + b"\n"
        self._set(Progress(size=len(self._text)))

    def end(self) -> None:
        """Nothing more will be said."""
        self._set(Progress(size=len(self._text), ended=True))

    def seen(self, start: int, end: int) -> tuple[Mark, ...]:  # noqa: ARG002 - it is said when it is shipped
        return ()

    async def read(self, offset: int, limit: int) -> bytes:
        return self._text[offset : offset + limit]


class CommandOutput(_Growing):
    """The output of one command in a pod; `watch` must run beside its readers.

    Where the command could not be started, the reason stands in the log in the place of output. Of one that
    prints too much the log says so: where it was cut off at once, and how much is missing at the end.
    """

    def __init__(self, pod: Pod, key: str, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._pod = pod
        self._key = key
        self._clock = clock
        self._marks: list[Mark] = []
        self._watching = anyio.CancelScope()
        self._error: Exception | None = None
        self._is_heard = False
        self._last_words = ""
        self._postscript = b""

    async def watch(self) -> None:
        """Follow the command to its end, or until no more can be known about it."""
        with self._watching:
            try:
                async for progress in self._pod.follow(self._key):
                    self._mark(progress.size)
                    self._set(self._with_postscript(progress))
            except Exception as error:  # noqa: BLE001 - whoever waits for the end raises it
                self._error = error
            if not self._progress.ended:
                self._error = self._error or PodLost("it stopped telling about its command")
                await self._keep_what_is_left()

    def cut(self) -> None:
        """Wait no longer: what is there now is all."""
        self._watching.cancel()
        if not self._progress.ended:
            self._set(msgspec.structs.replace(self._progress, ended=True))

    def close_with(self, words: str) -> None:
        """Let the log end with a line of ours, unless that end is known already."""
        self._last_words = words

    async def known(self) -> Progress:
        """What is known of the command, as soon as anything is; raises `PodLost` when its pod is gone."""
        if not (self._is_heard or self._progress.ended):
            await self._changed.wait()
        return await self.end() if self._progress.ended else self._progress

    async def end(self) -> Progress:
        """Wait for the command's end; raises `PodLost` when its pod is gone."""
        while not self._progress.ended:
            await self._changed.wait()
        if self._error is not None:
            raise self._error
        return self._progress

    async def read(self, offset: int, limit: int) -> bytes:
        own = self._progress.size - len(self._postscript)
        if offset >= own:
            return self._postscript[offset - own :][:limit]
        with anyio.fail_after(_READ_LIMIT):
            try:
                return await self._pod.read(self._key, offset, min(limit, own - offset))
            except PodLost:
                return b""

    def seen(self, start: int, end: int) -> tuple[Mark, ...]:
        return between(self._marks, start, end)

    def _mark(self, size: int) -> None:
        """Note that there is more since now, unless somebody looked a moment ago."""
        at = int(self._clock().timestamp() * 1000)
        if size > self._progress.size and (not self._marks or at - self._marks[-1].at >= GRAIN):
            if len(self._marks) >= MOST_OF_LOG:
                del self._marks[1::2]
            self._marks.append(Mark(self._progress.size, at))

    def _with_postscript(self, progress: Progress) -> Progress:
        """*progress* with what we add; of that nothing changes any more once it is there."""
        self._is_heard = True
        text = _torn(progress.size) if progress.left_out else ""
        if progress.ended:
            text += f"--- {progress.left_out:,} bytes are left out ---\n" if progress.left_out else ""
            text += f"{progress.error}\n" if progress.error else ""
            text += f"\n{self._last_words}\n" if self._last_words else ""
        if progress.left_out:
            self.torn_at = progress.size
        if not text:
            return progress
        self._postscript = text.encode(errors="replace")
        return msgspec.structs.replace(progress, size=progress.size + len(self._postscript))

    async def _keep_what_is_left(self) -> None:
        """A lost pod may still have output that nobody has heard of."""
        size = self._progress.size - len(self._postscript)
        with contextlib.suppress(PodLost, TimeoutError), anyio.fail_after(_READ_LIMIT):
            while data := await self._pod.read(self._key, size, _PROBE):
                size += len(data)
        left_out = self._progress.left_out
        self._set(self._with_postscript(Progress(size=size, ended=True, left_out=left_out)))


def _torn(size: int) -> str:
    return f"\n--- the log has reached its limit of {size_in_words(size)}; what follows is left out ---\n"


def moment(seconds: float | None) -> datetime | None:
    """A pod's time as ours."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
