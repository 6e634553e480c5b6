"""What the keys that are ours hold once they are read, and what Agola's files make of the same text."""

from typing import Any

import pytest

from tests.core.definition import vectors
from tidemill.core.definition.nouns import Definition, Dialect, FromInput, Input, InputType, StepDefinition
from tidemill.core.definition.reading import read_definition, read_includes
from tidemill.core.patterns import Pattern, PatternKind
from tidemill.core.plan import (
    CloneStep,
    Concurrency,
    Content,
    Depend,
    Readiness,
    Resources,
    Retry,
    RetryOn,
    RunStep,
    SaveArtifacts,
    SaveCache,
    SaveReports,
    SaveToWorkspace,
    Superseded,
)
from tidemill.core.when import Conditions, When
from tidemill.kit.formats.reading import read_yaml


def read(text: str, dialect: Dialect = Dialect.TIDEMILL) -> Definition:
    return read_definition(read_yaml(text.encode()).data, dialect).definition


def task(fragment: str, dialect: Dialect = Dialect.TIDEMILL) -> Any:
    return read(vectors.task(fragment), dialect).runs[0].tasks[0]


def steps(fragment: str, dialect: Dialect = Dialect.TIDEMILL) -> tuple[Any, ...]:
    return tuple(task(f"steps: [{fragment}]", dialect).steps)


def test_variables_of_file_and_run() -> None:
    """Plain text; the definition knows both levels."""
    found = read("{variables: {A: x, B: ''}, runs: [{name: r, variables: {A: z}}]}")
    assert (found.variables, found.runs[0].variables) == ({"A": "x", "B": ""}, {"A": "z"})
    assert read("{variables: {A: x}, runs: [{name: r}]}", Dialect.AGOLA).variables == {}


def test_inputs() -> None:
    """Their order, types and defaults, which are text whatever they are written as."""
    text = vectors.run(
        "inputs: {a: , b: {type: number, default: 3.10}, c: {type: number, default: 4},"
        " d: {type: boolean, default: yes}, e: {type: choice, choices: [x, 1], default: 1, description: which}}"
    )
    assert read(text).runs[0].inputs == (
        Input(name="a"),
        Input(name="b", type=InputType.NUMBER, default="3.1"),
        Input(name="c", type=InputType.NUMBER, default="4"),
        Input(name="d", type=InputType.BOOLEAN, default="true"),
        Input(name="e", type=InputType.CHOICE, default="1", choices=("x", "1"), description="which"),
    )


def test_values_from_inputs() -> None:
    """They keep the name until a run is made."""
    text = vectors.run(
        "inputs: {a: }, tasks: [{name: t, runtime: {type: host}, environment: {X: {from_input: a}}}]"
    )
    assert read(text).runs[0].tasks[0].environment == {"X": FromInput("a")}


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("deploy", Concurrency(group="deploy")),
        ("'${branch}-${run}'", Concurrency(group="${branch}-${run}")),
        ("{group: g}", Concurrency(group="g", superseded=Superseded.QUEUE)),
        ("{group: g, superseded: cancel}", Concurrency(group="g", superseded=Superseded.CANCEL)),
        ("", None),
    ],
)
def test_concurrency(fragment: str, expected: Concurrency | None) -> None:
    """A group alone queues."""
    assert read(vectors.run(f"concurrency: {fragment}")).runs[0].concurrency == expected


ALL_ENDS = (RetryOn.LOST, RetryOn.TIMEOUT, RetryOn.FAILED)


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("3", Retry(attempts=3)),
        ("{attempts: 3}", Retry(attempts=3, on=ALL_ENDS)),
        (
            "{attempts: 2, on: [lost, failed], exit_codes: [75, 1], backoff: 1500ms}",
            Retry(attempts=2, on=(RetryOn.LOST, RetryOn.FAILED), exit_codes=(75, 1), backoff=1.5),
        ),
        ("{attempts: 2, exit_codes: 75}", Retry(attempts=2, exit_codes=(75,))),
        ("", Retry()),
    ],
)
def test_retry(fragment: str, expected: Retry) -> None:
    """Attempts count the first one; seconds before the second."""
    assert task(f"retry: {fragment}").retry == expected
    assert task(f"retry: {fragment}", Dialect.AGOLA).retry == Retry()


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("true", (True, 1, None)),
        ("", (False, 1, None)),
        ("{}", (True, 1, None)),
        ("{approvers: 2, expire_after: 1h30m}", (True, 2, 5400.0)),
        ("{expire_after: 0}", (True, 1, None)),
    ],
)
def test_approval(fragment: str, expected: tuple[bool, int, float | None]) -> None:
    """Whether, by how many, and within how many seconds."""
    read = task(f"approval: {fragment}")
    assert (read.approval, read.approvers, read.approval_expires) == expected


