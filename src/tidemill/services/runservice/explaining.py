"""Explaining runs: everything that is looked at is read in one snapshot."""

from tidemill.core.explaining.nouns import Circumstances, ExecutorView, JobView, RunExplanation
from tidemill.core.explaining.runs import explain
from tidemill.core.placement import Room
from tidemill.core.plan import Plan
from tidemill.core.run import Phase, RunId
from tidemill.errors import NotFound
from tidemill.kit.db import Snapshot
from tidemill.services.runservice.claiming import offer_of
from tidemill.services.runservice.store import executors, jobs, listing, runs
from tidemill.services.runservice.store.demands import Demands
from tidemill.services.runservice.store.executors import Lease
from tidemill.services.runservice.store.plans import Plans
from tidemill.services.runservice.store.runs import StoredRun


async def explained(tx: Snapshot, id: RunId, plans: Plans, demands: Demands, lease: Lease) -> RunExplanation:
    """Why the run, its tasks and their steps are as they are; NotFound `runDoesNotExist`."""
    stored = await runs.by_id(tx, id)
    if stored is None:
        raise NotFound(f"there is no run {id!r}", code="runDoesNotExist")
    plan = (await plans.get(tx, {stored.plan_id}))[stored.plan_id] if stored.plan_id else None
    around = await _circumstances(tx, stored, plan, demands, lease)
    return explain(stored.run, plan, around)


async def _circumstances(
    tx: Snapshot, stored: StoredRun, plan: Plan | None, demands: Demands, lease: Lease
) -> Circumstances:
    now = lease.now
    if stored.run.phase is Phase.QUEUED:
        concurrency = plan.concurrency.group if plan and plan.concurrency else ""
        ahead = await listing.ahead(tx, stored.sequence, stored.run.group, concurrency)
        return Circumstances(now=now, ahead=tuple(ahead))
    if stored.run.phase is not Phase.RUNNING:
        return Circumstances(now=now)
    known = await executors.listed(tx, lease, demands)
    names = {one.id: one.name or one.id for one in known}
    return Circumstances(
        now=now,
        jobs={
            job.task_id: JobView(phase=job.phase, executor=names.get(job.executor or "", ""), stop=job.stop)
            for job in await jobs.of_runs(tx, [stored.sequence])
        },
        executors=tuple(
            ExecutorView(
                name=one.name or one.id,
                online=one.online,
                draining=one.draining,
                room=Room(offer=offer, slots=one.slots, jobs=one.jobs, used=one.used),
            )
            for one in known
            for offer in [offer_of(one)]
        ),
    )
