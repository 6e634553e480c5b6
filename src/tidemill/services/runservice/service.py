"""The runservice: each use case is one transaction or one snapshot, and bells for who waits."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from starlette.routing import BaseRoute

from tidemill.contracts.feed import Feed
from tidemill.contracts.fleet import Fleet
from tidemill.contracts.jobs import (
    Archive,
    Archives,
    FoundCache,
    Jobs,
    KeptArtifacts,
    LogEnd,
    SyncAnswer,
    SyncRequest,
)
from tidemill.contracts.logs import Logs
from tidemill.contracts.runservice import (
    Artifact,
    CreateRuns,
    QueuedGroups,
    Restart,
    RunDetail,
    RunQuery,
    Runs,
    Runservice,
    RunTests,
    StartRun,
)
from tidemill.contracts.storage import Storage
from tidemill.contracts.values import Values
from tidemill.core import actions
from tidemill.core.explaining.nouns import RunExplanation
from tidemill.core.job import JobId
from tidemill.core.plan import Plan
from tidemill.core.reports import Reported
from tidemill.core.run import Run, RunId, TaskId
from tidemill.errors import NotFound
from tidemill.kit.contract import Page
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Snapshot, Transaction
from tidemill.kit.http import serve
from tidemill.kit.objects import Objects
from tidemill.kit.supervise import Faces, Loop
from tidemill.services.runservice import starting
from tidemill.services.runservice.answering import Answering
from tidemill.services.runservice.archives.artifacts import Artifacts
from tidemill.services.runservice.archives.keeping import Keeping
from tidemill.services.runservice.changing import Changes, Means, RunInHand
from tidemill.services.runservice.creating import Creating
from tidemill.services.runservice.explaining import explained
from tidemill.services.runservice.feed import EventFeed
from tidemill.services.runservice.fleet import ExecutorFleet
from tidemill.services.runservice.following import Following
from tidemill.services.runservice.leases import LeaseWatch
from tidemill.services.runservice.logs.appending import Appending
from tidemill.services.runservice.logs.putting_away import PuttingAway
from tidemill.services.runservice.logs.reading import Reading
from tidemill.services.runservice.logs.serving import StepLogs
from tidemill.services.runservice.reporting import Reporting
from tidemill.services.runservice.retention.quotas import CacheQuota
from tidemill.services.runservice.retention.rounds import Retention
from tidemill.services.runservice.store import listing, runs, waiting
from tidemill.services.runservice.store.executors import Lease
from tidemill.services.runservice.store.plans import Plans
from tidemill.services.runservice.store.runs import StoredRun
from tidemill.services.runservice.timing import Timing
from tidemill.settings import RunserviceSettings

PREFIX = "/internal/runservice"
_LONGEST_WAIT = 30.0

_Action = Callable[[Transaction, RunInHand, datetime], Awaitable[None]]


class RunserviceService(Runservice, Jobs):
    """Runs and what becomes of them, in one database and one object store."""

    def __init__(  # noqa: PLR0913 - what it stands on, each once
        self,
        settings: RunserviceSettings,
        db: Database,
        objects: Objects,
        bells: Bells,
        values: Values,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._db = db
        self._bells = bells
        self._clock = clock
        self._lease = timedelta(seconds=settings.executor_lease)
        self._means = Means(Plans(), bells, self._lease)
        self._creating = Creating(self._means, new_id)
        self.answering = Answering(db, self._means, values, clock)
        self._following = Following(db, bells, self._means.recent)
        self._appending = Appending(db, objects, bells, clock=clock, new_id=new_id)
        reading = Reading(db, objects, bells)
        self.logs = StepLogs(db, reading)
        self._putting_away = PuttingAway(db, objects, reading, clock=clock, new_id=new_id)
        quota = CacheQuota(settings.retention.cache_quota, bells, clock=clock)
        self._keeping = Keeping(db, objects, self._means.plans, quota, clock=clock, new_id=new_id)
        self._artifacts = Artifacts(
            db, objects, self._means.plans, clock=clock, new_id=new_id, settings=settings
        )
        self.retention = Retention(db, objects, bells, settings.retention, clock=clock)
        self._reporting = Reporting(db, self._means.plans)
        self.leases = LeaseWatch(db, self._means, settings, clock=clock)
        self.fleet = ExecutorFleet(db, self._means, settings, clock=clock)
        self._feed = EventFeed(db, bells)
        self._timing = Timing(db, self._means, clock)

    def loops(self) -> list[Loop]:
        """Silent executors, runs whose time has come, and logs that are over."""
        return [
            *self._timing.loops(),
            *self.leases.loops(),
            Loop("logs-put-away", self.put_logs_away, seconds=20.0),
            Loop("artifacts-expired", self.expire_artifacts, seconds=300.0),
            *self.fleet.loops(),
            *self.retention.loops(),
        ]

    def faces(self) -> Faces:
        """What executors, the gateway and the scheduler may ask."""
        return {
            Runservice: self,
            Jobs: self,
            Fleet: self.fleet,
            Logs: self.logs,
            Feed: self._feed,
            Storage: self.retention.storage,
        }

    def routes(self) -> Sequence[BaseRoute]:
        """All contracts, for other services and for executors."""
        return [route for contract, face in self.faces().items() for route in serve(contract, face, PREFIX)]

    async def start(self) -> None:
        """The database and the object store were opened by whoever made this."""

    async def close(self) -> None:
        """Stop looking at executors and clocks."""
        self._timing.close()
        self.leases.close()
        self.fleet.close()
        self.retention.close()
        self._feed.close()

    async def create_runs(self, request: CreateRuns) -> Runs:
        now = self._clock()
        drafts = self._creating.drafts(request, now)
        created = await self._db.do(lambda tx: self._creating.create(tx, request, drafts, now))
        return Runs(tuple(created))

    async def run(self, id: RunId) -> RunDetail:
        return await self._detail(
            lambda tx: runs.by_id(tx, id, self._means.recent), f"there is no run {id!r}"
        )

    async def numbered_run(self, number: int, group: str) -> RunDetail:
        return await self._detail(
            lambda tx: runs.by_number(tx, group, number), f"{group} has no run {number}"
        )

    async def _detail(
        self, find: Callable[[Snapshot], Awaitable[StoredRun | None]], absence: str
    ) -> RunDetail:
        async def look(tx: Snapshot) -> RunDetail | None:
            stored = await find(tx)
            if stored is None:
                return None
            if stored.plan_id is None:
                return RunDetail(run=stored.run, plan=None)
            plans = await self._means.plans.get(tx, {stored.plan_id})
            return RunDetail(run=stored.run, plan=plans[stored.plan_id])

        found = await self._db.read(look)
        if found is None:
            raise NotFound(absence, code="runDoesNotExist")
        return found

    async def explain_run(self, id: RunId) -> RunExplanation:
        plans, demands, lease = self._means.plans, self._means.demands, Lease(self._clock(), self._lease)
        return await self._db.read(lambda tx: explained(tx, id, plans, demands, lease))

    async def follow_run(self, id: RunId) -> AsyncIterator[bytes]:
        return await self._following.open(id)

    async def runs(self, query: RunQuery) -> Page[Run]:
        return await self._db.read(lambda tx: listing.page(tx, query))

    async def queued_groups(self, wait: float = 0, after: int = 0) -> QueuedGroups:
        with self._bells.listen("queued") as bell:
            seen = await self._db.read(listing.version) if wait > 0 else after + 1
            if seen <= after:
                await bell.wait(min(wait, _LONGEST_WAIT))
            return await self._db.read(waiting.queued_groups)

    async def start_run(self, id: RunId, request: StartRun) -> Run:
        async def start(tx: Transaction, hand: RunInHand, now: datetime) -> None:
            await starting.start(tx, hand, request.token, now)

        return await self._change(id, start)

    async def cancel_run(self, id: RunId, reason: str = "") -> Run:
        async def cancel(_: Transaction, hand: RunInHand, now: datetime) -> None:
            hand.run = actions.cancel(hand.run, reason, now)

        return await self._change(id, cancel)

    async def stop_run(self, id: RunId, reason: str = "") -> Run:
        async def stop(_: Transaction, hand: RunInHand, _now: datetime) -> None:
            hand.run = actions.ask_stop(hand.run, reason)

        return await self._change(id, stop)

    async def approve_task(self, id: RunId, task: TaskId, approver: str) -> Run:
        async def approve(_: Transaction, hand: RunInHand, _now: datetime) -> None:
            hand.run = actions.approve(hand.run, task, approver)

        return await self._change(id, approve)

    async def reject_task(self, id: RunId, task: TaskId, reason: str) -> Run:
        async def reject(_: Transaction, hand: RunInHand, _now: datetime) -> None:
            hand.run = actions.reject(hand.run, hand.plan, task, reason)

        return await self._change(id, reject)

    async def _change(self, id: RunId, act: _Action) -> Run:
        """Take a run, let *act* change it, and do what follows."""
        now = self._clock()

        async def change(tx: Transaction) -> Run:
            changes = Changes(tx, self._means, now)
            hand = await changes.take_by_id(id)
            await act(tx, hand, now)
            changed = await changes.advance(hand)
            await changes.settle()
            return changed

        return await self._db.do(change)

    async def restart_run(self, id: RunId, request: Restart) -> Run:
        detail = await self.run(id)
        fresh = self._creating.fresh(detail.plan or Plan(name=detail.run.name), self._clock())
        return await self._db.do(lambda tx: self._creating.restart(tx, id, fresh, request))

    async def sync(self, request: SyncRequest) -> SyncAnswer:
        answer = await self.answering.answer(request)
        if answer.start:
            self.leases.begin()
        return answer

    async def append_log(
        self, id: JobId, generation: int, step: int, offset: int, data: bytes, seen: str = ""
    ) -> LogEnd:
        return LogEnd(await self._appending.append(id, generation, step, offset, data, seen))

    async def log_end(self, id: JobId, generation: int, step: int) -> LogEnd:
        return LogEnd(await self._appending.end(id, generation, step))

    async def workspaces(self, id: JobId, generation: int) -> Archives:
        return Archives(await self._keeping.workspaces(id, generation))

    async def save_workspace(
        self, id: JobId, generation: int, step: int, archive: AsyncIterator[bytes]
    ) -> Archive:
        return await self._keeping.save_workspace(id, generation, step, archive)

    async def find_cache(self, id: JobId, generation: int, key: str) -> FoundCache:
        return FoundCache(await self._keeping.find_cache(id, generation, key))

    async def save_cache(
        self, id: JobId, generation: int, key: str, archive: AsyncIterator[bytes]
    ) -> Archive:
        return await self._keeping.save_cache(id, generation, key, archive)

    async def read_archive(self, id: JobId, generation: int, archive: str) -> AsyncIterator[bytes]:
        return await self._keeping.read(id, generation, archive)

    async def save_artifacts(
        self, id: JobId, generation: int, step: int, archive: AsyncIterator[bytes]
    ) -> KeptArtifacts:
        return await self._artifacts.save(id, generation, step, archive)

    async def save_reports(self, id: JobId, generation: int, step: int, reported: Reported) -> None:
        await self._reporting.save(id, generation, step, reported)

    async def tests(self, id: RunId) -> RunTests:
        return RunTests(await self._reporting.of_run(id))

    async def artifacts(self, id: RunId, cursor: str = "", limit: int = 100) -> Page[Artifact]:
        return await self._artifacts.listed(id, cursor, limit)

    async def artifact_bundle(self, id: RunId, format: str = "tar", task: str = "") -> AsyncIterator[bytes]:
        return await self._artifacts.bundle(id, format, task)

    async def artifact(self, id: RunId, task: TaskId, path: str) -> Artifact:
        return await self._artifacts.one(id, task, path)

    async def read_artifact(
        self, id: RunId, task: TaskId, path: str, sha256: str, start: int, end: int
    ) -> AsyncIterator[bytes]:
        return await self._artifacts.read(id, task, path, sha256, start, end)

    async def put_logs_away(self) -> None:
        """Bring the logs of tasks that are over into their last form."""
        await self._putting_away.put_away()

    async def expire_artifacts(self) -> None:
        """Remove the artifacts whose time is over."""
        await self._artifacts.expire()
