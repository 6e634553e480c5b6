"""Jobs that processes of the version before have queued: given the demand that they lack.

While an installation is upgraded, process after process, some still write jobs as they know them.
"""

from datetime import datetime

from tidemill.core.placement import demand_of
from tidemill.kit.db import Transaction
from tidemill.services.runservice.changing import Means
from tidemill.services.runservice.store import jobs

_AT_ONCE = 100


async def complete_jobs(tx: Transaction, means: Means, now: datetime) -> bool:
    """Complete some queued jobs; answers whether there may be more of them."""
    found = await jobs.without_demand(tx, _AT_ONCE)
    if not found:
        return False
    plans = await means.plans.get(tx, {plan_id for _, _, plan_id in found})
    asked = [demand_of(plans[plan_id].tasks[position].runtime) for _, position, plan_id in found]
    ids = await means.demands.ids(tx, asked, now)
    await jobs.complete(tx, {job: demand for (job, _, _), demand in zip(found, ids, strict=True)}, now)
    tx.after_commit(means.bells.ring, "jobs")
    return len(found) == _AT_ONCE
