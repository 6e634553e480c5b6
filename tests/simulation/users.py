"""Those who ask for runs and act on them, again and again until they have an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tests.simulation.history import History
from tests.simulation.scenario import Deed, PlannedRun, Scenario
from tidemill.contracts.runservice import CreateRuns, NewRun, Restart, RunQuery, Runservice
from tidemill.core.run import Run, RunId
from tidemill.errors import BadRequest, Conflict, Failure, NotFound

T = TypeVar("T")

_AGAIN = 2.0


class Users:
    """All people, in a process of their own that never fails."""

    def __init__(self, scenario: Scenario, runs: Runservice, history: History) -> None:
        self.asked: dict[int, RunId] = {}
        """The runs that were created, by their number in the scenario."""
        self._scenario = scenario
        self._runs = runs
        self._history = history

    async def act(self) -> None:
        """Do all that the scenario says."""
        async with asyncio.TaskGroup() as group:
            for number, run in enumerate(self._scenario.runs):
                group.create_task(self._ask(number, run))
            for deed in self._scenario.deeds:
                group.create_task(self._do(deed))

    async def _ask(self, number: int, planned: PlannedRun) -> None:
        await _until(planned.at)
        request = CreateRuns(
            key=f"push {number}",
            group=planned.group,
            runs=(NewRun(name=planned.plan.name, plan=planned.plan),),
        )
        answer = await self._insist(lambda: self._runs.create_runs(request))
        assert answer is not None
        self.asked[number] = answer.runs[0].id

    async def _do(self, deed: Deed) -> None:
        await _until(deed.at)
        wanted = self.asked.get(deed.run)
        if wanted is None:
            return
        detail = await self._insist(lambda: self._runs.run(wanted))
        assert detail is not None
        await self._insist(lambda: self._deed(deed, detail.run))

    def _deed(self, deed: Deed, run: Run) -> Awaitable[Any]:
        task = run.tasks[min(deed.task, len(run.tasks) - 1)].id
        self._history.tell("wants to {} {}", deed.kind, run.id)
        match deed.kind:
            case "stop":
                return self._runs.stop_run(run.id, "stopped by ann")
            case "cancel":
                return self._runs.cancel_run(run.id, "cancelled by ann")
            case "approve":
                return self._runs.approve_task(run.id, task, "ann")
            case "reject":
                return self._runs.reject_task(run.id, task, "rejected by bob")
            case _:
                return self._runs.restart_run(run.id, Restart(from_start=deed.task % 2 == 0))

    async def approve_all(self) -> None:
        """Let go on whatever waits for somebody."""
        page = await self._insist(lambda: self._runs.runs(RunQuery(phases=("running",), limit=100)))
        waiting = [(run.id, task.id) for run in page.items for task in run.tasks if task.waiting_approval]
        for run, task in waiting:
            await self._insist(lambda run=run, task=task: self._runs.approve_task(run, task, "zoe"))

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """The answer, or nothing where somebody says no."""
        while True:
            try:
                return await call()
            except (BadRequest, Conflict, NotFound) as refusal:
                self._history.tell("is refused: {}", refusal.message)
                return None
            except Failure as failure:
                self._history.tell("has no answer: {}", failure.message)
            await asyncio.sleep(_AGAIN)


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))
