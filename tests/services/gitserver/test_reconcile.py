"""What refs say about pushes whose end nobody saw: values in, values out."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tidemill.kit.git.push import Command, Report
from tidemill.services.gitserver.reconcile import (
    NONE,
    ORPHAN_LIFE,
    Findings,
    LoggedPush,
    State,
    accepted_in,
    reconcile,
    standing_in,
    worth_telling,
)

NOW = datetime(2026, 7, 30, tzinfo=UTC)
A, B, C = "a" * 40, "b" * 40, "c" * 40
MAIN, TOPIC, TAG = "refs/heads/main", "refs/heads/topic", "refs/tags/v1"


def move(ref: str, old: str, new: str) -> Command:
    return Command(ref=ref, old=old, new=new)


def push(id: str, *commands: Command, state: State = State.PENDING, age: float = 1) -> LoggedPush:
    return LoggedPush(
        id=id,
        project="p",
        pusher="u",
        commands=commands,
        received_at=NOW - timedelta(seconds=age),
        state=state,
    )


def find(
    *log: LoggedPush, refs: dict[str, str], known: dict[str, str], busy: set[str] | None = None
) -> Findings:
    return reconcile(log, refs, known, busy=busy or set(), now=NOW)


def test_a_push_whose_ref_has_its_value_was_applied() -> None:
    """It explains the ref; nothing is left over."""
    found = find(push("1", move(MAIN, NONE, A)), refs={MAIN: A}, known={})
    assert found == Findings(settled={"1": (move(MAIN, NONE, A),)}, unexplained=())


def test_only_what_was_applied_of_a_push_counts() -> None:
    old = ORPHAN_LIFE.total_seconds()
    found = find(push("1", move(MAIN, A, B), move(TOPIC, NONE, C), age=old), refs={MAIN: B}, known={MAIN: A})
    assert found == Findings(settled={"1": (move(MAIN, A, B),)}, unexplained=())


def test_a_deletion_shows_as_absence() -> None:
    found = find(push("1", move(MAIN, A, NONE)), refs={}, known={MAIN: A})
    assert found == Findings(settled={"1": (move(MAIN, A, NONE),)}, unexplained=())


@pytest.mark.parametrize("state", [State.PENDING, State.ACCEPTED, State.TOLD])
def test_a_push_that_a_later_one_built_on_was_applied(state: State) -> None:
    """Its ref has moved on, from the value that it gave it."""
    first = push("1", move(MAIN, NONE, A))
    second = push("2", move(MAIN, A, B), state=state)
    known = {} if state is State.PENDING else {MAIN: B}
    assert find(first, second, refs={MAIN: B}, known=known).settled["1"] == first.commands


@pytest.mark.parametrize("state", [State.PENDING, State.ACCEPTED, State.TOLD])
def test_of_two_pushes_that_made_the_same_move_the_later_one_has_made_it(state: State) -> None:
    """Who was refused, though the push had been written down, asks again: that is one push."""
    again = move(MAIN, NONE, A)
    old = ORPHAN_LIFE.total_seconds()
    first, second = push("1", again, age=old), push("2", again, state=state)
    known = {} if state is State.PENDING else {MAIN: A}
    settled = find(first, second, refs={MAIN: A}, known=known).settled
    assert settled["1"] == ()
    assert settled.get("2", second.commands) == second.commands


def test_a_move_that_was_undone_can_be_made_again() -> None:
    """A branch that was made, deleted and made again was made twice."""
    made, deleted = move(MAIN, NONE, A), move(MAIN, A, NONE)
    log = [push("1", made), push("2", deleted), push("3", made)]
    settled = find(*log, refs={MAIN: A}, known={}).settled
    assert settled == {"1": (made,), "2": (deleted,), "3": (made,)}


def test_a_branch_that_was_made_and_deleted() -> None:
    """Both pushes were applied although nothing of the branch is left."""
    found = find(push("1", move(TOPIC, NONE, A)), push("2", move(TOPIC, A, NONE)), refs={}, known={})
    assert set(found.settled) == {"1", "2"}
    assert all(found.settled.values())
    assert found.unexplained == ()


def test_a_git_that_may_still_be_at_work_is_waited_for() -> None:
    """Within its life an orphan's refs are left alone; after it the push counts as refused."""
    young = push("1", move(MAIN, A, B))
    assert find(young, refs={MAIN: A}, known={MAIN: A}) == Findings(settled={}, unexplained=())
    assert find(young, refs={MAIN: C}, known={MAIN: A}).unexplained == ()
    old = msgspec.structs.replace(young, received_at=NOW - ORPHAN_LIFE)
    assert find(old, refs={MAIN: A}, known={MAIN: A}) == Findings(settled={"1": ()}, unexplained=())
    assert find(old, refs={MAIN: C}, known={MAIN: A}) == Findings(
        settled={"1": ()}, unexplained=(move(MAIN, A, C),)
    )


def test_a_push_in_hand_is_left_alone() -> None:
    """Whoever is at work on it settles it, also when its refs have moved already."""
    busy = push("1", move(MAIN, A, B), age=10_000)
    assert find(busy, refs={MAIN: B}, known={MAIN: A}, busy={"1"}) == Findings(settled={}, unexplained=())


def test_refs_that_no_push_explains() -> None:
    """Moved, made and removed behind our back: each is found, from the value that was known."""
    found = find(refs={MAIN: B, TAG: C}, known={MAIN: A, TOPIC: A})
    assert found.unexplained == (move(MAIN, A, B), move(TOPIC, A, NONE), move(TAG, NONE, C))


def test_what_came_after_a_push_is_found_too() -> None:
    """A push explains the value it gave; what differs from that is unexplained."""
    first = push("1", move(MAIN, NONE, A))
    second = push("2", move(MAIN, A, B))
    assert find(first, second, refs={MAIN: B, TOPIC: C}, known={}).unexplained == (move(TOPIC, NONE, C),)


def test_the_report_decides() -> None:
    """Accepted is what git calls ok; a ref that the report leaves out is not."""
    commands = (move(MAIN, A, B), move(TOPIC, A, B), move(TAG, NONE, A))
    report = Report(unpacked="ok", refs={MAIN: "", TOPIC: "non-fast-forward"})
    assert accepted_in(report, commands) == (commands[0],)
    assert standing_in({MAIN: B, TOPIC: A}, (*commands, move("refs/heads/x", A, NONE))) == (
        commands[0],
        move("refs/heads/x", A, NONE),
    )


def test_branches_and_tags_are_worth_telling() -> None:
    """Other refs make no runs, and what does not move is no update."""
    told = (move(MAIN, NONE, A), move(TAG, A, NONE))
    assert (
        worth_telling((*told, move("refs/notes/x", NONE, A), move(TOPIC, A, A), move(TOPIC, NONE, NONE)))
        == told
    )
