"""What a run says of values is filled in everywhere: inputs, variables, matrices, concurrency."""

import os
import subprocess
import sys

import msgspec
import pytest

from tidemill.core.binding import placeholders
from tidemill.core.compile import Compiled, compile_definition
from tidemill.core.context import Context, Event
from tidemill.core.definition.faults import WrongDefinition
from tidemill.core.definition.inputs import PLACEHOLDERS
from tidemill.core.definition.nouns import (
    Definition,
    FromInput,
    Input,
    InputType,
    RunDefinition,
    StepDefinition,
    TaskDefinition,
)
from tidemill.core.patterns import Pattern
from tidemill.core.plan import (
    Concurrency,
    Container,
    FromVariable,
    Literal,
    PlanTask,
    RegistryAuth,
    Retry,
    RunStep,
    Runtime,
    Superseded,
    Value,
)
from tidemill.core.refs import Ref, RefType, branch, tag
from tidemill.core.when import Conditions, When

INPUTS = (
    Input(name="target", type=InputType.CHOICE, choices=("test", "live"), description="where to"),
    Input(name="count", type=InputType.NUMBER, default="2"),
    Input(name="dry-run", type=InputType.BOOLEAN, default="false"),
    Input(name="note"),
)
PULL_REQUEST = Ref(type=RefType.PULL_REQUEST, name="7", full="refs/pull/7/head")


def context(event: Event = Event.MANUAL, **inputs: str) -> Context:
    named = {name.replace("_", "-"): value for name, value in inputs.items()}
    return Context(
        ref=branch("main"), commit_sha="a" * 40, event=event, inputs=named, environment={"CI": "true"}
    )


def run(*tasks: TaskDefinition, **fields: object) -> RunDefinition:
    return RunDefinition(**{"name": "r", "tasks": tasks, **fields})  # type: ignore[arg-type]


def compiled(*runs: RunDefinition, of: Context | None = None, **fields: object) -> Compiled:
    return compile_definition(
        Definition(runs=runs, **fields),  # type: ignore[arg-type]
        of or context(Event.PUSH),
    )


def only_task(*runs: RunDefinition, of: Context | None = None, **fields: object) -> PlanTask:
    (plan,) = compiled(*runs, of=of, **fields).plans
    (task,) = plan.tasks
    return task


def everywhere(value: Value) -> TaskDefinition:
    """A task that has *value* in every place that can hold one."""
    return TaskDefinition(
        name="t",
        runtime=Runtime(
            containers=(Container(environment={"C": value}), Container(environment={"S": value}))
        ),
        environment={"T": value},
        steps=(StepDefinition(step=RunStep(command="x", environment={"R": value})),),
        registries={"task": RegistryAuth(username=value, password=value, auth=value)},
    )


def values_of(task: PlanTask) -> list[Value]:
    """Every value of *task*."""
    steps = [v for step in task.steps if isinstance(step, RunStep) for v in step.environment.values()]
    containers = [v for each in task.runtime.containers for v in each.environment.values()]
    registries = [v for auth in task.registries.values() for v in (auth.username, auth.password, auth.auth)]
    return [*task.environment.values(), *steps, *containers, *registries]


def test_inputs_given_by_hand_reach_every_place_as_text() -> None:
    """Task, containers, steps and credentials; credentials of the run too."""
    value = FromInput("target")
    written = run(everywhere(value), inputs=INPUTS, registries={"run": RegistryAuth(auth=value)})
    task = only_task(written, of=context(target="live", note="hello"))
    found = values_of(task)
    assert found.count(Literal("live")) == 8
    assert not any(isinstance(each, FromVariable) for each in found)
    assert task.registries["run"].auth == Literal("live")


def test_every_task_gets_the_inputs_in_its_environment() -> None:
    """Under names that a shell can use, defaults filled in; the plan has them by their own names."""
    (plan,) = compiled(run(inputs=INPUTS), of=context(target="live", note="hello")).plans
    assert plan.inputs == {"target": "live", "count": "2", "dry-run": "false", "note": "hello"}
    assert plan.environment == {
        "CI": "true",
        "TIDEMILL_INPUT_TARGET": "live",
        "TIDEMILL_INPUT_COUNT": "2",
        "TIDEMILL_INPUT_DRY_RUN": "false",
        "TIDEMILL_INPUT_NOTE": "hello",
    }


