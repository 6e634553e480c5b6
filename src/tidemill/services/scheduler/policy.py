"""Which queued runs may start and which runs have to go, decided from what the runservice shows."""

from collections.abc import Collection, Iterator

import msgspec

from tidemill.contracts.runservice import Contender, Contest, QueuedGroup, QueuedGroups
from tidemill.core.plan import Superseded
from tidemill.core.run import RunId


class Superseding(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has to make way for a newer one of its concurrency group."""

    run: RunId
    is_running: bool
    reason: str


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A run that may start as long as its group is as it was seen."""

    run: RunId
    group: str
    token: str


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from one view of all that is queued."""

    supersede: tuple[Superseding, ...] = ()
    start: tuple[Start, ...] = ()


def policy(seen: QueuedGroups) -> Policy:
    """At most one run of a group and of a concurrency group is at work; the oldest that may start does."""
    idle = {group.group for group in seen.groups if not group.running}
    supersede = [one for contest in seen.contests for one in _superseded(contest)]
    held = {one.run for one in supersede}
    for contest in seen.contests:
        held |= _waiting(contest, idle, held)
    starts = [(group, run) for group in seen.groups if (run := next_of(group, held)) is not None]
    return Policy(
        supersede=tuple(supersede),
        start=tuple(Start(run=run, group=group.group, token=group.token) for group, run in starts),
    )


def next_of(group: QueuedGroup, held: Collection[RunId] = ()) -> RunId | None:
    """The run of a group that may start now: if none is running, the oldest but for those that are *held*."""
    if group.running:
        return None
    return next((run for run in group.queued if run not in held), None)


def _superseded(contest: Contest) -> Iterator[Superseding]:
    """The runs before the newest queued one that wants them to go; not those that are going already."""
    wanting = [
        index
        for index, one in enumerate(contest.runs)
        if not one.is_running and one.superseded is Superseded.CANCEL
    ]
    newest = wanting[-1] if wanting else 0
    reason = f"superseded by run #{contest.runs[newest].number} (concurrency group {contest.group})"
    for one in contest.runs[:newest]:
        if not one.stopping:
            yield Superseding(run=one.id, is_running=one.is_running, reason=reason)


def _waiting(contest: Contest, idle: Collection[str], going: Collection[RunId]) -> set[RunId]:
    """The queued runs of a concurrency group but for the one whose turn it is."""
    queued = [one for one in contest.runs if not one.is_running]
    turn: Contender | None = None
    if len(queued) == len(contest.runs):
        turn = next((one for one in queued if one.group in idle and one.id not in going), None)
    return {one.id for one in queued if one is not turn}
