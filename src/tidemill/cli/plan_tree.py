"""The runs and tasks that are planned, as a tree that says why."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from tidemill.cli.references import Reference
from tidemill.cli.tree import Node, Piece
from tidemill.core.decisions import Decision, Verdict
from tidemill.core.plan import Condition, Depend, Plan, PlanTask, Step

_MOST_NAMED = 3
_MARKS = {Verdict.MADE: ("+", "green"), Verdict.SKIPPED: ("-", "yellow"), Verdict.NOT_MADE: ("x", "dim")}


def plan_tree(
    heading: str, plans: Sequence[Plan], decisions: Sequence[Decision], variables: Sequence[Reference]
) -> Node:
    """A tree of what *decisions* are about, in their order."""
    by_name = {plan.name: plan for plan in plans}
    runs = []
    for name, (decision, *others) in _grouped(decisions, lambda each: each.run).items():
        below: tuple[Node, ...] = ()
        if name in by_name:
            asked = [each for each in variables if each.run == name]
            below = (*_of_run(by_name[name]), *_tasks(by_name[name], others), *_variables(asked))
        runs.append(Node((*_head(decision, f"run {name}"), *_why(decision)), below))
    return Node(((heading, "bold"),), tuple(runs))


def _grouped(decisions: Iterable[Decision], key: Callable[[Decision], str]) -> dict[str, list[Decision]]:
    """In their order; each group begins with the decision about the whole of it."""
    groups: dict[str, list[Decision]] = {}
    for decision in decisions:
        groups.setdefault(key(decision), []).append(decision)
    return groups


def _of_run(plan: Plan) -> Iterator[Node]:
    if plan.concurrency is not None:
        group, superseded = plan.concurrency.group, plan.concurrency.superseded
        yield Node(((f"concurrency: one at a time in `{group}`; earlier ones: {superseded}", "dim"),))
    for name, value in plan.inputs.items():
        yield Node(((f"input {name} = {value!r}", "dim"),))


def _tasks(plan: Plan, decisions: Sequence[Decision]) -> Iterator[Node]:
    planned = {task.name: task for task in plan.tasks}
    for name, (decision, *steps) in _grouped(decisions, lambda each: each.task).items():
        task = planned.get(name)
        pieces = (*_head(decision, name), *(_about(task) if task else ()), *_why(decision))
        below = _steps(task, steps) if task and decision.verdict is Verdict.MADE else ()
        yield Node(pieces, tuple(below))


def _steps(task: PlanTask, decisions: Sequence[Decision]) -> Iterator[Node]:
    for decision, step in zip(decisions, task.steps, strict=True):
        why = () if decision.code == "unconditional" else _why(decision)
        yield Node((*_head(decision, step_label(step)), *why))


def step_label(step: Step) -> str:
    """What a step is called where it stands beside others."""
    kind = str(step.__struct_config__.tag)
    return f"{kind}: {step.name}" if step.name else kind


def _head(decision: Decision, name: str) -> tuple[Piece, ...]:
    mark, style = _MARKS[decision.verdict]
    return ((f"{mark} ", style), (name, "" if decision.verdict is Verdict.MADE else "dim"))


def _about(task: PlanTask) -> Iterator[Piece]:
    if task.depends:
        yield (f"  needs {_some([_edge(depend) for depend in task.depends])}", "cyan")
    if task.approval:
        people = f" by {task.approvers} people" if task.approvers > 1 else ""
        yield (f"  waits for approval{people}", "yellow")
    if task.retry.attempts > 1:
        yield (f"  up to {task.retry.attempts} attempts", "cyan")


def _edge(depend: Depend) -> str:
    plain = depend.conditions == (Condition.ON_SUCCESS,)
    return depend.task if plain else f"{depend.task} ({', '.join(depend.conditions)})"


def _some(names: Sequence[str]) -> str:
    """The first of *names*, and how many more there are."""
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _why(decision: Decision) -> tuple[Piece, ...]:
    style = "dim" if decision.verdict is Verdict.MADE else "yellow"
    return ((f"  {decision.because}", style),)


def _variables(asked: Sequence[Reference]) -> Iterator[Node]:
    if asked:
        lines = tuple(Node(((each.name, ""), *_known(each))) for each in asked)
        yield Node((("variables", "bold"),), lines)


def _known(reference: Reference) -> tuple[Piece, ...]:
    used = (f"  used by {_some(reference.tasks)}", "dim")
    if reference.given:
        return (("  given", "green"), used)
    if reference.default is not None:
        return ((f"  default {reference.default!r}", "green"), used)
    return (("  not given: empty unless the server knows it", "yellow"), used)
