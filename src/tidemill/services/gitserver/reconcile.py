"""What the refs of a repository say about pushes whose end nobody saw: a function of values."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tidemill.kit.git.push import Command, Report, is_none

NONE = "0" * 40
#: How long a git that outlived its server may still be at work on a push.
ORPHAN_LIFE = timedelta(minutes=10)

_TOLD_OF = ("refs/heads/", "refs/tags/")


class State(StrEnum):
    """How far a logged push has come."""

    PENDING = "pending"
    """Handed to git, or about to be: its refs tell whether it was applied."""
    ACCEPTED = "accepted"
    """Applied; the gateway is to be told."""
    TOLD = "told"
    """Applied, and the gateway has it."""
    REFUSED = "refused"
    """Nothing of it was applied."""


class LoggedPush(msgspec.Struct, frozen=True, kw_only=True):
    """A push in the log. *commands* are the asked-for ones while it is pending, then the applied ones."""

    id: str
    project: str
    pusher: str
    commands: tuple[Command, ...]
    received_at: datetime
    state: State = State.PENDING
    attempts: int = 0
    """How often telling the gateway has failed."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What to write into the log."""

    settled: dict[str, tuple[Command, ...]]
    """By the id of a pending push: what of it was applied (nothing: it is refused)."""
    unexplained: tuple[Command, ...]
    """How the refs differ from what was known, after everything that pushes explain."""


def worth_telling(commands: Iterable[Command]) -> tuple[Command, ...]:
    """The commands that move a branch or a tag."""
    return tuple(c for c in commands if c.ref.startswith(_TOLD_OF) and _value(c.old) != _value(c.new))


def accepted_in(report: Report, commands: Iterable[Command]) -> tuple[Command, ...]:
    """The commands that git's report calls done."""
    return tuple(c for c in commands if report.refs.get(c.ref) == "")


def standing_in(refs: Mapping[str, str], commands: Iterable[Command]) -> tuple[Command, ...]:
    """The commands whose refs stand where they were to be moved."""
    return tuple(c for c in commands if refs.get(c.ref, "") == _value(c.new))


def reconcile(
    log: Sequence[LoggedPush],
    refs: Mapping[str, str],
    known: Mapping[str, str],
    *,
    busy: Collection[str],
    now: datetime,
) -> Findings:
    """Compare a repository's *refs* with its *log* (oldest first) and with what was *known* of them.

    A pending push was applied where a ref has its new value, or where a later applied push took the
    ref on from there; not where a later one made the very same move, as who was refused and asked again
    does. One that nothing shows yet is given up after `ORPHAN_LIFE`; pushes in *busy* are being worked on
    by somebody else and are left alone.
    """
    settled: dict[str, tuple[Command, ...]] = {}
    reached = {ref: {sha} for ref, sha in refs.items()}
    covered: set[str] = set()
    moves: set[tuple[str, str, str]] = set()
    for push in reversed(log):
        done = push.commands
        if push.state is State.PENDING:
            done = tuple(
                c
                for c in push.commands
                if _value(c.new) in reached.get(c.ref, {""}) and _move(c) not in moves
            )
            is_open = push.id in busy or (not done and now - push.received_at < ORPHAN_LIFE)
            if is_open:
                covered |= {c.ref for c in push.commands}
            else:
                settled[push.id] = done
        for command in done:
            reached.setdefault(command.ref, {""}).add(_value(command.old))
            # Whatever moved on from where this one leads to may have done so before, too.
            moves = {move for move in moves if move[:2] != (command.ref, _value(command.new))}
            moves.add(_move(command))
    return Findings(
        settled=settled,
        unexplained=_differences(_values_after(known, log, settled), refs, covered),
    )


def _values_after(
    known: Mapping[str, str], log: Sequence[LoggedPush], settled: Mapping[str, tuple[Command, ...]]
) -> dict[str, str]:
    values = dict(known)
    for push in log:
        for command in settled.get(push.id, ()):
            values[command.ref] = _value(command.new)
    return values


def _differences(
    known: Mapping[str, str], refs: Mapping[str, str], covered: Collection[str]
) -> tuple[Command, ...]:
    changed = sorted(ref for ref in known.keys() | refs.keys() if known.get(ref, "") != refs.get(ref, ""))
    return tuple(
        Command(ref=ref, old=known.get(ref, "") or NONE, new=refs.get(ref, "") or NONE)
        for ref in changed
        if ref not in covered
    )


def _move(command: Command) -> tuple[str, str, str]:
    return command.ref, _value(command.old), _value(command.new)


def _value(sha: str) -> str:
    return "" if is_none(sha) else sha
