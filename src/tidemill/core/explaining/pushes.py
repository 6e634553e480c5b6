"""Explaining a ref that was pushed: the runs that were made of it, or why there are none."""

import re
from datetime import datetime

import msgspec

from tidemill.core.explaining.nouns import Explanation
from tidemill.core.spans import span

_PLACE = re.compile(r"(\S+?:\d+:\d+): ")
_WARNING = "warning: "


class MadeOf(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was made of a ref."""

    number: int
    name: str
    setup_error: str = ""


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of a ref that a push moved."""

    code: str
    """What became of it; "" as long as nothing has, and where nobody recorded it."""
    is_pending: bool
    has_failed: bool
    note: str
    runs: tuple[MadeOf, ...] = ()
    attempts: int = 0
    due_at: datetime


def explain_push(pushed: Pushed, now: datetime) -> Explanation:
    """Why a ref has the runs that it has, or none."""
    if pushed.is_pending:
        return _pending(pushed, now)
    lines = [line for line in pushed.note.split("\n") if line]
    warnings = [line.removeprefix(_WARNING) for line in lines if line.startswith(_WARNING)]
    evidence = {"warnings": "\n".join(warnings)} if warnings else {}
    reasons = "; ".join(line for line in lines if not line.startswith(_WARNING))
    if pushed.runs:
        return _made(pushed, evidence | ({"not_made": reasons} if reasons else {}))
    code = pushed.code or ("failed" if pushed.has_failed else "no_run")
    if code == "failed":
        evidence["attempts"] = str(pushed.attempts + 1)
    if code == "not_matched":
        reasons = f"no run of its configuration is meant for it: {reasons}"
    return Explanation(code=code, sentence=reasons or "no run was made", evidence=evidence)


def _made(pushed: Pushed, evidence: dict[str, str]) -> Explanation:
    numbers = {"runs": ", ".join(str(run.number) for run in pushed.runs)}
    error = next((run.setup_error for run in pushed.runs if run.setup_error), "")
    if error:
        place = _PLACE.match(error)
        where = {"place": place[1]} if place else {}
        sentence = f"its configuration is wrong, which run #{pushed.runs[0].number} tells: {error}"
        return Explanation(code="setup_error", sentence=sentence, evidence=numbers | where | evidence)
    names = " and ".join(f"#{run.number} {run.name}" for run in pushed.runs)
    return Explanation(code="runs_made", sentence=f"made {names}", evidence=numbers | evidence)


def _pending(pushed: Pushed, now: datetime) -> Explanation:
    if not pushed.attempts:
        sentence = "waiting: an older push to the same ref, or the work on it, has not ended"
        return Explanation(code="pending", sentence=sentence)
    left = (pushed.due_at - now).total_seconds()
    when = f"in {span(left)}" if left > 0 else "now"
    return Explanation(
        code="retrying",
        sentence=f"waiting: it is tried again {when}: {pushed.note.removesuffix('; trying again')}",
        evidence={"attempts": str(pushed.attempts)},
    )
