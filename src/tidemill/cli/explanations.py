"""Explanations of runs as lines for people."""

import shlex
from collections.abc import Iterator, Sequence

from tidemill.cli.output import inert
from tidemill.contracts.gateway.runs import ExplanationResponse, RunExplanationResponse

_WITHOUT_STEPS = {"waits_for_its_turn", "task_not_started", "not_reached"}
"""Codes of steps; where a task has no other ones, its own sentence says all there is to say."""


_WITH_LOGS = {"running", "failed", "failed_ignored", "cut_off", "stopped"}
"""Codes of steps whose log tells more."""


def explanation_lines(found: RunExplanationResponse, *, project: str, number: int) -> Iterator[str]:
    """The run, its tasks, their attempts, and steps where something is to be said of them.

    Steps are counted from 1, as in sentences; logs name them from 0: the command that shows one is told.
    """
    yield inert(found.run.sentence)
    for task in found.tasks:
        yield f"  {inert(task.name)}: {inert(task.task.sentence)}"
        for past in task.attempts:
            yield f"    attempt {past.number}: {inert(past.attempt.sentence)}"
            yield from _steps(past.setup, past.steps, "      ")
        if task.task.code not in ("succeeded", "kept"):
            yield from _steps(task.setup, task.steps, "    ")
            telling = [index for index, step in enumerate(task.steps) if step.code in _WITH_LOGS]
            if telling:
                words = [project, str(number), "--task", task.name, "--step", str(telling[-1])]
                yield f"    see: tidemill run log {inert(shlex.join(words))}"


def _steps(setup: ExplanationResponse, steps: Sequence[ExplanationResponse], indent: str) -> Iterator[str]:
    if setup.code not in (*_WITHOUT_STEPS, "succeeded"):
        yield f"{indent}setup: {inert(setup.sentence)}"
    if {step.code for step in steps} <= _WITHOUT_STEPS:
        return
    for number, step in enumerate(steps, 1):
        yield f"{indent}step {number}: {inert(step.sentence)}"
