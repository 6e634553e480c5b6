"""The logs of one job on their way to the store, beside the work that writes them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

import anyio
import structlog
from anyio.abc import TaskGroup

from tidemill.errors import Failure
from tidemill.pods import Pod
from tidemill.work.ledger import SETUP, Ledger
from tidemill.work.masking import Mask
from tidemill.work.output import CommandOutput, Source, Text
from tidemill.work.shipping import LINGER, Fenced, LogSink, Shipper

log = structlog.get_logger()


class JobLogs:
    """Ships each log of a job once, and lets a step's end be seen when its log is stored.

    *fenced* is called when the store refuses the job, *failed* with a reason when it refuses a log.
    """

    def __init__(
        self,
        sink: LogSink,
        mask: Mask,
        ledger: Ledger,
        *,
        clock: Callable[[], datetime],
        fenced: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self._sink = sink
        self._mask = mask
        self._ledger = ledger
        self._clock = clock
        self._fenced = fenced
        self._failed = failed
        self._group: TaskGroup | None = None
        self._outputs: list[CommandOutput] = []

    @asynccontextmanager
    async def shipping(self) -> AsyncIterator[None]:
        """Logs are shipped inside, and wholly shipped at the end."""
        async with anyio.create_task_group() as self._group:
            yield

    def ship_setup(self, text: Text, *, resume: bool) -> None:
        """Ship what the setup says; it is short, so its first lines wait for the rest."""
        self._start(SETUP, text, resume=resume, linger=LINGER)

    def ship_text(self, index: int, text: Text, *, resume: bool) -> None:
        """Ship what we say ourselves of a step; whoever says it ends it."""
        self._start(index, text, resume=resume)

    def ship_command(self, pod: Pod, key: str, index: int, *, resume: bool) -> CommandOutput:
        """Ship the output of a step's command, and answer it for whoever waits for the end."""
        output = CommandOutput(pod, key, self._clock)
        self._outputs.append(output)
        assert self._group is not None, "logs are shipped inside `shipping`"
        self._group.start_soon(output.watch)
        self._start(index, output, resume=resume)
        return output

    def cut(self) -> None:
        """Wait for no more output: the work is over."""
        for output in self._outputs:
            output.cut()

    def _start(self, index: int, source: Source, *, resume: bool, linger: float = 0.0) -> None:
        assert self._group is not None, "logs are shipped inside `shipping`"
        self._group.start_soon(partial(self._ship, index, source, resume=resume, linger=linger))

    async def _ship(self, index: int, source: Source, *, resume: bool, linger: float) -> None:
        try:
            await Shipper(self._sink, index, self._mask, self._clock).ship(
                source, resume=resume, linger=linger
            )
        except Fenced:
            self._fenced()
            return
        except Failure as error:
            self._failed(f"the log could not be stored: {error.message}")
        except Exception as error:
            log.exception("a log cannot be stored", step=index)
            self._failed(f"the log could not be stored: {error}")
        self._ledger.mark_stored(index)
