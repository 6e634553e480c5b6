"""What may start and what has to go, by what is queued and running."""

import pytest

from tidemill.contracts.runservice import Contender, Contest, QueuedGroup, QueuedGroups
from tidemill.core.plan import Superseded
from tidemill.core.run import RunId
from tidemill.services.scheduler.policy import policy


def group(name: str, *queued: str, running: str = "") -> QueuedGroup:
    runs = tuple(RunId(run) for run in queued)
    return QueuedGroup(
        group=name, queued=runs, running=(RunId(running),) if running else (), token=f"t{name}"
    )


def contest(*runs: tuple[str, str, str], name: str = "deploy") -> Contest:
    """Of runs (id, group, words), numbered in their order; words: cancel, running, stopping."""
    return Contest(
        group=name,
        runs=tuple(
            Contender(
                id=RunId(run),
                number=number,
                group=of,
                superseded=Superseded.CANCEL if "cancel" in words else Superseded.QUEUE,
                is_running="running" in words,
                stopping="stopping" in words,
            )
            for number, (run, of, words) in enumerate(runs, 1)
        ),
    )


def decided(groups: list[QueuedGroup], *contests: Contest) -> tuple[list[str], dict[str, bool]]:
    """Which runs start, and which go: True for those that are stopped, False for those cancelled."""
    found = policy(QueuedGroups(tuple(groups), contests=contests))
    return [one.run for one in found.start], {one.run: one.is_running for one in found.supersede}


@pytest.mark.parametrize(
    ("groups", "contests", "starts", "goes"),
    [
        ([group("x", "a", "b"), group("y", "c", running="r")], [], ["a"], {}),
        # Queued runs wait for the one that runs, wherever; what is not in the group does not.
        ([group("x", "b", "c")], [contest(("a", "y", "running"), ("b", "x", ""))], ["c"], {}),
        # The oldest is next.
        (
            [group("x", "a"), group("y", "b"), group("z", "c")],
            [contest(("a", "x", ""), ("b", "y", ""), ("c", "z", ""))],
            ["a"],
            {},
        ),
        # One whose own group is busy lets the next go first.
        (
            [group("x", "a", running="r"), group("y", "b")],
            [contest(("a", "x", ""), ("b", "y", ""))],
            ["b"],
            {},
        ),
        # What is older and still before its start counts, however its own group would have it.
        (
            [group("x", "o", "c"), group("y", "b")],
            [contest(("b", "y", ""), ("c", "x", ""))],
            ["o", "b"],
            {},
        ),
        # A newer one that cancels: queued ones go, the running one is stopped and waited for.
        (
            [group("x", "b", "c", running="a")],
            [contest(("a", "x", "running"), ("b", "x", ""), ("c", "x", "cancel"))],
            [],
            {"a": True, "b": False},
        ),
        (
            [group("x", "b", "c")],
            [contest(("b", "x", "cancel"), ("c", "x", "cancel"))],
            ["c"],
            {"b": False},
        ),
        # Once is enough.
        (
            [group("x", "c", running="a")],
            [contest(("a", "x", "running stopping"), ("c", "x", "cancel"))],
            [],
            {},
        ),
        # What a run wants counts while it is queued, and only for those before it.
        (
            [group("x", "b", running="a")],
            [contest(("a", "x", "running cancel"), ("b", "x", ""))],
            [],
            {},
        ),
        (
            [group("x", "b", "c", running="a")],
            [contest(("a", "x", "running"), ("b", "x", "cancel"), ("c", "x", ""))],
            [],
            {"a": True},
        ),
        # Groups of one name in two projects have nothing to do with each other.
        (
            [group("x", "a"), group("y", "b")],
            [contest(("a", "x", "")), contest(("b", "y", "cancel"))],
            ["a", "b"],
            {},
        ),
    ],
)
def test_what_is_decided(
    groups: list[QueuedGroup], contests: list[Contest], starts: list[str], goes: dict[str, bool]
) -> None:
    """One at a time in a group and in a concurrency group, the oldest first."""
    assert decided(groups, *contests) == (starts, goes)


def test_the_reason_says_by_whom_and_why() -> None:
    """The number of the newest that wants it, and the group as its configuration calls it."""
    seen = contest(("a", "x", "running"), ("b", "x", "cancel"), ("c", "x", "cancel"))
    found = policy(QueuedGroups((group("x", "b", "c", running="a"),), contests=(seen,)))
    assert {one.reason for one in found.supersede} == {"superseded by run #3 (concurrency group deploy)"}
