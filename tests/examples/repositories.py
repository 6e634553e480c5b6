"""The repositories of examples/: their files, and a plan as people would write it down."""

from collections.abc import Iterator
from pathlib import Path

from tidemill.core.decisions import Verdict
from tidemill.core.plan import Condition, Depend, PlanTask
from tidemill.planning.planned import Planned

ROOT = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(path.name for path in ROOT.iterdir() if path.is_dir())


def files_of(example: str) -> dict[str, bytes]:
    """Every file by its path from the repository's root."""
    root = ROOT / example
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def outline(planned: Planned) -> str:
    """The runs that are made and those that are not, their tasks, what each waits for, what is passed over."""
    return "\n".join(_lines(planned))


def _lines(planned: Planned) -> Iterator[str]:
    for plan in planned.plans:
        yield f"run {plan.name}"
        for task in plan.tasks:
            yield f"  {task.name}{_waits(task)}{' -- ' + task.skip_reason if task.skip else ''}"
            for number, step in enumerate(task.steps, 1):
                if step.skip:
                    yield f"    step {number} -- {step.skip}"
    for decision in planned.decisions:
        if decision.verdict is Verdict.NOT_MADE and not decision.task:
            yield f"no run {decision.run} -- {decision.because}"


def _waits(task: PlanTask) -> str:
    return f" <- {', '.join(_edge(depend) for depend in task.depends)}" if task.depends else ""


def _edge(depend: Depend) -> str:
    if depend.conditions == (Condition.ON_SUCCESS,):
        return depend.task
    return f"{depend.task} ({', '.join(depend.conditions)})"
