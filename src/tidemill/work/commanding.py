"""A step that is a command in the pod: started, followed to its end, or brought to one."""

from contextlib import suppress

import anyio

from tidemill.core.run import StepPhase
from tidemill.pods import Pod, PodLost, Progress
from tidemill.work.bench import CALL_LIMIT, Bench
from tidemill.work.commands import command, command_key
from tidemill.work.output import CommandOutput, moment


class CommandStep:
    """One such step."""

    def __init__(self, bench: Bench, pod: Pod, index: int) -> None:
        self._bench = bench
        self._pod = pod
        self._index = index
        self._key = command_key(index)

    async def do(self) -> None:
        """Do it, or what an earlier life has left to do of it."""
        ledger = self._bench.ledger
        is_over = ledger.has_ended(self._index)
        if not is_over:
            await self._start()
        output = self._bench.logs.ship_command(self._pod, self._key, self._index, resume=ledger.is_found)
        if not is_over:
            await self._end(output)
            return
        if reason := ledger.step(self._index).reason:
            output.close_with(reason)
        with suppress(PodLost), anyio.move_on_after(CALL_LIMIT):
            await output.end()  # or the end of the job would cut off what nobody has heard of in this life

    async def _start(self) -> None:
        try:
            with anyio.fail_after(CALL_LIMIT):
                await self._pod.start(
                    command(self._bench.spec, self._index, self._bench.values, most=self._bench.log_limit)
                )
        except PodLost:
            if self._bench.ledger.is_found:  # what it printed before its pod was lost is still there
                output = self._bench.logs.ship_command(self._pod, self._key, self._index, resume=True)
                with suppress(PodLost), anyio.move_on_after(CALL_LIMIT):
                    await output.end()
            raise

    async def _end(self, output: CommandOutput) -> None:
        """Wait for its end, or bring that about when it must not go on."""
        with self._bench.waiting(self._index):
            self._record(await output.end())
            return
        reason = self._bench.overtime(self._index)
        with suppress(PodLost), anyio.move_on_after(self._bench.grace + CALL_LIMIT):
            progress = await output.known()
            if progress.ended:  # by itself, while nobody was there
                self._record(progress)
                return
            output.close_with(reason)
            await self._pod.stop(self._key, self._bench.grace)
            await output.end()
        self._bench.cut_step(self._index, reason)

    def _record(self, progress: Progress) -> None:
        code = 127 if progress.exit_code is None and progress.error else progress.exit_code
        self._bench.end_step(
            self._index,
            StepPhase.SUCCESS if code == 0 else StepPhase.FAILED,
            exit_code=code,
            started_at=moment(progress.started_at) or self._bench.ledger.step(self._index).started_at,
            ended_at=moment(progress.ended_at) or self._bench.clock(),
        )
