"""Slots: no more pods at once than there is room for, counted until a pod is gone."""

import anyio


class Slots:
    """Room for *limit* jobs. Who is adopted after a restart has a place in any case."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._waiting: list[anyio.Event] = []

    def occupy(self) -> None:
        """Take a place at once, be there room or not."""
        self._taken += 1

    async def take(self) -> None:
        """Take a place, first come first served."""
        if self._taken < self._limit and not self._waiting:
            self._taken += 1
            return
        turn = anyio.Event()
        self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():  # the place was handed over just before the wait was cancelled
                self.release()
            else:
                self._waiting.remove(turn)
            raise

    def release(self) -> None:
        """Give a place back; it goes to whoever has waited longest."""
        self._taken -= 1
        while self._waiting and self._taken < self._limit:
            self._taken += 1
            self._waiting.pop(0).set()
