"""The durable log of pushes: written before git applies them, told to the gateway until it answers."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import anyio
import msgspec
import structlog

from tidemill.contracts.pushes import Push, Pushes, PushOutcome, RefUpdate
from tidemill.errors import NotFound, Unavailable
from tidemill.kit.back_off import back_off
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Transaction
from tidemill.kit.git.push import Command
from tidemill.services.gitserver import store
from tidemill.services.gitserver.reconcile import LoggedPush, State, reconcile, worth_telling

#: Seconds beyond the wait for runs that the gateway has for its answer.
MARGIN = 3.0
#: Seconds until the second try, doubled each time up to the most.
FIRST_DELAY = 15.0
MOST_DELAY = 900.0
#: How long finished pushes stay in the log: the old hashes of a force-push are worth something.
KEPT = timedelta(days=90)

_AT_ONCE = 4
_PORTION = 100

log = structlog.get_logger("gitserver")


class PushLog:
    """Writes pushes down, tells the gateway of them, and settles those whose end nobody saw."""

    def __init__(
        self, db: Database, pushes: Pushes, *, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._db = db
        self._pushes = pushes
        self._clock = clock
        self._new_id = new_id
        self._busy: set[str] = set()
        self._pruned_at: datetime | None = None
        self.bell = Bells().listen("pushes")

    async def start(self) -> None:
        """Forget the back-off of an earlier life: what was wrong may be mended."""
        now = self._clock()
        await self._db.do(lambda tx: store.retry_all(tx, now))

    @asynccontextmanager
    async def opened(
        self, project: str, pusher: str, commands: Iterable[Command]
    ) -> AsyncIterator[LoggedPush]:
        """Write a push down before git gets it; inside the block nobody else settles it."""
        now = self._clock()
        push = LoggedPush(
            id=self._new_id(),
            project=project,
            pusher=pusher,
            commands=worth_telling(commands),
            received_at=now,
        )
        self._busy.add(push.id)
        try:
            if push.commands:
                await self._db.do(lambda tx: store.add_push(tx, push, now))
            yield push
        finally:
            self._busy.discard(push.id)

    def applied(self, push: LoggedPush, commands: tuple[Command, ...]) -> LoggedPush:
        """A push of which git has just applied *commands*: now it is received."""
        return msgspec.structs.replace(push, commands=commands, received_at=self._clock())

    async def tell(self, push: LoggedPush, *, wait: float = 0) -> PushOutcome:
        """Tell the gateway of an applied push; raises whatever keeps it from answering."""
        telling = Push(
            id=push.id,
            project=push.project,
            pusher=push.pusher,
            updates=tuple(RefUpdate(ref=c.ref, old=c.old, new=c.new) for c in push.commands),
            received_at=push.received_at,
            wait=wait,
        )
        with anyio.move_on_after(wait + MARGIN):
            return await self._pushes.pushed(telling)
        raise Unavailable(f"the gateway did not answer within {wait + MARGIN:g} s")

    async def record(self, push: LoggedPush, state: State) -> None:
        """Write down what of a push was applied (its commands) and how far it has come."""
        now = self._clock()

        async def write(tx: Transaction) -> None:
            is_in_log = await store.settle_push(tx, push.id, push.commands, state, now)
            if is_in_log and state is not State.REFUSED:
                await store.learn(tx, push.project, push.commands)
            if state is State.ACCEPTED:
                tx.after_commit(self.bell.ring)

        await self._db.do(write)

    async def recover(self, project: str, refs: Mapping[str, str], *, is_first: bool) -> None:
        """Settle the pending pushes of a repository by its *refs*; the *first* time also mend the log.

        On first contact nothing is going on in the repository, so that a ref which no push explains
        was moved behind our back: the gateway is told of it as a push of nobody. A repository that
        the log knows nothing about is taken as it is.
        """
        now, new_id = self._clock(), self._new_id()

        async def write(tx: Transaction) -> None:
            is_unknown = await store.add_repository(tx, project, now)
            logged = await store.log_since_pending(tx, project)
            known = await store.known(tx, project)
            findings = reconcile(logged, refs, known, busy=self._busy, now=now)
            for push_id, commands in findings.settled.items():
                state = State.ACCEPTED if commands else State.REFUSED
                await store.settle_push(tx, push_id, commands, state, now)
                await store.learn(tx, project, commands)
            changes = findings.unexplained if is_first else ()
            if changes and not is_unknown:
                found = LoggedPush(
                    id=new_id,
                    project=project,
                    pusher="",
                    commands=changes,
                    received_at=now,
                    state=State.ACCEPTED,
                )
                await store.add_push(tx, found, now)
            await store.learn(tx, project, changes)
            tx.after_commit(self._say_recovered, project, len(findings.settled), len(changes), is_unknown)

        await self._db.do(write)

    def _say_recovered(self, project: str, settled: int, changes: int, is_unknown: bool) -> None:
        if settled or changes:
            log.warning(
                "repository recovered",
                project=project,
                pushes_settled=settled,
                refs_moved_unseen=changes,
                taken_as_is=is_unknown,
            )
            self.bell.ring()

    async def forget(self, project: str) -> None:
        """Remove the log of a repository that is no more."""
        await self._db.do(lambda tx: store.forget_repository(tx, project))

    async def projects(self) -> list[str]:
        """Whose repositories are known."""
        return await self._db.read(store.projects)

    async def projects_with_pending(self) -> list[str]:
        """Whose pushes have an end that nobody has seen, those being worked on left out."""
        pending = await self._db.read(store.pending_pushes)
        return sorted({project for push, project in pending if push not in self._busy})

    async def deliver(self) -> None:
        """Tell the gateway of every push that is due; those of one project in their order."""
        now = self._clock()
        limiter = anyio.CapacityLimiter(_AT_ONCE)

        async def deliver_in_order(pushes: list[LoggedPush]) -> None:
            for push in pushes:
                async with limiter:
                    await self._deliver(push)

        while due := await self._db.read(lambda tx: store.due_pushes(tx, now, _PORTION)):
            due.sort(key=lambda push: push.project)
            async with anyio.create_task_group() as group:
                for _, of_project in itertools.groupby(due, key=lambda push: push.project):
                    group.start_soon(deliver_in_order, list(of_project))
        await self._prune(now)

    async def _deliver(self, push: LoggedPush) -> None:
        try:
            await self.tell(push)
        except NotFound as error:
            if error.code != "projectDoesNotExist":
                await self._postpone(push, error)
                return
            log.warning("push of a project that is gone", push=push.id, project=push.project)
        except Exception as error:  # noqa: BLE001 - whatever ails one push, it must not stop the others
            await self._postpone(push, error)
            return
        await self.record(push, State.TOLD)

    async def _postpone(self, push: LoggedPush, error: Exception) -> None:
        delay = back_off(push.attempts, first=FIRST_DELAY, most=MOST_DELAY)
        log.warning(
            "push not delivered",
            push=push.id,
            project=push.project,
            again_in=delay,
            error=str(error) or repr(error),
        )
        due_at = self._clock() + timedelta(seconds=delay)
        await self._db.do(lambda tx: store.postpone_push(tx, push.id, push.attempts + 1, due_at))

    async def _prune(self, now: datetime) -> None:
        if self._pruned_at is None or now - self._pruned_at > timedelta(days=1):
            self._pruned_at = now
            while await self._db.do(lambda tx: store.forget_old(tx, now - KEPT, _PORTION)):
                pass
