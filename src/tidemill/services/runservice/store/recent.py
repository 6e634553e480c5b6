"""Tasks of large runs as they were stored last, so that changing one reads none of the others."""

from collections.abc import Mapping
from threading import Lock

from tidemill.core.run import RunTask

#: Tasks that a run has at least, or reading them is as quick.
_FEWEST = 8
#: Tasks that are remembered of all runs together; those of the runs that changed longest ago are forgotten.
_MOST = 4000

_Tasks = tuple[RunTask, ...]


class Recent:
    """The tasks of runs at a revision, which each change of a run raises: who finds another one reads them.

    What a transaction has read or written is told after its commit. Also asked by the database's threads.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, _Tasks]] = {}
        self._size = 0
        self._lock = Lock()

    def get(self, run: int, revision: int) -> _Tasks | None:
        """The tasks of a run at this very revision, where they are known."""
        known = self._known.get(run)
        return known[1] if known is not None and known[0] == revision else None

    def keep(self, run: int, revision: int, tasks: _Tasks) -> None:
        """Remember the tasks of a run, unless it is known at a later revision."""
        if not _FEWEST <= len(tasks) <= _MOST:
            return
        with self._lock:
            if run in self._known and self._known[run][0] >= revision:
                return
            self._forget(run)
            self._known[run] = (revision, tasks)
            self._size += len(tasks)
            while self._size > _MOST:
                self._forget(next(iter(self._known)))

    def move(self, run: int, revision: int, changed: Mapping[int, RunTask]) -> None:
        """The change to *revision* was that of these tasks, by their positions."""
        tasks = self.get(run, revision - 1)
        if tasks is not None:
            self.keep(run, revision, tuple(changed.get(place, task) for place, task in enumerate(tasks)))

    def forget(self, run: int) -> None:
        """The run is over and changes no more."""
        with self._lock:
            self._forget(run)

    def _forget(self, run: int) -> None:
        _, tasks = self._known.pop(run, (0, ()))
        self._size -= len(tasks)
