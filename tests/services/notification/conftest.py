"""A notification service beside a real runservice on each kind of database, and a receiver of webhooks."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import anyio
import pytest
from sqlalchemy import text

from tests.conftest import Clock, OpenDatabase
from tests.services.notification.receiver import SECRET, Receiver, receiving
from tests.services.runservice.playing import Player, create, plan, start
from tidemill.contracts.feed import Feed
from tidemill.contracts.jobs import Jobs
from tidemill.contracts.notification import Notification, RunWebhookDelivery
from tidemill.contracts.runservice import Runservice
from tidemill.contracts.values import Values, ValuesAnswer, ValuesRequest
from tidemill.core.job import JobPhase, Outcome
from tidemill.core.plan import PlanTask
from tidemill.core.run import Run
from tidemill.kit.carriers import coded, direct
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Snapshot, Transaction
from tidemill.kit.objects import Objects
from tidemill.kit.supervise import run_loops
from tidemill.services.notification import NotificationService
from tidemill.services.runservice import RunserviceService
from tidemill.settings import NotificationSettings, RunserviceSettings, Secret

MIGRATIONS = "tidemill.services.notification.migrations"


class NoValues(Values):
    async def resolve(self, request: ValuesRequest) -> ValuesAnswer:
        return ValuesAnswer({})


class World:
    """A runservice whose runs are told to a receiver, and everything that a test does with them."""

    def __init__(
        self,
        runservice: RunserviceService,
        runs_db: Database,
        db: Database,
        bells: Bells,
        clock: Clock,
        receiver: Receiver,
    ) -> None:
        self.runservice = runservice
        self._runs_db = runs_db
        self.runs = self.real_runs = coded(Runservice, runservice)
        self.player = Player(direct(Jobs, runservice))
        self.db = db
        self.bells = bells
        self.clock = clock
        self.receiver = receiver

    def settings(self, **changes: Any) -> NotificationSettings:
        common = {
            "webhook_url": Secret(self.receiver.url),
            "webhook_secret": Secret(SECRET),
            "webhook_allow": ("127.0.0.0/8",),
            "webhook_timeout": 5.0,
        }
        return NotificationSettings(**(common | changes))

    def service(self, db: Database | None = None, **changes: Any) -> NotificationService:
        """A service that is not started yet."""
        feed = direct(Feed, cast("Feed", self.runservice.faces()[Feed]))
        return NotificationService(
            self.settings(**changes),
            db or self.db,
            self.bells,
            feed,
            self.runs,
            clock=self.clock,
            new_id=lambda: str(uuid4()),
        )

    @asynccontextmanager
    async def notifying(self, **changes: Any) -> AsyncIterator[NotificationService]:
        """A service at work."""
        service = self.service(**changes)
        await service.start()
        async with anyio.create_task_group() as group:
            group.start_soon(run_loops, service.loops())
            yield service
            group.cancel_scope.cancel()
        await service.close()

    async def queued(self, *tasks: PlanTask, group: str = "/project/p1/branch/main") -> Run:
        (run,) = await create(self.runs, plan(*tasks), group=group)
        return run

    async def ran(self, outcome: Outcome = Outcome.SUCCESS, *tasks: PlanTask) -> Run:
        """A run from its beginning to its end."""
        run = await self.queued(*tasks)
        await start(self.runs, run.id)
        await self.finish(run, outcome)
        return run

    async def finish(self, run: Run, outcome: Outcome = Outcome.SUCCESS) -> None:
        """Do all jobs that there are."""
        with anyio.fail_after(60):
            while (await self.runs.run(run.id)).run.ended_at is None:
                await self.player.sync()
                for report in list(self.player.reports.values()):
                    if report.phase is JobPhase.RUNNING:
                        self.player.end(report.id, outcome)

    async def purge_events(self) -> None:
        """Forget everything that has happened."""
        await self._runs_db.purge_events(datetime.now(UTC) + timedelta(hours=1))

    async def emit(self, payload: bytes) -> None:
        """Let something happen that only a newer server could make."""

        async def emit(tx: Transaction) -> None:
            tx.emit("run", "key", payload)
            tx.after_commit(self.bells.ring, "events")

        await self._runs_db.do(emit)

    async def remove(self, run: Run) -> None:
        """Remove a run that is over."""
        await self.runservice.retention.storage.delete_run(run.id)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and everybody look."""
        self.clock.advance(seconds)
        self.bells.ring_all()

    async def deliveries(self, project: str = "p1") -> list[RunWebhookDelivery]:
        face = cast("Notification", self.service().faces()[Notification])
        return (await coded(Notification, face).run_webhook_deliveries(project, limit=0)).items

    async def until(self, holds: Callable[[list[RunWebhookDelivery]], bool]) -> list[RunWebhookDelivery]:
        """The deliveries, once something holds of them."""
        with anyio.fail_after(60):
            while not holds(found := await self.deliveries()):
                await anyio.lowlevel.checkpoint()
        return found

    async def until_it_rests(self) -> None:
        """Until the receiver is let be, and nothing is under way."""

        async def is_at_rest(tx: Snapshot) -> bool:
            claims = text("SELECT count(*) FROM run_webhook_deliveries WHERE claim <> ''")
            rests = text("SELECT count(*) FROM destinations WHERE rests_until IS NOT NULL")
            return await tx.value(claims) == 0 and await tx.value(rests) == 1

        with anyio.fail_after(60):
            while not await self.db.read(is_at_rest):
                await anyio.lowlevel.checkpoint()


@pytest.fixture
async def receiver(anyio_backend: str) -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@pytest.fixture
async def db(open_database: OpenDatabase) -> Database:
    return await open_database("notification", MIGRATIONS)


@pytest.fixture
async def bells() -> Bells:
    return Bells()


@pytest.fixture
async def runs_db(open_database: OpenDatabase) -> Database:
    return await open_database("runservice", "tidemill.services.runservice.migrations")


@pytest.fixture
async def runservice(
    runs_db: Database, bells: Bells, clock: Clock, tmp_path: Path
) -> AsyncIterator[RunserviceService]:
    service = RunserviceService(
        RunserviceSettings(),
        runs_db,
        Objects.open((tmp_path / "objects").as_uri()),
        bells,
        NoValues(),
        clock=clock,
        new_id=lambda: str(uuid4()),
    )
    await service.start()
    yield service
    await service.close()


@pytest.fixture
async def world(
    runservice: RunserviceService,
    runs_db: Database,
    db: Database,
    bells: Bells,
    clock: Clock,
    receiver: Receiver,
) -> World:
    return World(runservice, runs_db, db, bells, clock, receiver)
