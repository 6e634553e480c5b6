"""The last judgement of a world: everything has ended, nothing is left, every log is what was put out."""

from collections.abc import Callable, Mapping

from tests.faults.checking import check
from tests.simulation.database import Store
from tests.simulation.history import History
from tests.simulation.invariants import Auditor
from tests.simulation.machine import Machine
from tidemill.contracts.logs import Logs
from tidemill.core.run import RunTask, Status, StepPhase
from tidemill.kit.db import Database


class Judgement:
    """Looks at disks, pods and tables, once nothing goes wrong any more."""

    def __init__(
        self,
        history: History,
        auditor: Auditor,
        store: Store,
        machines: Mapping[str, Machine],
        now: Callable[[], float],
    ) -> None:
        self._complain = history.complain
        self._auditor = auditor
        self._store = store
        self._machines = machines
        self._now = now

    def is_over(self) -> bool:
        """No run is open, no log grows, and executors have cleared up."""
        db = self._store.connection.driver
        (open_runs,) = db.execute("SELECT count(*) FROM runs WHERE phase IN ('queued', 'running')").fetchone()
        is_clear = not any(machine.pods or _left(machine) for machine in self._machines.values())
        (growing,) = db.execute("SELECT count(*) FROM logs WHERE put_away_at IS NULL").fetchone()
        return not open_runs and is_clear and not growing

    def complain_of_what_is_left(self) -> None:
        """It should be over and is not."""
        left = {name: (_left(machine), sorted(machine.pods)) for name, machine in self._machines.items()}
        runs = self._store.connection.driver.execute(
            "SELECT id, phase FROM runs ORDER BY sequence"
        ).fetchall()
        self._complain("it does not end", f"runs {runs}, left on disks {left}")

    async def of(self, database: Database, logs: Logs) -> None:
        """See that all that is stored is as it should be."""
        try:
            await check(database)
        except AssertionError as error:
            # Times told by several clocks say nothing; the auditor knows which attempts overlapped.
            lines = [line for line in str(error).splitlines() if "that overlap" not in line]
            if lines:
                self._complain("what is stored contradicts itself", "\n".join(lines))
        for task in list(self._auditor.tasks.values()):
            for step, known in enumerate(task.steps):
                if known.exit_code is None or known.phase not in (StepPhase.SUCCESS, StepPhase.FAILED):
                    continue
                log = b"".join([chunk async for chunk in await logs.read_log(task.id, step)])
                self._check_whole(task, step, log)
            if task.status is Status.SUCCESS:
                self._check_done(task)

    def _check_whole(self, task: RunTask, step: int, log: bytes) -> None:
        """What a machine had not told when it crashed is lost, and so is its task.

        So is what a stopped task had not told before its executor was restarted, when it has secrets:
        without their values nothing of it can be masked.
        """
        execution = self._auditor.executions.get((task.id, task.attempt, step))
        may_lack = task.status is not Status.SUCCESS and (
            (execution is not None and execution.is_crashed) or "before its secrets" in task.reason
        )
        if execution is None:
            self._complain("an end without a beginning", f"step {step} of {task.id} was never executed")
        elif len(log) < execution.state(self._now()).size and not may_lack:
            self._complain("a log is not complete", f"{len(log)} bytes of step {step} of {task.id}")
        else:
            self._auditor.check_log((task.id, task.attempt, step), 0, log, "a log is wrong in the end")

    def _check_done(self, task: RunTask) -> None:
        for step, known in enumerate(task.steps):
            is_executed = (task.id, task.attempt, step) in self._auditor.executions
            if known.phase is not StepPhase.SKIPPED and not is_executed:
                self._complain("a success that was not executed", f"step {step} of {task.id}")


def _left(machine: Machine) -> list[str]:
    """Jobs on its disk."""
    place = machine.disk / "executor" / "jobs"
    return sorted(path.name for path in place.iterdir()) if place.exists() else []
