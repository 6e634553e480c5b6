"""A view whose reader may leave: what cannot be printed is told once, and nothing breaks of it."""

from collections.abc import Callable

from tidemill.cli.live import RunState, TaskState, View


class FragileView:
    """Shows by another view until that fails."""

    def __init__(self, shown: View, failed: Callable[[OSError], None]) -> None:
        self._shown = shown
        self._failed = failed
        self._is_broken = False

    def update(self, run: RunState) -> None:
        self._try(lambda: self._shown.update(run))

    def line(self, task: TaskState, text: str) -> None:
        self._try(lambda: self._shown.line(task, text))

    def away(self) -> None:
        self._try(self._shown.away)

    def close(self) -> None:
        self._try(self._shown.close)

    def _try(self, show: Callable[[], None]) -> None:
        if self._is_broken:
            return
        try:
            show()
        except OSError as error:
            self._is_broken = True
            self._failed(error)
