"""Cases planned by a real child, each judged: a plan or problems, within the limits, and nothing else."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import anyio

from tests.fuzz.cases import Case
from tests.planning.trees import Tree
from tidemill.core.context import Context
from tidemill.core.refs import branch
from tidemill.errors import Failure
from tidemill.planning.child import Died
from tidemill.planning.frames import Limits
from tidemill.planning.planned import Planned, Problem
from tidemill.planning.planner import Planner

CONTEXT = Context(
    ref=branch("main"), commit_sha="a" * 40, message="Change", changed_files=("src/a.py", "docs/b.md")
)
_SLACK = 10.0
"""Seconds beyond the limit, for a child to be started and killed on a busy machine."""
_LONGEST_MESSAGE = 2001
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""Whatever ends a line for YAML."""
_LIMITS = {
    "takes longer than": "out of time",
    "bytes of memory": "out of memory",
    "nested too deeply": "too deep for its evaluator",
}


class Report:
    """What became of the cases."""

    def __init__(self) -> None:
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.complaints: list[tuple[Case, str]] = []
        self.deaths = 0
        self.slowest = (0.0, -1)
        self.peak = 0

    @property
    def count(self) -> int:
        return self.kinds.total()

    def add(self, other: "Report") -> None:
        """Take what another report says into this one."""
        self.kinds.update(other.kinds)
        self.complaints += other.complaints
        self.deaths += other.deaths
        self.slowest = max(self.slowest, other.slowest)
        self.peak = max(self.peak, other.peak)

    def outcomes(self) -> Counter[str]:
        """How many cases ended in which way."""
        found: Counter[str] = Counter()
        for (_, outcome), number in self.kinds.items():
            found[outcome] += number
        return found

    def lines(self) -> Iterator[str]:
        """The report for people."""
        kinds = sorted({kind for kind, _ in self.kinds})
        outcomes = [outcome for outcome, _ in self.outcomes().most_common()]
        width = max(map(len, outcomes), default=0)
        yield " ".join(["".ljust(width), *(kind.rjust(9) for kind in kinds), "all".rjust(9)])
        for outcome in outcomes:
            numbers = [self.kinds[kind, outcome] for kind in kinds]
            yield " ".join([outcome.ljust(width), *(str(n).rjust(9) for n in (*numbers, sum(numbers)))])
        yield (
            f"{self.count} cases, {self.deaths} children died of their limits, the slowest case (number"
            f" {self.slowest[1]}) took {self.slowest[0]:.2f} s, the largest child had {self.peak >> 20} MiB"
        )


async def run(cases: Iterable[Case], *, planners: int = 1, limits: Limits | None = None) -> Report:
    """Plan all *cases*, some at once."""
    report, source = Report(), iter(cases)
    async with anyio.create_task_group() as group:
        for _ in range(planners):
            group.start_soon(_work, source, report, limits or Limits())
    return report


async def _work(source: Iterator[Case], report: Report, limits: Limits) -> None:
    deaths: list[Died] = []
    planner = Planner(limits, deaths.append)
    await planner.start()
    try:
        for case in source:
            began = time.monotonic()
            planned = await _planned(planner, case)
            seconds = time.monotonic() - began
            complaint = _complaint(case, planned, deaths)
            if seconds > limits.seconds + _SLACK:
                complaint = f"took {seconds:.1f} s"
            report.kinds[case.kind, _outcome(planned)] += 1
            report.slowest = max(report.slowest, (seconds, case.number))
            report.deaths += len(deaths)
            report.peak = max(report.peak, _memory(planner))
            if complaint:
                report.complaints.append((case, complaint))
            deaths.clear()
    finally:
        await planner.close()


async def _planned(planner: Planner, case: Case) -> Planned | Failure:
    try:
        return await planner.plan(Tree(case.files), CONTEXT, file=case.file)
    except Failure as failure:
        return failure


def _outcome(planned: Planned | Failure) -> str:
    if isinstance(planned, Failure):
        return "refused before it was read"
    for problem in planned.problems:
        for word, outcome in _LIMITS.items():
            if word in problem.message:
                return outcome
    if planned.problems:
        return "one problem" if len(planned.problems) == 1 else "several problems"
    made = "planned" if planned.plans else "no run for this ref"
    return f"{made}, with warnings" if planned.warnings else made


def _complaint(case: Case, planned: Planned | Failure, deaths: list[Died]) -> str:
    """What must not be; "" for a case that ended as it may."""
    for died in deaths:
        if not died.is_deserved:
            return f"the child died: {died.reason}\n{died.last_words}"
    if isinstance(planned, Failure):
        return f"{type(planned).__name__}: {planned.message}"
    if bool(planned.problems) == bool(planned.plans or planned.skipped):
        return "there must be runs, made or passed over, or problems"
    for problem in (*planned.problems, *planned.warnings):
        if complaint := _of_problem(case, problem):
            return complaint
    return ""


def _of_problem(case: Case, problem: Problem) -> str:
    message = problem.message
    if not message or len(message) > _LONGEST_MESSAGE or "Traceback" in message:
        return f"this is no message for people: {message[:200]!r}"
    lines = len(_BREAK.findall(case.files.get(problem.path, b"").decode(errors="replace"))) + 1
    if not 0 <= problem.line <= lines + 1:  # what is not there stands behind the last line
        return f"line {problem.line} of a file with {lines}: {message[:200]!r}"
    return ""


def _memory(planner: Planner) -> int:
    """The most that the planner's child has had, in bytes."""
    with suppress(OSError):
        if planner._child is not None:
            for line in Path(f"/proc/{planner._child.pid}/status").read_text().splitlines():
                if line.startswith("VmPeak:"):
                    return int(line.split()[1]) << 10
    return 0
