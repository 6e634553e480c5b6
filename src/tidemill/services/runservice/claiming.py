"""Claiming: an executor is given queued jobs that suit it, and leaves to others what is their share.

Those others are executors that wait for jobs at this very moment in this process: a hint that spreads
jobs by load and nothing more. Whoever leaves something looks again a little later and leaves nothing then.
"""

from collections.abc import Collection, Mapping

import msgspec

from tidemill.contracts.fleet import Executor
from tidemill.contracts.jobs import ExecutorInfo
from tidemill.core.job import ExecutorId, JobId
from tidemill.core.placement import Demand, Offer, Room, share, used_by
from tidemill.kit.db import Snapshot, Transaction
from tidemill.services.runservice.store import jobs
from tidemill.services.runservice.store.demands import Demands
from tidemill.services.runservice.store.jobs import Job, Queued

#: Jobs that are looked at when they are to be shared out.
_MOST_SHARED = 256

Rivals = Mapping[ExecutorId, Room]
"""Executors that wait for jobs, each with the room that it has."""


class Claimed(msgspec.Struct, frozen=True):
    """What became of a claim."""

    jobs: tuple[Job, ...]
    left_to: frozenset[ExecutorId] = frozenset()
    """Who is to take what was left."""


def offer_of(info: ExecutorInfo | Executor) -> Offer:
    """What an executor says that it has for tasks."""
    return Offer(
        runtimes=info.runtimes,
        arch=info.arch,
        labels=info.labels,
        allow_privileged=info.allow_privileged,
        resources=info.resources,
    )


async def room_of(tx: Snapshot, info: ExecutorInfo, held: Collection[Job], demands: Demands) -> Room:
    """The room of an executor beside the jobs that it has."""
    room = Room(offer=offer_of(info), slots=info.slots, jobs=len(held))
    stated = info.resources
    if held and not (stated.cpu is None and stated.memory is None):
        asked = [job.demand for job in held if job.demand is not None]
        known = await demands.get(tx, set(asked))
        room = msgspec.structs.replace(room, used=used_by([known[demand] for demand in asked]))
    return room


async def claim(
    tx: Transaction, executor: ExecutorId, room: Room, demands: Demands, rivals: Rivals
) -> Claimed:
    """Give queued jobs to an executor until its *room* is taken or nothing is left for it."""
    claimed: list[Job] = []
    left_to: set[ExecutorId] = set()
    passed_over: set[JobId] = set()
    while room.free:
        suiting = {key: one for key, one in (await demands.open(tx)).items() if room.takes(one)}
        most = min(max(_MOST_SHARED, room.free), room.free + sum(rival.free for rival in rivals.values()))
        found = await jobs.oldest(tx, suiting, most, passed_over) if suiting else []
        mine, theirs = _shared(found, suiting, room, rivals)
        left_to |= theirs
        got = await jobs.claim(tx, executor, [job.id for job in mine]) if mine else []
        for job in got:
            room = room.beside(suiting[job.demand]) if job.demand is not None else room
        claimed += got
        if len(got) == len(mine):
            break
        passed_over |= {job.id for job in mine}  # somebody else is just taking some of these
    return Claimed(tuple(claimed), frozenset(left_to))


def _shared(
    found: list[Queued], demands: Mapping[int, Demand], room: Room, rivals: Rivals
) -> tuple[list[Queued], set[ExecutorId]]:
    """Which of these are for the one who asks, and who takes the others."""
    names = list(rivals)
    takers = share([demands[job.demand] for job in found], room, list(rivals.values()))
    mine = [job for job, taker in zip(found, takers, strict=True) if taker == -1]
    return mine, {names[taker] for taker in takers if taker is not None and taker >= 0}
