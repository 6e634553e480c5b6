"""Faults that are known, put into the code of one world, to see that the simulation finds them."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

from msgspec.structs import replace

from tidemill.core import report, settling
from tidemill.core.job import JobId, JobPhase
from tidemill.services.executor import holding
from tidemill.services.runservice import leases
from tidemill.services.runservice import syncing as looking
from tidemill.services.runservice.logs import appending
from tidemill.services.runservice.store import jobs, logs
from tidemill.services.scheduler import policy
from tidemill.work import directory, ledger


def plant(name: str) -> None:
    """Put the fault *name* into this process."""
    PLANTED[name]()


class _Same(int):
    """Whatever it is compared with."""

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


def _no_generations() -> None:
    """A report of an old generation counts like one of the present."""

    def listed(self: Any, held: dict[JobId, Any]) -> dict[JobId, Any]:
        found = {}
        for told in self._request.jobs:
            if told.id in held:
                found[told.id] = told
            elif told.phase is JobPhase.ENDED:
                self._forget.append(told.id)
            else:
                self._fenced.append(told.id)
        return found

    looking.Look._listed = listed  # type: ignore[method-assign]
    report.attempt_of = lambda _generation: _Same()


def _unfenced_logs() -> None:
    """Logs are taken from whoever sends them."""

    async def hold(*_: Any) -> None:
        return None

    jobs.hold = hold


def _no_boots() -> None:
    """An executor does not notice that its machine was started anew."""
    holding.boot_id = lambda: "the same"


def _begins_unnoted() -> None:
    """It is not written down that something of a job may have run."""
    ledger.Ledger.begin = lambda self: setattr(self, "state", replace(self.state, begun=True))  # type: ignore[method-assign]


def _starts_without_confirmation() -> None:
    """An executor begins with a job as soon as it is offered."""
    accept = holding.Holding.accept

    async def accept_and_run(self: Any, specs: Any) -> bool:
        specs = list(specs)
        accepted = await accept(self, specs)
        for spec in specs:
            held = self._held.get(spec.id)
            if held is not None and held.worker is None and held.report.phase is JobPhase.ACCEPTED:
                self._work(held, {})
        return accepted

    holding.Holding.accept = accept_and_run  # type: ignore[method-assign]


def _groups_unseen() -> None:
    """The scheduler does not see that a run of a group is at work."""
    policy.next_of = lambda group, held=(): next((run for run in group.queued if run not in held), None)


def _forgets_to_forget() -> None:
    """An executor is never told that an end is recorded."""
    found = looking.Look._found

    async def without(self: Any, *args: Any) -> Any:
        return replace(await found(self, *args), forget=())

    looking.Look._found = without  # type: ignore[method-assign]


def _forgets_early() -> None:
    """An executor throws a job away as soon as it has ended, before anybody knows."""
    listed = holding.Holding.reports
    holding.Holding.reports = lambda self: tuple(  # type: ignore[method-assign]
        told for told in listed(self) if told.phase is not JobPhase.ENDED
    )


def _overtaken_syncs() -> None:
    """A sync that was overtaken on its way counts."""
    looking.Look._refuse_overtaken = lambda *_: None  # type: ignore[method-assign]


def _logs_anywhere() -> None:
    """Log bytes are added at the end, whatever offset they were sent for."""
    grow = logs.grow

    async def anywhere(tx: Any, id: Any, part: Any) -> Any:
        head = await logs.head(tx, id)
        return await grow(tx, id, replace(part, start=head.length if head else 0))

    appending.logs.grow = anywhere


def _lost_at_once() -> None:
    """Whoever is not heard for a moment has gone silent: neither a grace nor a second look."""
    look = leases.Leases.look

    def impatient(self: Any, seen: Any, now: Any) -> list[Any]:
        look(self, seen, now)
        return [executor for executor, seen_at in seen.items() if (now - seen_at).total_seconds() > 1]

    leases.Leases.look = impatient  # type: ignore[method-assign]


def _accepts_in_memory() -> None:
    """A job is accepted before it is on the disk, where it never comes."""
    directory._replace = lambda path, content, *, durable: None


def _accepted_are_taken_back() -> None:
    """The jobs of a silent executor go back to the queue although they may have begun."""

    async def lose_jobs(tx: Any, id: Any, seen_at: Any, means: Any, now: Any) -> Any:
        held = await jobs.held_by(tx, id)
        await jobs.requeue(tx, [job.id for job in held])
        tx.after_commit(means.bells.ring, "jobs")
        return leases.Losses(requeued=len(held))

    leases.lose_jobs = lose_jobs


def _deaf_to_the_end() -> None:
    """An end is reported before its logs are stored."""
    ledger.visible = holding.visible = lambda state: state.report


def _retries_of_everything() -> None:
    """A task that has failed is tried again whatever its plan says."""
    settling.may_try_again = lambda _planned, task: task.status in settling._FAILED and task.attempt < 3


PLANTED: dict[str, Callable[[], Any]] = {
    name.lstrip("_").replace("_", "-"): fault
    for name, fault in list(globals().items())
    if name.startswith("_")
    and isinstance(fault, FunctionType)
    and getattr(fault, "__module__", "") == __name__
}
