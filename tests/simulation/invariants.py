"""What must hold of what is stored, looked at after every commit by questions of our own."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import msgspec

from tests.simulation.history import History
from tests.simulation.machine import Execution
from tidemill.core.job import attempt_of
from tidemill.core.run import Attempt, RunTask, Status, StepPhase

_FINAL = {"setuperror", "cancelled", "finished"}
_NEXT = {
    "queued": {"running", "cancelled", "finished"},  # the last when all its tasks are passed over
    "running": {"finished"},
}
_task = msgspec.json.Decoder(RunTask).decode
#: Bytes that may stand behind a command's output: why it was ended.
_LAST_WORDS = 200


class Auditor:
    """Remembers the state at the last commit, and says what may not have become of it."""

    def __init__(self, history: History, now: Callable[[], float], least_silence: float) -> None:
        self.has_crashed: Callable[[str], bool] = lambda _executor: False
        """Whether the machine of an executor has ever crashed."""
        self.given: Callable[[str], None] = lambda _executor: None
        """Called when an executor is given a job."""
        self._least_silence = least_silence
        self._complain = history.complain
        self._tell = history.tell
        self._now = now
        self._runs: dict[int, Any] = {}
        self._raw: dict[tuple[int, int], bytes] = {}
        self.tasks: dict[tuple[int, int], RunTask] = {}
        self._lengths: dict[tuple[str, int, int], int] = {}
        self._generations: dict[str, int] = {}
        self._last_event = 0
        self._told: dict[str, tuple[str, str]] = {}
        self._accepted: set[tuple[str, int]] = set()
        self._claims: dict[str, tuple[int, str]] = {}
        self._executors: dict[str, str] = {}
        """Who has accepted the latest job of a task."""
        self._heard: dict[str, tuple[Any, float]] = {}
        """What was last written of an executor being heard, and when that was."""
        self._live: set[tuple[str, int]] = set()
        """Tasks with their attempts that had a job at the last look."""
        self._begun: dict[tuple[str, int], int] = {}
        self.executions: dict[tuple[str, int, int], Execution] = {}
        """By task, attempt and step."""

    def look(self, db: sqlite3.Connection) -> None:
        """Compare what is stored with what was, and with itself."""
        self._look_at_executors(db)
        self._look_at_runs(db)
        self._look_at_tasks(db)
        before = self._look_at_jobs(db)
        self._look_at_feed(db)
        self._look_at_logs(db, before)

    def _look_at_executors(self, db: sqlite3.Connection) -> None:
        for executor, seen_at in db.execute("SELECT id, seen_at FROM executors").fetchall():
            if self._heard.get(executor, (None, 0.0))[0] != seen_at:
                self._heard[executor] = (seen_at, self._now())

    def _look_at_runs(self, db: sqlite3.Connection) -> None:
        query = "SELECT sequence, id, group_path, counter_path, number, phase, result, concurrency FROM runs ORDER BY sequence"
        running: Counter[str] = Counter()
        numbers: dict[str, int] = defaultdict(int)
        for row in db.execute(query).fetchall():
            sequence, run, group, counter, number, phase, result, concurrency = row
            numbers[counter] += 1
            if number != numbers[counter]:
                self._complain("numbers have gaps", f"run {run} has number {number}")
            if phase == "running":
                running[group] += 1
                if concurrency:
                    running[f"{counter} {concurrency}"] += 1
            was = self._runs.get(sequence)
            if was == row:
                continue
            self._runs[sequence] = row
            self._tell("run {} of {} is {} {}", run, group, phase, result)
            if was is not None and was[5] != phase and phase not in _NEXT.get(was[5], ()):
                self._complain("a run went back", f"{run} from {was[5]} to {phase}")
            if was is not None and was[6] not in ("unknown", result):
                self._complain("a result changed", f"{run} from {was[6]} to {result}")
        for what, count in running.items():
            if count > 1:
                self._complain("runs of a group overlap", f"{count} in {what}")

    def _look_at_tasks(self, db: sqlite3.Connection) -> None:
        for run, position, raw in db.execute("SELECT run, position, state FROM tasks").fetchall():
            key = (run, position)
            if self._raw.get(key) == raw:
                continue
            self._raw[key] = raw
            task, was = _task(raw), self.tasks.get(key)
            self.tasks[key] = task
            if was is None:
                continue
            if task.status is not was.status or task.attempt != was.attempt:
                self._tell("task {} is {} (attempt {}) {}", task.id, task.status, task.attempt, task.reason)
            if task.attempt == was.attempt:
                self._same_attempt(was, task)
                if task.status.is_final and not was.status.is_final:
                    self._check_end(task, task.attempt, task)
            elif task.attempt != was.attempt + 1 or len(task.past) != task.attempt - 1:
                self._complain("attempts are miscounted", f"{task.id}: {was.attempt} to {task.attempt}")
            elif not was.status.is_final:
                self._check_end(task, was.attempt, task.past[-1])

    def _check_end(self, task: RunTask, attempt: int, ended: RunTask | Attempt) -> None:
        """What is told of an attempt that has just ended is what has happened."""
        for step, known in enumerate(ended.steps):
            if known.exit_code is None:
                continue
            execution = self.executions.get((task.id, attempt, step))
            if execution is None:
                self._complain("an end without a beginning", f"step {step} of attempt {attempt} of {task.id}")
            elif execution.state(self._now()).exit_code != known.exit_code:
                self._complain("another exit code is told", f"step {step} of attempt {attempt} of {task.id}")
        executor = self._executors.get(task.id, "")
        if ended.status is not Status.LOST or not executor:
            return
        silence = self._now() - self._heard[executor][1]
        if "does not know" in ended.reason and not self.has_crashed(executor):
            self._complain("a job was forgotten", f"{task.id} by {executor}, whose machine never crashed")
        if "silent" in ended.reason and silence < self._least_silence:
            self._complain("lost too early", f"{task.id} by {executor}, heard {silence:.1f} s ago")

    def _same_attempt(self, was: RunTask, task: RunTask) -> None:
        if was.status.is_final and task.status is not was.status:
            self._complain("a task was un-ended", f"{task.id} from {was.status} to {task.status}")
        for old, new in zip((was.setup, *was.steps), (task.setup, *task.steps), strict=True):
            if old.phase not in (StepPhase.NOT_STARTED, StepPhase.RUNNING) and new != old:
                self._complain("a step was un-ended", f"{task.id}: {old} to {new}")

    def _look_at_jobs(self, db: sqlite3.Connection) -> set[tuple[str, int]]:
        """Answers which attempts had a job at the look before."""
        live, before = set(), self._live
        self._live = set()
        query = "SELECT id, run, position, generation, phase, executor FROM jobs"
        for job, run, position, generation, phase, executor in db.execute(query).fetchall():
            live.add(job)
            self._live.add((job, attempt_of(generation)))
            task = self.tasks[run, position]
            if task.id != job or task.status.is_final or self._runs[run][5] != "running":
                self._complain("a job outlives its task", f"{job} is {phase}, its task {task.status}")
            if phase == "claimed" and self._claims.get(job) != (generation, executor):
                self._claims[job] = (generation, executor)
                self.given(executor)
            if generation < self._generations.get(job, 0):
                self._complain("a generation went back", f"{job} to {generation}")
            self._generations[job] = generation
            if phase == "accepted" and (job, generation) not in self._accepted:
                self._accepted.add((job, generation))
                self._executors[job] = executor
                self._tell("job {}.{} is accepted by {}", job, generation, executor)
        for (run, _), task in self.tasks.items():
            if task.status is Status.RUNNING and task.id not in live:
                self._complain(
                    "a task is lost", f"{task.id} is running without a job, its run {self._runs[run][1]}"
                )
        return before

    def _look_at_feed(self, db: sqlite3.Connection) -> None:
        query = "SELECT sequence, key, payload FROM tidemill_events WHERE sequence > ? AND kind = 'run' ORDER BY sequence"
        for sequence, key, payload in db.execute(query, (self._last_event,)).fetchall():
            event = msgspec.json.decode(payload)
            self._told[key] = (event["phase"], event["result"])
            if sequence <= self._last_event:
                self._complain("the feed went back", f"{sequence} after {self._last_event}")
            self._last_event = sequence
        for row in self._runs.values():
            if self._told.get(row[1]) != (row[5], row[6]):
                self._complain(
                    "the feed is behind", f"{row[1]} is {row[5]} {row[6]}, told {self._told.get(row[1])}"
                )

    def _look_at_logs(self, db: sqlite3.Connection, live: set[tuple[str, int]]) -> None:
        query = "SELECT task, attempt, step, length FROM logs WHERE put_away_at IS NULL"
        for task, attempt, step, length in db.execute(query).fetchall():
            key, was = (task, attempt, step), self._lengths.get((task, attempt, step), 0)
            if length == was:
                continue
            self._lengths[key] = length
            if (task, attempt) not in live | self._live:
                self._complain("a log grows after the end", f"{key} from {was} to {length}")
            if length < was:
                self._complain("a log shrank", f"{key} from {was} to {length}")
            parts = "SELECT start, data FROM log_parts WHERE task = ? AND attempt = ? AND step = ? AND start + length > ? ORDER BY start"
            for start, data in db.execute(parts, (*key, was)).fetchall():
                if data is not None and step >= 0:
                    self.check_log(key, start, data, "a log is not what was put out")

    def check_log(self, key: tuple[str, int, int], start: int, data: bytes, what: str) -> None:
        """Whether these bytes of a log are what its command has put out there."""
        execution = self.executions.get(key)
        if execution is None:
            self._complain(what, f"{key} has a log of a command that was never started")
            return
        found = execution.state(self._now())
        put_out = found.read(start, len(data))
        rest = data[len(put_out) :]
        if not data.startswith(put_out) or (rest and not _is_postscript(rest)):
            self._complain(
                what, f"{key} from {start}: {data[:80]!r}, put out were {put_out[:80]!r} of {found.size}"
            )

    def started(self, place: str, task: str, generation: int, execution: Execution) -> None:
        """A command begins: somebody has accepted it, and nobody else has begun with this attempt."""
        attempt = attempt_of(generation)
        self._tell("executes {}.{} step {}", task, generation, execution.step, who=place)
        if (task, generation) not in self._accepted:
            self._complain("executed before it was accepted", f"{task}.{generation} on {place}")
        if self._begun.setdefault((task, attempt), generation) != generation:
            self._complain(
                "executed twice",
                f"{task} attempt {attempt}: in generations {self._begun[task, attempt]} and {generation}",
            )
        if (task, attempt, execution.step) in self.executions:
            self._complain("executed twice", f"step {execution.step} of {task}.{generation} on {place}")
        self.executions[task, attempt, execution.step] = execution
        for earlier in range(1, attempt):
            self._check_over(task, earlier)

    def _check_over(self, task: str, attempt: int) -> None:
        """Only a lost attempt may still be at work when the next one begins."""
        known = next(one for one in self.tasks.values() if one.id == task)
        if known.past[attempt - 1].status is Status.LOST:
            return
        for (of, number, step), execution in self.executions.items():
            if (
                (of, number) == (task, attempt)
                and execution.state(self._now()).ended_at is None
                and execution.lost_at is None
            ):
                self._complain(
                    "executed twice at the same time", f"step {step} of attempt {attempt} of {task} goes on"
                )


def _is_postscript(rest: bytes) -> bool:
    return len(rest) <= _LAST_WORDS
