"""Working on the inbox: each pushed ref becomes runs or a note that says why not.

Nothing is claimed. A ref that two gateways work on at once is triggered twice with one key, which
makes its runs once; a ref that nobody finished is found again, because it is still pending.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import anyio
import structlog

from tidemill.contracts.configstore import Configstore
from tidemill.core.context import Event
from tidemill.core.refs import RefType, parse_ref
from tidemill.errors import Failure, Internal, NotFound, Unavailable, typed
from tidemill.kit.back_off import back_off
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Transaction
from tidemill.kit.supervise import Loop
from tidemill.services.gateway.store import inbox
from tidemill.services.gateway.store.inbox import Item, State
from tidemill.services.gateway.triggering import Cause, Triggered, Triggering

BELL = "inbox"
CONCURRENT = 8
TRIGGER_SECONDS = 60.0
#: Attempts until a ref that fails for another reason than a part that is away is set aside.
ATTEMPTS = 8
_LONGEST_BACK_OFF = 60.0
_TICK = 15.0

log = structlog.get_logger("inbox")


class Inbox:
    """The loop over pending refs: a few at a time, those of one project and ref in their order."""

    def __init__(
        self,
        db: Database,
        bells: Bells,
        configstore: Configstore,
        triggering: Triggering,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._bells = bells
        self._configstore = configstore
        self._triggering = triggering
        self._clock = clock
        self._bell = bells.listen(BELL)
        self._busy: set[tuple[int, int]] = set()
        self._offered: dict[tuple[int, int], Item] = {}

    def loop(self) -> Loop:
        """Its supervised work."""
        return Loop(BELL, self.work, _TICK, self._bell)

    def close(self) -> None:
        """Hear nothing any more."""
        self._bell.close()

    def offer(self, items: Sequence[Item]) -> None:
        """Work on these without looking for them: they are new, due, and nothing stands in their way."""
        self._offered |= {item.key: item for item in items}
        self._bell.ring()

    async def work(self) -> None:
        """Work on everything that is due, and on what comes in meanwhile, until nothing is left."""
        async with anyio.create_task_group() as group:
            while (pause := await self._start_due(group.start_soon)) is not None:
                await self._bell.wait(pause)

    async def _start_due(self, start: Callable[..., object]) -> float | None:
        """Start what is due and fits; seconds until the next look, None when there is nothing to wait for."""
        self._start_those([item for item in self._offered.values() if item.key not in self._busy], start)
        if self._offered:
            return _TICK
        heads = await self._db.read(lambda tx: inbox.heads(tx, 2 * CONCURRENT))
        now = self._clock()
        idle = [item for item in heads if item.key not in self._busy]
        self._start_those([item for item in idle if item.due_at <= now], start)
        if self._busy:
            return _TICK
        later = min(((item.due_at - now).total_seconds() for item in idle), default=_TICK)
        return None if later >= _TICK else max(later, 0)

    def _start_those(self, items: Sequence[Item], start: Callable[..., object]) -> None:
        """Start as many of them as fit."""
        for item in items[: CONCURRENT - len(self._busy)]:
            self._offered.pop(item.key, None)
            self._busy.add(item.key)
            start(self._work_on, item)

    async def _work_on(self, item: Item) -> None:
        try:
            try:
                with anyio.fail_after(TRIGGER_SECONDS):
                    triggered = await self._trigger(item)
            except Exception as error:  # noqa: BLE001 - recorded with the ref, whatever it is
                await self._record_failure(item, error)
            else:
                await self._settle(item, State.DONE, triggered)
        finally:
            self._busy.discard(item.key)
            self._bell.ring()

    async def _trigger(self, item: Item) -> Triggered:
        ref = parse_ref(item.ref)
        if ref is None:
            note = f"{item.ref}: runs are made for branches and tags only"
            return Triggered(notes=(note,), code="other_ref")
        if not item.new.strip("0"):
            return Triggered(notes=(f"{item.ref} was deleted",), code="ref_deleted")
        try:
            project = await self._configstore.project(item.project)
            cause = Cause(
                key=f"{item.push_id}/{item.ref}",
                trigger="webhook",
                event=Event.PUSH,
                ref=ref,
                revision=item.new,
                before=item.old if ref.type is RefType.BRANCH else "",
            )
            return await self._triggering.trigger(project, cause)
        except NotFound as error:
            if error.code == "projectDoesNotExist":
                return Triggered(notes=("the project was deleted meanwhile",), code="project_deleted")
            return Triggered(notes=(error.message,), code="commit_gone")

    async def _settle(self, item: Item, state: State, triggered: Triggered) -> None:
        note = "\n".join(triggered.notes)

        async def record(tx: Transaction) -> None:
            await inbox.settle(tx, item, state, note=note, runs=triggered.runs, code=triggered.code)
            tx.after_commit(self._bells.ring, push_bell(item.push_id))

        await self._db.do(record)
        log.info(
            "ref worked on",
            project=item.project,
            push=item.push_id,
            ref=item.ref,
            runs=[run.number for run in triggered.runs],
            note=note,
        )

    async def _record_failure(self, item: Item, error: Exception) -> None:
        failure = _failure(error)
        is_away = isinstance(failure, Unavailable)
        seconds = back_off(item.attempts, first=1, most=_LONGEST_BACK_OFF)
        if not is_away and (item.attempts + 1 >= ATTEMPTS or not isinstance(failure, Internal)):
            log.error("ref set aside", push=item.push_id, ref=item.ref, exc_info=error)
            await self._settle(item, State.FAILED, Triggered(notes=(failure.message,), code="failed"))
            return
        log.warning(
            "ref postponed",
            push=item.push_id,
            ref=item.ref,
            reason=failure.message,
            again_in=seconds,
            exc_info=None if is_away else error,
        )
        until = self._clock() + timedelta(seconds=seconds)
        note = f"{failure.message}; trying again"
        await self._db.do(lambda tx: inbox.postpone(tx, item, until=until, note=note))


def push_bell(push_id: str) -> str:
    """The bell that rings when something came of a push."""
    return f"push/{push_id}"


def _failure(error: Exception) -> Failure:
    """What a failure to trigger is: a bug is Internal, and its text is for the log only."""
    if isinstance(error, TimeoutError):
        return Unavailable(f"no answer within {TRIGGER_SECONDS:g} s")
    return typed(error) or Internal("internal error; the server's log has it")
