"""Every change of state that a run or a task can make, and what brings it about.

The state machine's test sees to it that nothing else happens; docs/runs.md draws it.
"""

import msgspec

from tidemill.core.run import Phase, Status


class Transition(msgspec.Struct, frozen=True):
    """From one state to another; "" is before the first."""

    before: str
    after: str
    by: str


RUN = (
    Transition("", Phase.SETUP_ERROR, "its configuration has errors"),
    Transition("", Phase.QUEUED, "created"),
    Transition(Phase.QUEUED, Phase.CANCELLED, "cancelled, or superseded"),
    Transition(Phase.QUEUED, Phase.RUNNING, "its turn has come"),
    Transition(Phase.RUNNING, Phase.FINISHED, "it has a result, every task has ended, no executor has one"),
)

TASK = (
    Transition("", Status.SKIPPED, "its `when` does not match"),
    Transition("", Status.NOT_STARTED, "created"),
    Transition(
        Status.NOT_STARTED,
        Status.SKIPPED,
        "what it depends on ended otherwise, it is rejected, nobody approves it in time, the run is stopped",
    ),
    Transition(
        Status.NOT_STARTED, Status.CANCELLED, "the run has its result, or it is stopped before it begins"
    ),
    Transition(Status.NOT_STARTED, Status.RUNNING, "an executor begins"),
    Transition(Status.NOT_STARTED, Status.SUCCESS, "it was over before its beginning was told"),
    Transition(Status.NOT_STARTED, Status.FAILED, "likewise, or it could not begin"),
    Transition(Status.NOT_STARTED, Status.STOPPED, "likewise, or it is stopped between two attempts"),
    Transition(Status.NOT_STARTED, Status.LOST, "its executor is silent, or has forgotten it"),
    Transition(Status.RUNNING, Status.SUCCESS, "every step succeeded, or its failure is ignored"),
    Transition(Status.RUNNING, Status.FAILED, "a step or the setup failed, or it took too long"),
    Transition(Status.RUNNING, Status.STOPPED, "it was told to stop"),
    Transition(Status.RUNNING, Status.LOST, "its executor is silent, or has forgotten it"),
    Transition(Status.RUNNING, Status.NOT_STARTED, "its attempt ended so that its `retry` wants another"),
)


def allowed(table: tuple[Transition, ...], before: str, after: str) -> bool:
    """Whether a state may follow another, which may also stay as it is."""
    return before == after or any((one.before, one.after) == (before, after) for one in table)
