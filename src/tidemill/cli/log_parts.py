"""Parts of a log for the command line: what options mean, and each byte once though connections break."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import cast

import msgspec

from tidemill.cli.resuming import resumed
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.logs import LogIndexResponse, LogQuery, LogStartQuery
from tidemill.core.definition.scalars import duration
from tidemill.kit.streams import closing

#: Bytes of a time and the blank behind it.
STAMP = 25
_LINES = re.compile(r"([1-9]\d{0,14})(?:(-)([1-9]\d{0,14})?)?")


class StepLog(msgspec.Struct, frozen=True, kw_only=True):
    """A log of a run."""

    project: str
    number: int
    task: str
    step: int | None
    """None is the setup."""
    attempt: int

    def named(self) -> LogStartQuery:
        """It, as a query names it."""
        return {
            "setup": "" if self.step is None else None,
            "step": None if self.step is None else str(self.step),
            "attempt": self.attempt,
        }


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What of it, and how."""

    line: int | None = None
    lines: int | None = None
    """How many."""
    tail: int | None = None
    since: str = ""
    follow: bool = False
    timestamps: bool = False

    def start(self) -> LogStartQuery:
        """Where it begins, as a query says it."""
        if self.line is not None:
            return {"line": self.line}
        if self.tail is not None:
            return {"tail": self.tail}
        return {"since": self.since} if self.since else {}


def wanted(*, lines: str, tail: int | None, since: str, follow: bool, timestamps: bool) -> Wanted:
    """What options mean; `--lines` is one, `100-200` or `100-`."""
    if sum([bool(lines), tail is not None, bool(since)]) > 1:
        raise usage("give one of --lines, --tail and --since")
    found = _LINES.fullmatch(lines) if lines else None
    if lines and (found is None or (found[3] and int(found[3]) < int(found[1]))):
        raise usage(f"--lines is a line such as 100, or some such as 100-200 or 100-, and not {lines!r}")
    if since and not _is_moment(since):
        raise usage(f"--since is a span such as 5m or a time such as 2026-11-24T12:00:00Z, and not {since!r}")
    first = int(found[1]) if found else None
    count = None
    if found and first is not None and not (found[2] and not found[3]):
        count = int(found[3] or first) - first + 1
    return Wanted(line=first, lines=count, tail=tail, since=since, follow=follow, timestamps=timestamps)


def _is_moment(text: str) -> bool:
    if duration(text) is not None:
        return True
    try:
        msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return False
    return True


async def index(gateway: Gateway, log: StepLog, start: LogStartQuery | None = None) -> LogIndexResponse:
    """What is known of a log."""
    query: LogStartQuery = {**log.named(), **(start or {})}
    return await gateway.project_run_log_index(log.project, str(log.number), log.task, **query)


def part(gateway: Gateway, log: StepLog, wanted: Wanted) -> AsyncIterator[bytes]:
    """The wanted part of a log, to its end now or, followed, at last."""
    return resumed(_Part(gateway, log, wanted).open)


class _Part:
    """A part of a log that is opened again where it broke off."""

    def __init__(self, gateway: Gateway, log: StepLog, wanted: Wanted) -> None:
        self._gateway = gateway
        self._log = log
        self._wanted = wanted
        self._start: int | None = None if wanted.start() else 0
        """The byte with which it begins; None while that is not known."""
        self._had = 0
        """Bytes of the log that were shown."""
        self._lines = 0

    async def open(self, _: int) -> AsyncIterator[bytes]:
        """The rest of it."""
        flags = {
            "follow": "" if self._wanted.follow else None,
            "timestamps": "" if self._wanted.timestamps else None,
        }
        query = cast("LogQuery", {**self._log.named(), **await self._where(), **flags})
        if self._wanted.lines is not None:
            query["lines"] = self._wanted.lines - self._lines
            if not query["lines"]:
                return _nothing()
        named = (self._log.project, str(self._log.number), self._log.task)
        blocks = await self._gateway.project_run_log(*named, **query)
        return self._counted(_whole_lines(blocks) if self._wanted.timestamps else blocks)

    async def _where(self) -> LogStartQuery:
        """Where to go on. A line that is not there yet is waited for by the server."""
        if self._start is None:
            found = await index(self._gateway, self._log, self._wanted.start())
            if self._wanted.line is not None and self._wanted.line > found.lines:
                return self._wanted.start()
            self._start = found.start
        return {"offset": self._start + self._had}

    async def _counted(self, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async with closing(blocks):
            async for block in blocks:
                self._had += len(block) - (STAMP if self._wanted.timestamps else 0)
                self._lines += block.count(b"\n")
                yield block


async def _whole_lines(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Line by line, so that a stream that breaks can be opened again where a line begins."""
    rest = b""
    async with closing(blocks):
        async for block in blocks:
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield line + b"\n"
    if rest:
        yield rest


async def _nothing() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for block in nothing:
        yield block
