"""What of a run is made on an occasion and what is passed over, with a decision for every part of it."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from tidemill.core.context import Context
from tidemill.core.decisions import Decision, Verdict
from tidemill.core.definition.nouns import RunDefinition, TaskDefinition
from tidemill.core.when import When

SKIP_MARK = "[ci skip]"

_WORDS = {Verdict.MADE: "made", Verdict.SKIPPED: "skipped", Verdict.NOT_MADE: "not made"}


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about a run: about the run itself first, then about its tasks and their steps."""

    decisions: tuple[Decision, ...]
    skips: dict[str, str] = {}
    """Why tasks are skipped, by their names."""
    step_skips: dict[str, dict[int, str]] = {}
    """Why steps are skipped, by the names of their tasks and their numbers."""

    @property
    def is_made(self) -> bool:
        """The run has a plan."""
        return self.decisions[0].verdict is Verdict.MADE


def select(run: RunDefinition, context: Context) -> Selection:
    """What of *run* is made for *context*."""
    of_run, because = _of_run(run, context)
    found = _Record(run, context)
    found.add(of_run, because)
    for task in run.tasks:
        found.add_task(task, of_run)
    for name in run.excluded:
        found.add(_excluded(run, name), "the task's matrix excludes this combination")
    return Selection(decisions=tuple(found.decisions), skips=found.skips, step_skips=found.step_skips)


class _Record:
    """The decisions about one run while they are made."""

    def __init__(self, run: RunDefinition, context: Context) -> None:
        self._run = run.name
        self._context = context
        self.decisions: list[Decision] = []
        self.skips: dict[str, str] = {}
        self.step_skips: dict[str, dict[int, str]] = {}

    def add(self, decision: Decision, because: str) -> None:
        self.decisions.append(replace(decision, because=f"{_WORDS[decision.verdict]}: {because}"))

    def add_task(self, task: TaskDefinition, of_run: Decision) -> None:
        """Decide about *task* and its steps."""
        if of_run.verdict is Verdict.NOT_MADE:
            decision, because = replace(of_run, task=task.name), "its run is not made"
        else:
            start = Decision(run=self._run, task=task.name, verdict=Verdict.MADE, code="", because="")
            decision, because = _ruled(start, task.when, self._context, otherwise=Verdict.SKIPPED)
        self.add(decision, because)
        if decision.verdict is Verdict.SKIPPED:
            self.skips[task.name] = because
        for number, step in enumerate(task.steps):
            if decision.verdict is Verdict.MADE:
                self._add_step(replace(decision, step=number), step.when)
            else:
                why = "its task is skipped" if decision.verdict is Verdict.SKIPPED else "its run is not made"
                self.add(replace(decision, step=number), why)

    def _add_step(self, start: Decision, when: When | None) -> None:
        decision, because = _ruled(start, when, self._context, otherwise=Verdict.SKIPPED)
        self.add(decision, because)
        if decision.verdict is Verdict.SKIPPED and decision.step is not None:
            self.step_skips.setdefault(decision.task, {})[decision.step] = because


def _of_run(run: RunDefinition, context: Context) -> tuple[Decision, str]:
    start = Decision(run=run.name, verdict=Verdict.NOT_MADE, code="skip_mark", because="")
    if SKIP_MARK in context.message:
        values = {"message": context.message.partition("\n")[0], "mark": SKIP_MARK}
        return replace(start, rule="message", values=values), f"the commit's message says {SKIP_MARK}"
    return _ruled(start, run.when, context, otherwise=Verdict.NOT_MADE)


def _ruled(
    decision: Decision, when: When | None, context: Context, *, otherwise: Verdict
) -> tuple[Decision, str]:
    """What *when* makes of *decision*, and why."""
    if when is None:
        unconditional = replace(decision, verdict=Verdict.MADE, code="unconditional", rule="", values={})
        return unconditional, "it has no `when`"
    ruling = when.decide(context)
    return (
        replace(
            decision,
            verdict=Verdict.MADE if ruling.matches else otherwise,
            code="matched" if ruling.matches else "not_matched",
            rule=ruling.rule,
            values=ruling.values,
        ),
        ruling.because,
    )


def _excluded(run: RunDefinition, name: str) -> Decision:
    start = Decision(run=run.name, task=name, verdict=Verdict.NOT_MADE, code="excluded", because="")
    return replace(start, rule="matrix.exclude")


def passed_over(selections: Iterable[Selection], context: Context) -> tuple[str, ...]:
    """Why runs were not made, a sentence each; one for all where the commit asks for none."""
    if SKIP_MARK in context.message:
        return (f"no run was made: the commit's message says {SKIP_MARK}",)
    firsts = [selection.decisions[0] for selection in selections]
    return tuple(
        f"run {each.run!r} was {each.because}" for each in firsts if each.verdict is Verdict.NOT_MADE
    )
