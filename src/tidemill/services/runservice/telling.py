"""What the event feed is told of runs and tasks, with the transaction that changes them."""

from datetime import datetime

import msgspec

from tidemill.contracts.feed import RunChanged, TaskChanged
from tidemill.core.run import Run, RunTask
from tidemill.kit.coord import Bells
from tidemill.kit.db import Transaction
from tidemill.services.runservice import tail

_encode = msgspec.json.Encoder().encode


def tell_run(tx: Transaction, bells: Bells, run: Run, now: datetime) -> None:
    """Append a run with another phase or result to the feed; wake readers, and who decides what starts."""
    tx.emit("run", run.id, _encode(RunChanged(**msgspec.structs.asdict(run), at=now)))
    tx.after_commit(bells.ring, tail.BELL)
    tx.after_commit(bells.ring, "queued")


def tell_task(tx: Transaction, bells: Bells, changed: TaskChanged) -> None:
    """Append a task in another state to the feed, and wake its readers."""
    tx.emit("task", changed.task.id, _encode(changed))
    tx.after_commit(bells.ring, tail.BELL)


def is_told(was: RunTask, task: RunTask) -> bool:
    """Whether the feed tells of the change; steps are followed with their run."""
    return (was.status, was.attempt, was.waiting_approval, was.approved) != (
        task.status,
        task.attempt,
        task.waiting_approval,
        task.approved,
    )
