"""Test reports: what steps tell of their tests, kept with their task."""

from tidemill.contracts.runservice import StepTests
from tidemill.core.job import JobId, attempt_of
from tidemill.core.plan import SaveReports
from tidemill.core.reports import Reported
from tidemill.core.run import RunId, TaskId
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.db import Database, Transaction
from tidemill.services.runservice.store import jobs, reports
from tidemill.services.runservice.store.plans import Plans


class Reporting:
    """Keeps and shows them."""

    def __init__(self, db: Database, plans: Plans) -> None:
        self._db = db
        self._plans = plans

    async def save(self, id: JobId, generation: int, step: int, reported: Reported) -> None:
        """Keep what a step tells; Conflict `fenced`."""

        async def store(tx: Transaction) -> None:
            await jobs.hold(tx, id, generation)
            job = await jobs.live(tx, id, generation)
            plan = (await self._plans.get(tx, {job.plan_id}))[job.plan_id]
            steps = plan.tasks[job.position].steps
            if not 0 <= step < len(steps) or not isinstance(steps[step], SaveReports):
                raise BadRequest(f"step {step} reports no tests", code="noReportsStep")
            await reports.keep(tx, TaskId(id), step, attempt_of(generation), reported)

        await self._db.do(store)

    async def of_run(self, run: RunId) -> tuple[StepTests, ...]:
        """What the tests of a run came to; NotFound `runDoesNotExist`."""
        found = await self._db.read(lambda tx: reports.of_run(tx, run))
        if found is None:
            raise NotFound(f"there is no run {run!r}", code="runDoesNotExist")
        return tuple(found)