@pytest.mark.parametrize("event", [Event.PUSH, Event.PULL_REQUEST])
def test_other_events_take_defaults(event: Event) -> None:
    """What has none is empty, and what might have been given is not looked at."""
    (plan,) = compiled(run(inputs=INPUTS), of=context(event, target="nowhere", unknown="x")).plans
    assert plan.inputs == {"target": "", "count": "2", "dry-run": "false", "note": ""}


def test_a_direct_run_may_be_given_some_of_the_inputs() -> None:
    """What is given must be right; what is not takes its default."""
    (plan,) = compiled(run(inputs=INPUTS), of=context(Event.DIRECT, count="5")).plans
    assert plan.inputs == {"target": "", "count": "5", "dry-run": "false", "note": ""}


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        (
            {"note": "x"},
            ["run 'r' needs the input 'target' (where to): give it one of `test`, `live`"],
        ),
        (
            {},
            [
                "run 'r' needs the input 'target' (where to): give it one of `test`, `live`",
                "run 'r' needs the input 'note': give it a text without a zero byte",
            ],
        ),
        (
            {"target": "Live", "note": ""},
            ["the input 'target' of run 'r' cannot be 'Live': give it one of `test`, `live`"],
        ),
        (
            {"target": "live", "note": "", "count": "two"},
            ["the input 'count' of run 'r' cannot be 'two': give it a number"],
        ),
        (
            {"target": "live", "note": "", "dry_run": "yes"},
            ["the input 'dry-run' of run 'r' cannot be 'yes': give it `true` or `false`"],
        ),
        (
            {"target": "live", "note": "a\0b"},
            ["the input 'note' of run 'r' cannot be 'a\\x00b': give it a text without a zero byte"],
        ),
        (
            {"target": "live", "note": "", "taget": "x"},
            ["the input 'taget' was given, but no run has it: did you mean `target`?"],
        ),
        (
            {"target": "live", "note": "", "xyz": "x"},
            [
                "the input 'xyz' was given, but no run has it: there are `count`, `dry-run`, `note`, `target`",
            ],
        ),
    ],
)
def test_wrong_inputs_are_refused_all_at_once(given: dict[str, str], messages: list[str]) -> None:
    """Each fault says what is allowed."""
    with pytest.raises(WrongDefinition) as caught:
        compiled(run(inputs=INPUTS), of=context(**given))
    assert [fault.message for fault in caught.value.faults] == messages


def test_inputs_for_a_configuration_without_any_are_refused() -> None:
    """They would be without effect."""
    with pytest.raises(WrongDefinition, match="the configuration has no inputs"):
        compiled(run(), of=context(a="b"))


def test_runs_that_are_not_made_need_no_inputs() -> None:
    """Only those that the occasion is for are asked; what another one needs may be given all the same."""
    other = When(branch=Conditions(include=(Pattern(text="dev"),)))
    runs = (run(name="a"), run(name="b", when=other, inputs=INPUTS))
    assert [plan.name for plan in compiled(*runs, of=context(target="live")).plans] == ["a"]


@pytest.mark.parametrize(
    ("text", "is_number"),
    [
        *((text, True) for text in ("0", "-1", "+2", "1.5", ".5", "1.", "1e3", "1E-3")),
        *((text, False) for text in ("", "x", "1,5", "0x10", "1_000", "nan", "inf", " 1", "1\n", "٣")),
    ],
)
def test_what_a_number_is(text: str, is_number: bool) -> None:
    """Decimal digits with a sign, a point and an exponent, kept as they are given."""
    written = run(inputs=(Input(name="n", type=InputType.NUMBER),))
    if is_number:
        assert compiled(written, of=context(n=text)).plans[0].inputs == {"n": text}
    else:
        with pytest.raises(WrongDefinition, match="give it a number"):
            compiled(written, of=context(n=text))


def test_variables_of_the_configuration_are_what_unknown_ones_fall_back_to() -> None:
    """Filled in wherever a variable is named, those of the run before those of the file."""
    found = values_of(
        only_task(
            run(everywhere(FromVariable("a")), variables={"a": "run"}), variables={"a": "file", "b": "b"}
        )
    )
    assert found == [FromVariable("a", "run")] * 7
    found = values_of(only_task(run(everywhere(FromVariable("b"))), variables={"a": "file", "b": "b"}))
    assert found == [FromVariable("b", "b")] * 7
    found = values_of(only_task(run(everywhere(FromVariable("c"))), variables={"a": "file"}))
    assert found == [FromVariable("c")] * 7


