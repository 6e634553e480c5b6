"""A runservice in memory that keeps the promises of the contract `Jobs`: offsets, fencing, repeats."""

from collections import defaultdict
from collections.abc import Callable

import anyio

from tidemill.contracts.jobs import AcceptedJob, Jobs, LogEnd, SyncAnswer, SyncRequest
from tidemill.core.job import JobId, JobPhase, JobReport, JobSpec
from tidemill.errors import Conflict, Unavailable


class Job:
    """A job as the runservice sees it."""

    def __init__(self, spec: JobSpec, values: dict[str, str]) -> None:
        self.spec = spec
        self.values = values
        self.report: JobReport | None = None
        self.reports: list[JobReport] = []
        self.logs: dict[int, bytearray] = defaultdict(bytearray)
        self.is_stopping = False

    @property
    def has_ended(self) -> bool:
        return self.report is not None and self.report.phase is JobPhase.ENDED

    def log(self, step: int) -> bytes:
        return bytes(self.logs[step])


class MemoryRunservice(Jobs):
    """Hands every job to whichever executor asks. What it has acknowledged it keeps."""

    def __init__(self) -> None:
        self.jobs: dict[JobId, Job] = {}
        self.syncs: list[SyncRequest] = []
        self.answers: list[SyncAnswer] = []
        self.appends: list[tuple[int, int, int]] = []
        """Step, offset and length of every append that was asked for."""
        self.sequence = 0
        self.in_flight = 0
        self.is_away = False
        self.values_are_away = False
        self._changed = anyio.Event()

    def add(self, spec: JobSpec, values: dict[str, str] | None = None) -> Job:
        """A job to be done (in the place of an older generation of it)."""
        job = self.jobs[spec.id] = Job(spec, values or {})
        self.ring()
        return job

    def stop(self, id: JobId) -> None:
        self.jobs[id].is_stopping = True
        self.ring()

    def drop(self, id: JobId) -> None:
        """Give a job up: whoever has it is fenced."""
        del self.jobs[id]
        self.ring()

    def ring(self) -> None:
        """Something has changed."""
        self._changed.set()
        self._changed = anyio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true of what the executors have told."""
        with anyio.fail_after(10):
            while not condition():
                await self._changed.wait()

    async def passing(self, point: str) -> None:
        """Called when a call comes in and before its answer goes out."""

    async def ended(self, job: Job) -> JobReport:
        await self.until(lambda: job.has_ended)
        assert job.report is not None
        return job.report

    async def sync(self, request: SyncRequest) -> SyncAnswer:
        assert not self.in_flight, "one sync at a time"
        self.in_flight += 1
        try:
            return await self._sync(request)
        finally:
            self.in_flight -= 1

    async def _sync(self, request: SyncRequest) -> SyncAnswer:
        self._check_presence()
        if request.sequence < self.sequence:
            raise Conflict("it was overtaken", code="staleSync", details={"sequence": self.sequence})
        self.sequence = request.sequence
        await self.passing("sync")
        self.syncs.append(request)
        self._record(request)
        answer = self._answer(request)
        with anyio.move_on_after(request.wait):
            while answer == SyncAnswer():
                await self._changed.wait()
                self._check_presence()
                answer = self._answer(request)
        await self.passing("answer")
        self.answers.append(answer)
        return answer

    async def append_log(
        self, id: JobId, generation: int, step: int, offset: int, data: bytes, seen: str = ""
    ) -> LogEnd:
        self._check_presence()
        await self.passing("append")
        self.appends.append((step, offset, len(data)))
        log = self._log(id, generation, step)
        if offset > len(log):
            raise Conflict("there is a gap", code="logGap", details={"length": len(log)})
        known = log[offset : offset + len(data)]
        assert bytes(known) == data[: len(known)], "repeated bytes are the same bytes"
        log += data[len(known) :]
        self.ring()
        await self.passing("appended")
        return LogEnd(len(log))

    async def log_end(self, id: JobId, generation: int, step: int) -> LogEnd:
        self._check_presence()
        return LogEnd(len(self._log(id, generation, step)))

    def _check_presence(self) -> None:
        if self.is_away:
            raise Unavailable("the runservice is away")

    def _log(self, id: JobId, generation: int, step: int) -> bytearray:
        job = self.jobs.get(id)
        if job is None or job.spec.generation != generation:
            raise Conflict("another generation has this job", code="fenced")
        return job.logs[step]

    def _record(self, request: SyncRequest) -> None:
        for report in request.jobs:
            job = self.jobs.get(report.id)
            if job is not None and job.spec.generation == report.generation and not job.has_ended:
                job.report = report
                job.reports.append(report)
        self.ring()

    def _answer(self, request: SyncRequest) -> SyncAnswer:
        listed = {report.id: report for report in request.jobs}
        ours = {
            one: report
            for one, report in listed.items()
            if one in self.jobs and self.jobs[one].spec.generation == report.generation
        }
        ended = {one for one, report in ours.items() if report.phase is JobPhase.ENDED}
        return SyncAnswer(
            start=tuple(job.spec for one, job in self.jobs.items() if one not in ours and not job.has_ended),
            run=tuple(
                AcceptedJob(id=one, generation=report.generation, values=self.jobs[one].values)
                for one, report in ours.items()
                if report.phase is JobPhase.ACCEPTED and not self.values_are_away
            ),
            stop=tuple(
                one
                for one, report in ours.items()
                if self.jobs[one].is_stopping and one not in ended and not report.stopping
            ),
            fenced=tuple(one for one in listed if one not in ours),
            forget=tuple(ended),
        )
