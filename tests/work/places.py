"""What tests of `work` have in common: jobs, a store of logs, one worker on a driver of words."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup

from tidemill.core.job import JobId, JobPhase, JobReport, JobSpec
from tidemill.core.logs.marks import Mark, moved, read, spelt
from tidemill.core.plan import PlanTask, RunStep, Runtime, Step
from tidemill.core.run import RunId, TaskId
from tidemill.pods import Driver
from tidemill.work.directory import JobDirectory, KeptJob
from tidemill.work.shipping import LogGap
from tidemill.work.worker import JobWorker, Surroundings


class Store:
    """Logs in memory, with the promises of a log sink; *trouble* is raised by the next calls."""

    def __init__(self) -> None:
        self.logs: dict[int, bytearray] = defaultdict(bytearray)
        self.appends: list[tuple[int, int, int]] = []
        """Step, offset and length of what was asked for."""
        self.marks: dict[int, list[Mark]] = defaultdict(list)
        self.trouble: list[Exception] = []
        self.lost_answers: list[Exception] = []
        """Raised by the next appends, when their bytes are stored."""
        self.changed = anyio.Event()

    def log(self, step: int) -> bytes:
        return bytes(self.logs[step])

    async def append(self, step: int, offset: int, data: bytes, seen: Sequence[Mark]) -> int:
        self.appends.append((step, offset, len(data)))
        assert [mark.offset for mark in seen[:1]] == [0]
        assert read(spelt(seen), len(data)) == tuple(seen)  # what a server would refuse
        self._fail()
        log = self.logs[step]
        if offset > len(log):
            raise LogGap(len(log))
        log[offset : offset + len(data)] = data
        self.marks[step] = [mark for mark in self.marks[step] if mark.offset < offset]
        self.marks[step] += moved(seen, offset)
        self.changed.set()
        self.changed = anyio.Event()
        if self.lost_answers:
            raise self.lost_answers.pop(0)
        return len(log)

    async def end(self, step: int) -> int:
        self._fail()
        return len(self.logs[step])

    async def until(self, step: int, text: bytes) -> None:
        """Wait until a log holds *text*."""
        with anyio.fail_after(10):
            while text not in self.logs[step]:
                await self.changed.wait()

    def _fail(self) -> None:
        if self.trouble:
            raise self.trouble.pop(0)


class Place:
    """One worker on one job, and what it reports."""

    def __init__(self, directory: Path, driver: Driver) -> None:
        self.directory = JobDirectory(directory)
        self.driver = driver
        self.store = Store()
        self.reports: list[JobReport] = []
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def worker(self, job: KeptJob, values: Mapping[str, str] | None, **around: Any) -> JobWorker:
        return JobWorker(
            job,
            values,
            Surroundings(
                driver=self.driver,
                sink=self.store,
                report=self.reports.append,
                clock=self.clock,
                **around,
            ),
        )

    def accepted(self, spec: JobSpec, values: Mapping[str, str] | None = None, **around: Any) -> JobWorker:
        """A worker on a new job."""
        return self.worker(self.directory.accept(spec), values or {}, **around)

    @asynccontextmanager
    async def working(self, worker: JobWorker) -> AsyncIterator[TaskGroup]:
        """Work inside, and to the end of the job unless the group is cancelled."""
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(worker.run)
                yield group

    async def done(self, spec: JobSpec, values: Mapping[str, str] | None = None) -> JobReport:
        """Do a job, and answer the last report."""
        with anyio.fail_after(10):
            await self.accepted(spec, values).run()
        report = self.reports[-1]
        assert report.phase is JobPhase.ENDED
        return report


def run(command: str, **options: Any) -> RunStep:
    """A step without a terminal."""
    return RunStep(name=command, command=command, **({"tty": False} | options))


def job(
    *steps: Step | str, environment: dict[str, str] | None = None, values: tuple[str, ...] = (), **task: Any
) -> JobSpec:
    """A job of these steps (a text is a command); more arguments are fields of its task."""
    all_steps = tuple(run(step) if isinstance(step, str) else step for step in steps)
    fields: dict[str, Any] = {"name": "task", "runtime": Runtime(type="host"), "steps": all_steps}
    return JobSpec(
        id=JobId("job"),
        generation=1,
        run_id=RunId("run"),
        task_id=TaskId("task"),
        task=PlanTask(**(fields | task)),
        environment=environment or {},
        values=values,
    )
