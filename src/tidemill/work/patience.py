"""How long a job may go on: until somebody stops it, its time is over, or it cannot go on."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Patience:
    """Ends what is being waited for as soon as the job must not go on, or a while after."""

    def __init__(self) -> None:
        self.is_stopped = False
        """Somebody asked for it."""
        self.failure = ""
        """Why the job cannot go on, for people."""
        self._deadline = math.inf
        self._interrupted_at = math.inf
        self._waits: list[tuple[anyio.CancelScope, float]] = []

    @property
    def is_over(self) -> bool:
        """The job must not go on, for whatever reason."""
        return self.is_stopped or bool(self.failure) or self._is_late()

    def is_spent(self, grace: float) -> bool:
        """The job must not go on, and *grace* seconds have passed since."""
        return self.is_over and anyio.current_time() >= self._end() + grace

    def time_left(self, grace: float) -> float:
        """Seconds until then, less than none when it is over; as far as is known by now."""
        return self._end() + grace - anyio.current_time()

    def stop(self) -> None:
        """Somebody asks the job to stop."""
        self.is_stopped = True
        self._interrupt()

    def fail(self, reason: str) -> None:
        """The job cannot go on."""
        self.failure = self.failure or reason
        self._interrupt()

    def limit(self, seconds: float) -> None:
        """Allow that many seconds from now on."""
        self._deadline = anyio.current_time() + seconds

    @contextmanager
    def waiting(self, *, grace: float = 0.0, seconds: float = math.inf) -> Iterator[anyio.CancelScope]:
        """A scope that is cancelled after *seconds*, and *grace* after the job must not go on."""
        now = anyio.current_time()
        deadline = min(now + seconds, self._end() + grace)
        with anyio.CancelScope(deadline=deadline) as scope:
            wait = (scope, grace)
            self._waits.append(wait)
            if deadline <= now:
                scope.cancel()
            try:
                yield scope
            finally:
                self._waits.remove(wait)

    def _is_late(self) -> bool:
        return anyio.current_time() >= self._deadline

    def _end(self) -> float:
        """When the job must not go on any more."""
        return min(self._deadline, self._interrupted_at)

    def _interrupt(self) -> None:
        self._interrupted_at = min(self._interrupted_at, anyio.current_time())
        for scope, grace in self._waits:
            if grace:
                scope.deadline = min(scope.deadline, self._end() + grace)
            else:
                scope.cancel()
