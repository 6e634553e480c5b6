"""Bells across processes: one key whose revision moves, and whose value says what was rung.

A ring that is lost on the way makes its listeners late, not wrong. Whenever a process may have missed
some, all its bells ring.
"""

import asyncio
import contextlib

import msgspec
import structlog

from tidemill.errors import Failure
from tidemill.kit.coord.bells import Bells
from tidemill.kit.coord.etcd.connection import Connection, pauses
from tidemill.kit.coord.etcd.origin import Origin
from tidemill.kit.coord.etcd.requests import putting
from tidemill.kit.coord.etcd.stream import Stream

#: Names told at once; beyond that everything rings.
_MOST_NAMES = 1000

#: Seconds between two tellings: a sporadic ring goes out at once, a storm as one change each time.
_BREATH = 0.01

#: Seconds without a change after which a listener looks whether its stream lives.
_SILENCE = 60.0

log = structlog.get_logger("coord")


class Rung(msgspec.Struct, frozen=True):
    """The value of the key: who rang, and which names; none means all."""

    who: str
    names: tuple[str, ...]


class EtcdBells(Bells):
    """Rings in this process at once, and in the others as soon as etcd has told them."""

    def __init__(self, connection: Connection, origin: Origin, key: bytes, who: str) -> None:
        super().__init__()
        self._connection = connection
        self._origin = origin
        self._key = key
        self._who = who
        self._untold: set[str] = set()
        self._ringing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def ring(self, name: str) -> None:
        """See `Bells`."""
        super().ring(name)
        self._untold.add(name)
        self._ringing.set()

    def start(self) -> None:
        """Tell the other processes, and hear them."""
        self._tasks = [
            asyncio.create_task(self._tell(), name="bells told"),
            asyncio.create_task(self._hear(), name="bells heard"),
        ]

    async def stop(self) -> None:
        """Tell and hear nothing more."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _tell(self) -> None:
        again = pauses()
        while True:
            await self._ringing.wait()
            self._ringing.clear()
            names, self._untold = self._untold, set()
            told = Rung(self._who, tuple(names) if len(names) <= _MOST_NAMES else ())
            operation = putting(self._key, msgspec.json.encode(told))
            try:
                await self._connection.transact([], [operation], [], repeatable=True)
            except Failure:
                self._untold |= names
                self._ringing.set()
                await asyncio.sleep(next(again))
            else:
                again = pauses()
                await asyncio.sleep(_BREATH)

    async def _hear(self) -> None:
        again, is_away = pauses(), False
        while True:
            try:
                stream = await self._connection.watch(self._key, b"", 0)
                try:
                    await (
                        self._origin.revision()
                    )  # if etcd has lost its data, this process may be the first to know
                    if is_away:
                        log.info("etcd answers again")
                    again, is_away = pauses(), False
                    self.ring_all()
                    await self._listen(stream)
                finally:
                    stream.close()
            except Failure as error:
                if not is_away:
                    log.warning("etcd is away; bells of other processes are not heard", reason=error.message)
                is_away = True
            await asyncio.sleep(next(again))

    async def _listen(self, stream: Stream) -> None:
        """Ring what others have rung, until the stream fails."""
        while True:
            answer = await stream.next(_SILENCE)
            for event in answer.events if answer is not None else ():
                self._heard(event.kv.value)

    def _heard(self, value: bytes) -> None:
        try:
            rung = msgspec.json.decode(value, type=Rung)
        except msgspec.MsgspecError:  # of another version, or deleted
            rung = Rung("", ())
        if rung.who == self._who:
            return
        if not rung.names:
            self.ring_all()
        for name in rung.names:
            super().ring(name)
