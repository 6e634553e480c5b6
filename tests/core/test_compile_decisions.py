"""For every run, task and step it is said why it is made, skipped or not made."""

from tidemill.core.compile import compile_definition
from tidemill.core.context import Context
from tidemill.core.decisions import Decision, Verdict
from tidemill.core.definition.nouns import Definition, RunDefinition, StepDefinition, TaskDefinition
from tidemill.core.patterns import parse_pattern
from tidemill.core.plan import RunStep
from tidemill.core.refs import branch
from tidemill.core.when import Conditions, When

STEP = RunStep(name="s", command="s")


def on(*branches: str) -> When:
    return When(branch=Conditions(include=tuple(parse_pattern(text) for text in branches)))


def decisions(*runs: RunDefinition, message: str = "") -> list[Decision]:
    context = Context(ref=branch("dev"), commit_sha="a", message=message)
    return list(compile_definition(Definition(runs=runs), context).decisions)


def brief(found: list[Decision]) -> list[tuple[str, str, int | None, str, str]]:
    return [(each.run, each.task, each.step, each.verdict.value, each.code) for each in found]


def test_what_has_no_when_is_made_unconditionally() -> None:
    """The run first, then its tasks, each before its steps."""
    task = TaskDefinition(name="t", steps=(StepDefinition(step=STEP), StepDefinition(step=STEP)))
    found = decisions(RunDefinition(name="r", tasks=(task, TaskDefinition(name="u"))))
    assert brief(found) == [
        ("r", "", None, "made", "unconditional"),
        ("r", "t", None, "made", "unconditional"),
        ("r", "t", 0, "made", "unconditional"),
        ("r", "t", 1, "made", "unconditional"),
        ("r", "u", None, "made", "unconditional"),
    ]
    assert {each.because for each in found} == {"made: it has no `when`"}


def test_what_decides_is_told_with_its_values() -> None:
    """The rule, what was compared with what, and a sentence."""
    steps = (StepDefinition(step=STEP, when=on("main")), StepDefinition(step=STEP, when=on("dev")))
    task = TaskDefinition(name="t", when=on("/d/"), steps=steps)
    found = decisions(RunDefinition(name="r", when=on("dev"), tasks=(task,)))
    assert found == [
        Decision(
            run="r",
            verdict=Verdict.MADE,
            code="matched",
            rule="when.branch.include",
            values={"branch": "dev", "pattern": "dev"},
            because="made: `when.branch` includes `dev`",
        ),
        Decision(
            run="r",
            task="t",
            verdict=Verdict.MADE,
            code="matched",
            rule="when.branch.include",
            values={"branch": "dev", "pattern": "/d/"},
            because="made: `when.branch` includes `/d/`, this is `dev`",
        ),
        Decision(
            run="r",
            task="t",
            step=0,
            verdict=Verdict.SKIPPED,
            code="not_matched",
            rule="when.branch.include",
            values={"branch": "dev", "pattern": "main"},
            because="skipped: `when.branch` includes `main`, this is `dev`",
        ),
        Decision(
            run="r",
            task="t",
            step=1,
            verdict=Verdict.MADE,
            code="matched",
            rule="when.branch.include",
            values={"branch": "dev", "pattern": "dev"},
            because="made: `when.branch` includes `dev`",
        ),
    ]


def test_all_of_a_run_that_is_not_made_is_not_made() -> None:
    """Each with the rule that decided about the run."""
    task = TaskDefinition(name="t", steps=(StepDefinition(step=STEP),))
    found = decisions(RunDefinition(name="r", when=on("main"), tasks=(task,)))
    assert brief(found) == [
        ("r", "", None, "not_made", "not_matched"),
        ("r", "t", None, "not_made", "not_matched"),
        ("r", "t", 0, "not_made", "not_matched"),
    ]
    assert {each.rule for each in found} == {"when.branch.include"}
    assert [each.because for each in found] == [
        "not made: `when.branch` includes `main`, this is `dev`",
        "not made: its run is not made",
        "not made: its run is not made",
    ]


def test_steps_of_a_skipped_task_are_skipped() -> None:
    """And say that it is for their task's sake."""
    task = TaskDefinition(name="t", when=on("main"), steps=(StepDefinition(step=STEP, when=on("dev")),))
    found = decisions(RunDefinition(name="r", tasks=(task,)))
    assert brief(found)[1:] == [
        ("r", "t", None, "skipped", "not_matched"),
        ("r", "t", 0, "skipped", "not_matched"),
    ]
    assert found[2].because == "skipped: its task is skipped"


def test_the_skip_mark_decides_about_every_run() -> None:
    """Whatever their conditions say."""
    runs = (RunDefinition(name="a"), RunDefinition(name="b", when=on("dev")))
    found = decisions(*runs, message="Mend it [ci skip]\n\nmore")
    assert brief(found) == [
        ("a", "", None, "not_made", "skip_mark"),
        ("b", "", None, "not_made", "skip_mark"),
    ]
    assert found[0].because == "not made: the commit's message says [ci skip]"
    assert found[0].values == {"message": "Mend it [ci skip]", "mark": "[ci skip]"}


def test_excluded_combinations_of_a_matrix_are_told() -> None:
    """After the tasks that are made."""
    task = TaskDefinition(name="t (os=linux)", base="t", matrix={"os": "linux"})
    found = decisions(RunDefinition(name="r", tasks=(task,), excluded=("t (os=windows)",)))
    assert brief(found)[2:] == [("r", "t (os=windows)", None, "not_made", "excluded")]
    assert found[2].because == "not made: the task's matrix excludes this combination"
