"""Between rows and nouns: a run from its columns, its columns from a run."""

from collections.abc import Iterable
from typing import Any

import msgspec

from tidemill.core.plan import Concurrency
from tidemill.core.run import Phase, Result, Run, RunTask
from tidemill.kit.db import AnyRow

_encode = msgspec.json.Encoder().encode
_tasks = msgspec.json.Decoder(tuple[RunTask, ...])
_task = msgspec.json.Decoder(RunTask)
_annotations = msgspec.json.Decoder(dict[str, str])
_errors = msgspec.json.Decoder(tuple[str, ...])

#: Columns that may change after a run was created, each named as the field it holds.
_CHANGEABLE = (
    "phase",
    "result",
    "stopping",
    "reason",
    "started_at",
    "ended_at",
    "deadline",
    "wake_at",
    "warnings",
)


def run_of(row: AnyRow, tasks: Iterable[RunTask] | None = None) -> Run:
    """The run in a row of `runs`; without its *tasks*, those that wait for an approval."""
    return Run(
        id=row.id,
        name=row.name,
        group=row.group_path,
        number=row.number,
        phase=Phase(row.phase),
        result=Result(row.result),
        stopping=row.stopping,
        reason=row.reason,
        setup_errors=_errors.decode(row.setup_errors) if row.setup_errors else (),
        annotations=_annotations.decode(row.annotations),
        scope=row.scope,
        tasks=tuple(tasks) if tasks is not None else _waiting(row.waiting),
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        deadline=row.deadline,
        warnings=row.warnings,
        restarted_from=row.restarted_from,
        revision=row.revision,
    )


def row_of(
    run: Run, *, sequence: int, counter_path: str, plan_id: str | None, concurrency: Concurrency | None
) -> dict[str, Any]:
    """A new row of `runs`."""
    return {
        "sequence": sequence,
        "id": run.id,
        "name": run.name,
        "group_path": run.group,
        "counter_path": counter_path,
        "number": run.number,
        "plan_id": plan_id,
        "scope": run.scope,
        "restarted_from": run.restarted_from,
        "created_at": run.created_at,
        "revision": 1,
        "waiting": None,
        "concurrency": concurrency.group if concurrency else None,
        "superseded": concurrency.superseded if concurrency else None,
        "annotations": _encode(run.annotations),
        "setup_errors": _encode(run.setup_errors) if run.setup_errors else None,
        **{name: getattr(run, name) for name in _CHANGEABLE},
    }


def changes(before: Run, after: Run) -> dict[str, Any]:
    """The columns of `runs` in which *after* differs."""
    changed = {
        name: getattr(after, name) for name in _CHANGEABLE if getattr(after, name) != getattr(before, name)
    }
    waiting = _that_wait(after)
    if waiting != _that_wait(before):
        changed["waiting"] = _encode(waiting) if waiting else None
    return changed


def state_of(task: RunTask) -> bytes:
    """What is stored of a task."""
    return _encode(task)


def task_of(state: bytes) -> RunTask:
    """The task that is stored so."""
    return _task.decode(state)


def _that_wait(run: Run) -> tuple[RunTask, ...]:
    return tuple(task for task in run.tasks if task.waiting_approval)


def _waiting(stored: bytes | None) -> tuple[RunTask, ...]:
    return _tasks.decode(stored) if stored else ()
