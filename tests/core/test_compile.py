"""Definitions become plans: which runs, in which order, with which defaults (reference 6.4, 6.5, 11.5)."""

import pytest

from tidemill.core.compile import compile_definition
from tidemill.core.context import Context
from tidemill.core.definition.nouns import (
    Definition,
    RunDefinition,
    StepDefinition,
    TaskDefinition,
)
from tidemill.core.patterns import Pattern, PatternKind
from tidemill.core.plan import (
    Depend,
    FromVariable,
    Literal,
    RegistryAuth,
    RunStep,
    Runtime,
)
from tidemill.core.refs import branch, tag
from tidemill.core.when import Conditions, When

CONTEXT = Context(ref=branch("main"), commit_sha="a" * 40, message="Mend it", environment={"CI": "true"})
ON_MAIN = When(branch=Conditions(include=(Pattern(text="main"),)))
ON_TAGS = When(tag=Conditions(include=(Pattern(text="v", kind=PatternKind.REGEXP),)))


def task(name: str, *depends: str, **fields: object) -> TaskDefinition:
    return TaskDefinition(name=name, depends=tuple(Depend(task=d) for d in depends), **fields)  # type: ignore[arg-type]


def run(*tasks: TaskDefinition, **fields: object) -> RunDefinition:
    return RunDefinition(**{"name": "r", "tasks": tasks, **fields})  # type: ignore[arg-type]


def test_a_plan_has_its_tasks_after_all_they_depend_on() -> None:
    """In whatever order they are written; levels say how deep they are."""
    (plan,) = compile_definition(
        Definition(runs=(run(task("c", "a", "b"), task("b", "a"), task("a")),)), CONTEXT
    ).plans
    assert [(t.name, t.level) for t in plan.tasks] == [("a", 0), ("b", 1), ("c", 2)]
    assert plan.environment == {"CI": "true"}
    assert plan.tasks[2].depends == (Depend(task="a"), Depend(task="b"))


def test_what_is_written_is_kept() -> None:
    """Environment by name of the variable, user, runtime and steps; the shell has a default."""
    step = RunStep(name="s", command="make")
    written = task(
        "a",
        runtime=Runtime(type="host"),
        environment={"A": Literal("a"), "B": FromVariable("b")},
        user="nobody",
        steps=(StepDefinition(step=step),),
        approval=True,
        ignore_failure=True,
    )
    (plan,) = compile_definition(
        Definition(runs=(run(written, task("b", shell="/bin/bash")),)), CONTEXT
    ).plans
    first, second = plan.tasks
    assert first.environment == {"A": Literal("a"), "B": FromVariable("b")}
    assert (first.shell, first.user, first.runtime.type, first.steps) == (
        "/bin/sh -e",
        "nobody",
        "host",
        (step,),
    )
    assert (first.approval, first.ignore_failure, first.skip) == (True, True, False)
    assert second.shell == "/bin/bash"


def test_runs_for_other_refs_are_not_made_and_say_so() -> None:
    """Each with a sentence for the pusher."""
    definition = Definition(runs=(run(name="ci", when=ON_MAIN), run(name="release", when=ON_TAGS)))
    compiled = compile_definition(definition, CONTEXT)
    assert [plan.name for plan in compiled.plans] == ["ci"]
    assert compiled.skipped == (
        "run 'release' was not made: `when` has no condition for a branch, this is the branch `main`",
    )
    tagged = compile_definition(definition, Context(ref=tag("v1"), commit_sha="a"))
    assert [plan.name for plan in tagged.plans] == ["release"]


def test_tasks_for_other_refs_are_planned_as_skipped() -> None:
    """They stay in the graph, so that others can depend on their being skipped."""
    (plan,) = compile_definition(
        Definition(runs=(run(task("a", when=ON_TAGS), task("b", when=ON_MAIN)),)), CONTEXT
    ).plans
    assert [(t.name, t.skip) for t in plan.tasks] == [("a", True), ("b", False)]
    assert plan.tasks[0].skip_reason == "`when` has no condition for a branch, this is the branch `main`"
    assert plan.tasks[1].skip_reason == ""


def test_steps_for_other_refs_stay_and_say_why_they_are_skipped() -> None:
    """Their numbers stay as written; those around them are not touched."""
    steps = tuple(
        StepDefinition(step=RunStep(name=name, command=name), when=when)
        for name, when in (
            ("a", None),
            ("b", When(branch=Conditions(include=(Pattern(text="dev"),)))),
            ("c", ON_MAIN),
        )
    )
    (plan,) = compile_definition(Definition(runs=(run(task("t", steps=steps)),)), CONTEXT).plans
    assert [step.skip for step in plan.tasks[0].steps] == [
        "",
        "`when.branch` includes `dev`, this is `main`",
        "",
    ]


@pytest.mark.parametrize(
    ("message", "made"),
    [
        ("Fix [ci skip]", False),
        ("Fix\n\nbody\n[ci skip] more", False),
        ("Fix [CI SKIP]", True),
        ("Fix [skip ci]", True),
        ("", True),
    ],
)
def test_the_skip_mark(message: str, made: bool) -> None:
    """Literally, anywhere in the message, makes no run."""
    compiled = compile_definition(
        Definition(runs=(run(),)), Context(ref=branch("x"), commit_sha="a", message=message)
    )
    assert bool(compiled.plans) is made
    assert bool(compiled.skipped) is not made


@pytest.mark.parametrize(
    ("of_all", "of_run", "of_task", "expected"),
    [
        (None, None, None, None),
        (10, None, None, 10.0),
        (10, 15, None, 15.0),
        (10, 15, 20, 20.0),
        (10, 0, None, None),
        (10, 15, 0, None),
        (None, None, -5, -5.0),
    ],
)
def test_the_nearest_timeout_holds(
    of_all: int | None, of_run: int | None, of_task: int | None, expected: float | None
) -> None:
    """Task before run before all; 0 switches it off."""

    def nanoseconds(seconds: int | None) -> int | None:
        return None if seconds is None else seconds * 10**9

    definition = Definition(
        timeout=nanoseconds(of_all),
        runs=(run(task("a", timeout=nanoseconds(of_task)), timeout=nanoseconds(of_run)),),
    )
    (plan,) = compile_definition(definition, CONTEXT).plans
    assert plan.tasks[0].timeout == expected


def test_the_nearest_credentials_of_a_registry_hold() -> None:
    """Whole entries are replaced, per registry."""

    def auth(name: str) -> RegistryAuth:
        return RegistryAuth(username=Literal(name))

    definition = Definition(
        registries={"a": auth("all"), "b": auth("all")},
        runs=(
            run(
                task("t", registries={"c": auth("task")}),
                registries={"b": auth("run"), "c": auth("run")},
            ),
        ),
    )
    (plan,) = compile_definition(definition, CONTEXT).plans
    assert plan.tasks[0].registries == {"a": auth("all"), "b": auth("run"), "c": auth("task")}