def test_a_combination_of_a_matrix_is_in_the_environment() -> None:
    """Unless the task says something else under that name."""
    task = only_task(
        run(
            TaskDefinition(
                name="test (os=linux, py-version=3.12)",
                base="test",
                matrix={"os": "linux", "py-version": "3.12"},
                environment={"MATRIX_OS": Literal("Linux"), "A": Literal("a")},
            )
        )
    )
    assert task.matrix == {"os": "linux", "py-version": "3.12"}
    assert task.environment == {
        "MATRIX_OS": Literal("Linux"),
        "MATRIX_PY_VERSION": Literal("3.12"),
        "A": Literal("a"),
    }


@pytest.mark.parametrize(
    ("group", "ref", "expected"),
    [
        ("deploy", branch("main"), "deploy"),
        ("${run}/${branch}", branch("main"), "r/main"),
        ("${tag}", tag("v1"), "v1"),
        ("${ref}", tag("v1"), "refs/tags/v1"),
        ("pr-${pull_request_id}", PULL_REQUEST, "pr-7"),
        ("x${branch}y", tag("v1"), "xy"),
        ("${branch}", branch("${tag}"), "${tag}"),
    ],
)
def test_the_group_of_a_concurrency_has_its_placeholders_filled_in(
    group: str, ref: Ref, expected: str
) -> None:
    """Once: what a branch is called is never a placeholder itself."""
    written = run(concurrency=Concurrency(group=group, superseded=Superseded.CANCEL))
    (plan,) = compiled(written, of=Context(ref=ref, commit_sha="a")).plans
    assert plan.concurrency == Concurrency(group=expected, superseded=Superseded.CANCEL)


def test_every_placeholder_that_may_be_written_is_filled_in() -> None:
    """What the reading of a definition allows, compiling knows."""
    assert set(placeholders("r", branch("main"))) == set(PLACEHOLDERS)


def test_a_group_that_is_empty_is_none() -> None:
    """Runs for branches do not wait for each other because a group is made for tags."""
    (plan,) = compiled(run(concurrency=Concurrency(group="${tag}"))).plans
    assert plan.concurrency is None


def test_retries_and_labels_are_carried() -> None:
    """Whether they can be done is said by who does them."""
    retry = Retry(attempts=3, exit_codes=(75,), backoff=2.0)
    runtime = Runtime(type="host", labels={"zone": "eu"})
    task = only_task(run(TaskDefinition(name="t", retry=retry, runtime=runtime)))
    assert (task.retry, task.runtime) == (retry, runtime)


_PROGRAM = """
import sys, msgspec
from tidemill.core.compile import compile_definition
from tidemill.core.context import Context
from tidemill.core.definition.reading import read_definition
from tidemill.core.refs import branch
data = msgspec.json.decode(sys.stdin.buffer.read())
context = Context(ref=branch("main"), commit_sha="a", environment={"CI": "true", "X": "y"})
sys.stdout.buffer.write(msgspec.msgpack.encode(compile_definition(read_definition(data).definition, context)))
"""


def test_the_same_input_gives_the_same_bytes() -> None:
    """In two processes whose sets have different orders."""
    steps = [{"run": "make", "when": {"branch": ["dev", "/ma/"]}}, {"run": "test"}]
    names = [f"t{n}" for n in range(20)]
    tasks = [
        {
            "name": name,
            "runtime": {"type": "host"},
            "environment": {f"E{n}": {"from_variable": f"v{n}"} for n in range(9)},
            "docker_registries_auth": {f"reg{n}": {"username": "u"} for n in range(5)},
            "depends": names[max(0, at - 1) : at],
            "steps": steps,
        }
        for at, name in enumerate(names)
    ]
    data = msgspec.json.encode({"runs": [{"name": "a", "tasks": tasks}, {"name": "b", "when": {"tag": "x"}}]})
    answers = {
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            input=data,
            capture_output=True,
            check=True,
            timeout=60,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1
    assert len(next(iter(answers))) > 1000
