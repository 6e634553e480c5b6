"""Why a run, a task or a step is made, skipped or not made: the rule and the values that decided."""

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What became of something that a definition holds."""

    MADE = "made"
    SKIPPED = "skipped"
    """It is in the plan and will not be executed."""
    NOT_MADE = "not_made"
    """It is not in any plan."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a decision record; *task* and *step* are empty where it is about the whole."""

    run: str
    task: str = ""
    step: int | None = None
    verdict: Verdict
    code: str
    """Stable, for programs: `unconditional`, `matched`, `not_matched`, `skip_mark`, `excluded`."""
    rule: str = ""
    """Which rule decided, such as `when.branch.include`."""
    values: dict[str, str] = {}
    """What it was compared with, by name."""
    because: str
    """One sentence for people."""
