"""The executors as people see them, and what people want of them."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from tidemill.contracts.fleet import Executor, Executors, Fleet, Wish
from tidemill.core.job import ExecutorId
from tidemill.errors import BadRequest, Conflict, NotFound
from tidemill.kit.contract import Page
from tidemill.kit.db import Database, Transaction
from tidemill.kit.supervise import Loop
from tidemill.services.runservice.changing import Means, fleet_bell
from tidemill.services.runservice.completing import complete_jobs
from tidemill.services.runservice.leases import lose_jobs
from tidemill.services.runservice.listening import Listening
from tidemill.services.runservice.store import demands, executors
from tidemill.services.runservice.store.executors import Lease
from tidemill.services.runservice.unclaimable import Unclaimable
from tidemill.settings import RunserviceSettings

_encode = msgspec.json.Encoder().encode
_CURSOR_PARTS = 2
#: Seconds between two looks for executors that are to be forgotten.
_FORGETTING = 300.0
_NEVER = datetime.min.replace(tzinfo=UTC)

log = structlog.get_logger()


class ExecutorFleet(Fleet):
    """All executors that were heard and not forgotten since."""

    def __init__(
        self, db: Database, means: Means, settings: RunserviceSettings, *, clock: Callable[[], datetime]
    ) -> None:
        self._db = db
        self._means = means
        self._demands = means.demands
        self._bells = means.bells
        self._kept = timedelta(seconds=settings.forget_executors_after)
        self._clock = clock
        self._listening = Listening(_FORGETTING)
        self.unclaimable = Unclaimable(db, means, settings, clock=clock)

    def loops(self) -> list[Loop]:
        """Forgetting executors, failing what none can do, completing what older processes have queued."""
        return [
            Loop("executors-forgotten", self.forget_silent, seconds=_FORGETTING),
            Loop("jobs-completed", self.complete_jobs),
            *self.unclaimable.loops(),
        ]

    def close(self) -> None:
        """Wait for nothing any more."""
        self.unclaimable.close()

    async def executors(self) -> Executors:
        lease = self._lease()
        return Executors(await self._db.read(lambda tx: executors.listed(tx, lease, self._demands)))

    async def executors_page(self, cursor: str = "", limit: int = 100) -> Page[Executor]:
        lease, after = self._lease(), _after(cursor)
        found = await self._db.read(
            lambda tx: executors.page(tx, lease, self._demands, after, limit + 1 if limit else 0)
        )
        if not limit or len(found) <= limit:
            return Page(found)
        last = found[limit - 1]
        return Page(found[:limit], b64encode(_encode((last.name, last.id))).decode())

    async def executor(self, id: ExecutorId) -> Executor:
        lease = self._lease()
        found = await self._db.read(lambda tx: executors.one(tx, id, lease, self._demands))
        if found is None:
            raise _absent(id)
        return found

    async def follow_executor(self, id: ExecutorId) -> AsyncIterator[bytes]:
        return self._lines(await self.executor(id))

    async def _lines(self, executor: Executor) -> AsyncIterator[bytes]:
        executor_id, told = ExecutorId(executor.id), None
        with self._bells.listen(fleet_bell(executor_id)) as bell:
            while True:
                if _visible(executor) != told:
                    yield _encode(executor) + b"\n"
                    told = _visible(executor)
                elif not await bell.wait():
                    yield b"\n"
                try:
                    executor = await self.executor(executor_id)
                except NotFound:
                    return

    async def want(self, id: ExecutorId, wish: Wish) -> Executor:
        now = self._clock()

        async def want(tx: Transaction) -> Executor:
            if await executors.take(tx, id) is None:
                raise _absent(id)
            if await executors.want(tx, id, wish, now):
                tx.after_commit(self._bells.ring, f"executor/{id}")
                tx.after_commit(self._bells.ring, fleet_bell(id))
            found = await executors.one(tx, id, self._lease(), self._demands)
            assert found is not None, "its row is locked"
            return found

        wanted = await self._db.do(want)
        log.info("executor is wanted to", executor=id, wanted=wish.wanted, by=wish.by, why=wish.why)
        return wanted

    async def forget_executor(self, id: ExecutorId) -> None:
        now = self._clock()

        async def forget(tx: Transaction) -> int:
            heard = await executors.take(tx, id)
            if heard is None:
                raise _absent(id)
            if self._lease().holds(heard.seen_at):
                name = heard.info.name or id
                raise Conflict(
                    f"executor {name} is online; drain it and stop it first", code="executorIsOnline"
                )
            reason = f"its executor {heard.info.name or id} was deleted"
            losses = await lose_jobs(tx, id, heard.seen_at, self._means, now, reason=reason)
            await executors.forget(tx, id)
            tx.after_commit(self._bells.ring, fleet_bell(id))
            return losses.lost

        lost = await self._db.do(forget)
        log.info("executor is forgotten", executor=id, jobs=lost)

    async def forget_silent(self) -> None:
        """Forget executors without jobs that have been silent for long, and demands of nobody."""
        now = self._clock()
        if now - self._listening.since(now) >= self._means.lease:  # else they may be about to be heard
            await self._forget_silent(now - self._kept)
        await self._db.do(lambda tx: demands.forget_unused(tx, now))

    async def _forget_silent(self, since: datetime) -> None:
        if forgotten := await self._db.do(lambda tx: executors.forget_silent(tx, since)):
            log.info("silent executors are forgotten", executors=forgotten)

    async def complete_jobs(self) -> None:
        """Give jobs that a process of the version before has queued what they lack."""
        now = self._clock()
        while await self._db.do(lambda tx: complete_jobs(tx, self._means, now)):
            log.info("jobs of older processes are completed")

    def _lease(self) -> Lease:
        return Lease(self._clock(), self._means.lease)


def _visible(executor: Executor) -> Executor:
    """What is worth a line when it changes: everything but when it was heard."""
    return msgspec.structs.replace(executor, seen_at=_NEVER)


def _absent(id: ExecutorId) -> NotFound:
    return NotFound(f"there is no executor {id!r}", code="executorDoesNotExist")


def _after(cursor: str) -> tuple[str, ...]:
    if not cursor:
        return ()
    try:
        after = msgspec.json.decode(b64decode(cursor, validate=True), type=tuple[str, ...])
    except (ValueError, msgspec.DecodeError) as error:
        raise BadRequest("the cursor is damaged") from error
    if len(after) != _CURSOR_PARTS:
        raise BadRequest("the cursor is damaged")
    return after
