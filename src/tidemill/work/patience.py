"""How long a job may go on: until somebody stops it, its time is over, or it cannot go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Patience:
    """Ends what is being waited for as soon as the job must not go on."""

    def __init__(self) -> None:
        self.is_stopped = False
        """Somebody asked for it."""
        self.failure = ""
        """Why the job cannot go on, for people."""
        self._deadline: float | None = None
        self._scopes: list[anyio.CancelScope] = []

    @property
    def is_over(self) -> bool:
        """The job must not go on, for whatever reason."""
        return self.is_stopped or bool(self.failure) or self._is_late()

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
    def waiting(self) -> Iterator[anyio.CancelScope]:
        """A scope that is cancelled when the job must not go on."""
        deadline = float("inf") if self._deadline is None else self._deadline
        with anyio.CancelScope(deadline=deadline) as scope:
            self._scopes.append(scope)
            if self.is_over:
                scope.cancel()
            try:
                yield scope
            finally:
                self._scopes.remove(scope)

    def _is_late(self) -> bool:
        return self._deadline is not None and anyio.current_time() >= self._deadline

    def _interrupt(self) -> None:
        for scope in self._scopes:
            scope.cancel()
