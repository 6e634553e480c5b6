"""How a job ends, and why it does not go on."""

import msgspec

from tidemill.core.job import Outcome
from tidemill.core.plan import PlanTask
from tidemill.work.patience import Patience


class Ending(msgspec.Struct, frozen=True):
    """How a job ends."""

    outcome: Outcome
    reason: str = ""
    timed_out: bool = False


def interruption(patience: Patience, task: PlanTask) -> Ending:
    """Why a job that must not go on does not."""
    if patience.is_stopped:
        return Ending(Outcome.STOPPED)
    if patience.failure:
        return Ending(Outcome.FAILED, patience.failure)
    return Ending(Outcome.FAILED, f"timed out after {task.timeout:g} s", timed_out=True)
