"""The steps of one job in their order: which of them are done, and what follows from their ends."""

from tidemill.core.job import Outcome
from tidemill.core.plan import CloneStep, RunStep
from tidemill.core.run import StepPhase
from tidemill.pods import Pod
from tidemill.work.bench import Bench
from tidemill.work.commanding import CommandStep
from tidemill.work.ending import Ending, interruption
from tidemill.work.filing import FileStep


class Stepping:
    """Does the steps, from wherever an earlier life has left them."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._ledger = bench.ledger

    async def through(self, pod: Pod) -> Ending:
        """Do what is to be done and say how the job ends: its first failure is what counts.

        After that, only steps that are `always` done.
        """
        ending: Ending | None = None
        for index, step in enumerate(self._bench.spec.task.steps):
            if step.skip:
                self._ledger.pass_over(index)
                continue
            is_new = self._ledger.step(index).phase is StepPhase.NOT_STARTED
            if is_new and ending is None and self._bench.patience.is_over:
                ending = self._interruption()
            if ending is not None and not (step.always and self._bench.may_begin(index)) and is_new:
                continue
            if is_new:
                self._ledger.change_step(index, phase=StepPhase.RUNNING, started_at=self._bench.clock())
            ended = await self._step(pod, index)
            ending = ending or ended
        return ending or Ending(Outcome.SUCCESS)

    async def _step(self, pod: Pod, index: int) -> Ending | None:
        """Do one step, or what an earlier life has left to do of it; an ending when the job fails by it."""
        is_over = self._ledger.has_ended(index)
        if not is_over or index not in self._ledger.state.stored:
            is_command = isinstance(self._bench.step(index), RunStep | CloneStep)
            await (CommandStep if is_command else FileStep)(self._bench, pod, index).do()
        return self._after(index)

    def _after(self, index: int) -> Ending | None:
        """What follows from a step that has ended."""
        step = self._ledger.step(index)
        if step.phase is StepPhase.SUCCESS:
            return None
        if step.exit_code is None and not step.reason and self._bench.patience.is_over:
            return self._interruption()
        if step.phase is StepPhase.STOPPED:
            return Ending(Outcome.STOPPED)
        if self._bench.step(index).ignore_failure:
            return None
        return Ending(Outcome.FAILED, f"step {index + 1}: {step.reason}" if step.reason else "")

    def _interruption(self) -> Ending:
        return interruption(self._bench.patience, self._bench.spec.task)
