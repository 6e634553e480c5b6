"""Starting a run: only in a group that is as the caller saw it, and one at a time in a concurrency group."""

from datetime import datetime

from tidemill.core import actions
from tidemill.errors import Conflict
from tidemill.kit.db import Transaction
from tidemill.services.runservice import groups
from tidemill.services.runservice.changing import RunInHand
from tidemill.services.runservice.store import counting, listing


async def start(tx: Transaction, hand: RunInHand, token: str, now: datetime) -> None:
    """QUEUED -> RUNNING for the run in *hand*; Conflict `groupChanged`."""
    hand.run = actions.start(hand.run, now)
    if not (token.isdecimal() and await counting.change_group(tx, hand.run.group, was=int(token))):
        raise _changed(f"a run of {hand.run.group} was started or ended meanwhile")
    if hand.plan is not None and hand.plan.concurrency is not None:
        await _alone(tx, hand.run.group, hand.plan.concurrency.group)


async def _alone(tx: Transaction, group: str, concurrency: str) -> None:
    """See that no run of the concurrency group runs, and keep others from starting one before the commit."""
    await counting.change_group(tx, groups.contest_path(group, concurrency))
    if await listing.is_at_work(tx, groups.counter_path(group), concurrency):
        raise _changed(f"another run of the concurrency group {concurrency} is running")


def _changed(what: str) -> Conflict:
    return Conflict(f"{what}: look again", code="groupChanged")
