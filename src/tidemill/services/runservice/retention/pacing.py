"""A large piece of work on a database in which others are busy: little by little, with room in between."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio
import structlog
from prometheus_client import Counter

from tidemill.kit.db import Database, Transaction

T = TypeVar("T")

#: Seconds after which a transaction begins nothing more; so long others wait for SQLite's writer.
PORTION = 0.01

_removed = Counter("tidemill_removed", "What was removed for good, by its kind.", ["kind"])

log = structlog.get_logger("retention")


def count_removed(kind: str, count: int) -> None:
    """Count what is gone, for the metrics."""
    if count:
        _removed.labels(kind).inc(count)


def in_portions(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """*items*, so many at a time."""
    return [items[start : start + size] for start in range(0, len(items), size)]


class Pace:
    """Works through transactions that are short, and leaves others as much time as each has taken."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def until_done(self, step: Callable[[Transaction], Awaitable[bool]]) -> None:
        """Repeat *step* as long as it says that there is more."""

        async def portion(tx: Transaction) -> bool:
            until = time.monotonic() + PORTION
            while await step(tx):
                if time.monotonic() >= until:
                    return True
            return False

        while await self._timed(portion):
            pass

    async def for_each(self, items: Sequence[T], step: Callable[[Transaction, T], Awaitable[object]]) -> None:
        """Do *step* with each of *items*."""
        at = 0

        async def portion(tx: Transaction) -> int:
            until = time.monotonic() + PORTION
            for number in range(at, len(items)):
                await step(tx, items[number])
                if time.monotonic() >= until:
                    return number + 1
            return len(items)

        while at < len(items):
            at = await self._timed(portion)

    async def _timed(self, portion: Callable[[Transaction], Awaitable[T]]) -> T:
        began = time.monotonic()
        answer = await self._db.do(portion)
        await anyio.sleep(time.monotonic() - began)
        return answer


class Tally:
    """What one round of work has removed: counted as it is committed, told once at the end."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def after(self, tx: Transaction, kind: str, count: int) -> None:
        """Count what *tx* removes, once it is committed."""
        if count:
            tx.after_commit(self.add, kind, count)

    def add(self, kind: str, count: int) -> None:
        """Count what is gone, if anything is."""
        if not count:
            return
        count_removed(kind, count)
        self._counts[kind] = self._counts.get(kind, 0) + count

    def tell(self) -> None:
        """One line in the server's log, if there is anything to tell."""
        if self._counts:
            log.info("removed", **self._counts)