def test_labels_resources_and_readiness() -> None:
    """Labels with and without values, thousandths of cores, bytes, seconds."""
    text = vectors.runtime(
        "{labels: {zone: eu, gpu: , cores: 8}, resources: {cpu: 1.5, memory: 1Gi},"
        " containers: [{}, {readiness: {command: pg_isready, interval: 500ms}}]}"
    )
    runtime = read(text).runs[0].tasks[0].runtime
    assert runtime.labels == {"zone": "eu", "gpu": "", "cores": "8"}
    assert runtime.resources == Resources(cpu=1500, memory=2**30)
    assert runtime.containers[1].readiness == Readiness(command="pg_isready", interval=0.5, timeout=60.0)
    labelled = (
        read(vectors.runtime("{type: host, labels: [gpu, 8], resources: {cpu: 250m}}")).runs[0].tasks[0]
    )
    assert (labelled.runtime.labels, labelled.runtime.resources) == ({"gpu": "", "8": ""}, Resources(cpu=250))


def test_fields_that_all_steps_have() -> None:
    """In seconds; a timeout of 0 is none."""
    (full, short, never) = steps(
        "{type: clone, name: c, timeout: 1m, ignore_failure: true, always: true, when: {event: push}},"
        " {run: make, timeout: 90s, when: {tag: 'v*'}}, {run: {command: a, timeout: 0}}"
    )
    assert full == StepDefinition(
        step=CloneStep(name="c", timeout=60.0, ignore_failure=True, always=True),
        when=When(event=Conditions(include=(Pattern(text="push"),))),
    )
    assert short.step == RunStep(name="make", command="make", timeout=90.0)
    assert short.when == When(tag=Conditions(include=(Pattern(text="v*", kind=PatternKind.GLOB),)))
    assert never.step.timeout is None


def test_what_stands_beside_a_short_step() -> None:
    """All fields beside a text or nothing, the common ones beside a mapping."""
    found = steps(
        "{run: make, working_dir: w, tty: no, name: b}, {clone: , depth: 1},"
        " {save_cache: {key: k}, always: true}"
    )
    assert [each.step for each in found] == [
        RunStep(name="b", command="make", working_dir="w", tty=False),
        CloneStep(depth=1),
        SaveCache(key="k", always=True),
    ]


def test_artifacts_and_reports() -> None:
    """Globs alone are of the working directory."""
    found = steps(
        "{artifacts: {paths: [dist/**, '*.txt'], expire_after: 168h}},"
        " {artifacts: {contents: [{source_dir: out}]}}, {reports: {junit: report.xml}, always: true}"
    )
    assert [each.step for each in found] == [
        SaveArtifacts(
            contents=(Content(source_dir=".", paths=("dist/**", "*.txt")),), expire_after=168 * 3600.0
        ),
        SaveArtifacts(contents=(Content(source_dir="out", paths=("**",)),)),
        SaveReports(junit=("report.xml",), always=True),
    ]


def test_contents_without_paths_or_directory() -> None:
    """Everything in the working directory; Agola's files keep Agola's meaning."""
    fragment = "{save_to_workspace: {contents: [{}]}}"
    assert steps(fragment)[0].step == SaveToWorkspace(contents=(Content(source_dir=".", paths=("**",)),))
    assert steps(fragment, Dialect.AGOLA)[0].step == SaveToWorkspace(contents=(Content(paths=()),))


def test_one_line_as_a_block_is_its_own_name() -> None:
    """Without the line break."""
    (found,) = steps('{run: "echo a\\n"}')
    assert found.step == RunStep(name="echo a", command="echo a\n")


def test_when_in_both_dialects() -> None:
    """Stars are globs in our files and stars in Agola's, where the rest of ours is not there."""
    fragment = "when: {branch: 'release/*', event: push, paths: src/**, message: fix}"
    glob = Pattern(text="release/*", kind=PatternKind.GLOB)
    assert task(fragment).when == When(
        branch=Conditions(include=(glob,)),
        event=Conditions(include=(Pattern(text="push"),)),
        message=Conditions(include=(Pattern(text="fix"),)),
        paths=(Pattern(text="src/**", kind=PatternKind.GLOB),),
    )
    assert task(fragment, Dialect.AGOLA).when == When(branch=Conditions(include=(Pattern(text="release/*"),)))


def test_a_step_s_when_is_dropped_in_agola_s_files() -> None:
    """It is checked there and has no effect."""
    assert steps("{type: clone, when: {branch: x}}", Dialect.AGOLA) == (StepDefinition(step=CloneStep()),)


def test_the_condition_always() -> None:
    """Beside the others."""
    found = read(vectors.depends("[a: [always]]")).runs[0].tasks[1]
    assert found.depends == (Depend(task="a", conditions=("always",)),)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"include": "a.yml"}, ((("include",), "a.yml"),)),
        ({"include": ["a.yml", 1, "/b"]}, ((("include", 0), "a.yml"), (("include", 2), "/b"))),
        ({"include": {"a": "b"}}, ()),
        ({"runs": []}, ()),
        ([], ()),
        (None, ()),
    ],
)
def test_what_a_file_includes(data: Any, expected: object) -> None:
    """Each file with the place that names it; anything else is complained about by the reading."""
    assert read_includes(data) == expected
