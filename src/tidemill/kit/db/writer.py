"""SQLite's one writer: a thread that commits together whatever is waiting when it comes around."""

import asyncio
import queue
import threading

from tidemill.kit.db.committing import Committing, WriteOrder
from tidemill.kit.db.sqlite_connection import SqliteConnection

#: Orders that share a commit at most, so that the first of them does not wait for ever.
_BATCH = 100


class Writer:
    """Runs orders one after the other, each in a savepoint, and makes one commit of what has queued up."""

    def __init__(self, connection: SqliteConnection, name: str, epoch: str) -> None:
        self._committing = Committing(connection, name, epoch)
        self._is_closing = False
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[WriteOrder | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"{name}-writer", daemon=True)
        self._thread.start()

    @property
    def commits(self) -> int:
        """Transactions committed so far."""
        return self._committing.commits

    def submit(self, order: WriteOrder) -> None:
        """Queue *order*; its outcome is answered in the event loop."""
        self._queue.put(order)

    def close(self) -> None:
        """Finish what is queued and end the thread; blocks until it has."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        waiting: list[WriteOrder] = []
        while waiting or not self._is_closing:
            waiting += self._take(block=not waiting)
            again = self._committing.attempt(waiting[:_BATCH]) + waiting[_BATCH:]
            unsettled = set(again)
            settled = [order for order in waiting if order not in unsettled]
            self._loop.call_soon_threadsafe(_answer, settled)
            waiting = again

    def _take(self, *, block: bool) -> list[WriteOrder]:
        """Everything that is queued now; waits for the first if asked to."""
        taken: list[WriteOrder] = []
        while block or not self._queue.empty():
            order = self._queue.get()
            block = False
            if order is None:
                self._is_closing = True
            else:
                taken.append(order)
        return taken


def _answer(batch: list[WriteOrder]) -> None:
    for order in batch:
        order.answer()
