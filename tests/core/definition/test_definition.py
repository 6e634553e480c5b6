"""What right definitions hold (reference, run configuration 1.3, 1.6, 3.1, 11.2, and our own keys)."""

import textwrap
from typing import Any

import pytest

from tests.core.definition import vectors
from tidemill.core.definition.nouns import Definition, Dialect, TaskDefinition
from tidemill.core.definition.reading import read_definition
from tidemill.core.patterns import Pattern, PatternKind
from tidemill.core.plan import (
    CloneStep,
    Container,
    Content,
    Depend,
    FromVariable,
    Literal,
    RegistryAuth,
    RestoreCache,
    RestoreWorkspace,
    RunStep,
    Runtime,
    SaveCache,
    SaveToWorkspace,
    Volume,
)
from tidemill.core.when import Conditions, When
from tidemill.kit.formats.reading import read_yaml


def read(text: str, dialect: Dialect = Dialect.TIDEMILL) -> Definition:
    return read_definition(read_yaml(textwrap.dedent(text).encode()).data, dialect).definition


def task(fragment: str) -> TaskDefinition:
    return read(vectors.task(fragment)).runs[0].tasks[0]


def steps(fragment: str) -> tuple[Any, ...]:
    return tuple(each.step for each in task(f"steps: [{fragment}]").steps)


WHOLE = """
    docker_registries_auth:
      index.docker.io: {type: encodedauth, auth: dXNlcjpwYXNz}
    task_timeout_interval: 1h
    version: v0
    Runs:
      - name: run01
        docker_registries_auth:
          index.docker.io: {username: yourregistryusername, password: {from_variable: passwordvar}}
        task_timeout_interval: 15000000000
        when: {branch: master}
        tasks:
          - name: task01
            runtime:
              type: pod
              arch: 386
              containers:
                - image: image01
                  auth: {unknown: true}
                  environment: {ENV01: ENV01, ENVFROMVARIABLE01: {from_variable: variable01}}
                  privileged: yes
                  user: 0
                  entrypoint: 'cat -'
                  volumes:
                    - {path: /mnt/a, tmpfs: {size: 1Gi}}
                    - {path: /mnt/b, tmpfs: {}}
            environment:
              ENV01: ENV01
              ENVFROMVARIABLE01: {from_variable: variable01}
            when:
              branch: master
              tag: [v1.x, v2.x]
              ref:
                include: master
                exclude: [/branch01/, branch02]
            ignore_failure: on
            approval: true
            task_timeout_interval: 10s
            depends:
              - task: task02
                conditions: [on_success, on_failure]
              - task03
              - task04: [on_skipped]
          - name: task02
            runtime: {containers: [{image: i}]}
            working_dir: /w
            shell: true
            user: 1.10
          - name: task03
            runtime: {containers: [{image: i}]}
          - name: task04
            runtime: {type: host}
"""


def test_a_whole_definition() -> None:
    """Every field, its defaults and its coercions; unknown keys are ignored, key case does not matter."""
    definition = read(WHOLE, Dialect.AGOLA)
    assert definition.timeout == 3600 * 10**9
    assert definition.registries == {
        "index.docker.io": RegistryAuth(type="encodedauth", auth=Literal("dXNlcjpwYXNz"))
    }
    run = definition.runs[0]
    assert (run.name, run.timeout) == ("run01", 15 * 10**9)
    assert run.when == When(branch=Conditions(include=(Pattern(text="master"),)))
    assert run.registries["index.docker.io"] == RegistryAuth(
        username=Literal("yourregistryusername"), password=FromVariable("passwordvar")
    )
    environment = {"ENV01": Literal("ENV01"), "ENVFROMVARIABLE01": FromVariable("variable01")}
    container = Container(
        image="image01",
        environment=environment,
        privileged=True,
        user="0",
        entrypoint="cat -",
        volumes=(Volume(path="/mnt/a", size=2**30), Volume(path="/mnt/b")),
    )
    assert run.tasks[0] == TaskDefinition(
        name="task01",
        runtime=Runtime(type="pod", arch="386", containers=(container,)),
        environment=environment,
        ignore_failure=True,
        approval=True,
        timeout=10 * 10**9,
        when=When(
            branch=Conditions(include=(Pattern(text="master"),)),
            tag=Conditions(include=(Pattern(text="v1.x"), Pattern(text="v2.x"))),
            ref=Conditions(
                include=(Pattern(text="master"),),
                exclude=(Pattern(text="branch01", kind=PatternKind.REGEXP), Pattern(text="branch02")),
            ),
        ),
        depends=(
            Depend(task="task02", conditions=("on_success", "on_failure")),
            Depend(task="task03", conditions=("on_success",)),
            Depend(task="task04", conditions=("on_skipped",)),
        ),
    )
    assert (run.tasks[1].working_dir, run.tasks[1].shell, run.tasks[1].user) == ("/w", "true", "1.1")
    assert (run.tasks[2].working_dir, run.tasks[2].shell, run.tasks[2].steps) == ("~/project", "", ())
    assert run.tasks[3].runtime == Runtime(type="host")


@pytest.mark.parametrize(
    ("short", "normal", "expected"),
    [
        ("clone: ", "type: clone", CloneStep()),
        (
            "clone: {depth: 1, recurse_submodules: true}",
            "type: clone, depth: 1.0, recurse_submodules: true",
            CloneStep(depth=1, recurse_submodules=True),
        ),
        ("run: make all", "type: run, command: make all", RunStep(name="make all", command="make all")),
        (
            "run: {name: a b, command: c, environment: {A: a}, working_dir: w, shell: s, tty: false}",
            "type: run, name: a b, command: c, environment: {A: a}, working_dir: w, shell: s, tty: false",
            RunStep(
                name="a b",
                command="c",
                environment={"A": Literal("a")},
                working_dir="w",
                shell="s",
                tty=False,
            ),
        ),
        (
            "save_to_workspace: {contents: [{source_dir: s, dest_dir: d, paths: [p]}, {}]}",
            "type: save_to_workspace, contents: [{source_dir: s, dest_dir: d, paths: [p]}, {}]",
            SaveToWorkspace(
                contents=(
                    Content(source_dir="s", dest_dir="d", paths=("p",)),
                    Content(source_dir=".", paths=("**",)),
                )
            ),
        ),
        ("restore_workspace: ", "type: restore_workspace", RestoreWorkspace()),
        (
            "save_cache: {key: k, contents: [{source_dir: s}]}",
            "type: save_cache, key: k, contents: [{source_dir: s}]",
            SaveCache(key="k", contents=(Content(source_dir="s", paths=("**",)),)),
        ),
        (
            "restore_cache: {keys: [a, b], dest_dir: d}",
            "type: restore_cache, keys: [a, b], dest_dir: d",
            RestoreCache(keys=("a", "b"), dest_dir="d"),
        ),
    ],
)
def test_both_forms_of_a_step_are_one(short: str, normal: str, expected: object) -> None:
    """`{run: …}` and `{type: run, …}` mean the same."""
    assert steps(f"{{{short}}}, {{{normal}}}") == (expected, expected)


def test_a_step_without_a_name_has_its_command_s() -> None:
    """Its first hundred bytes, never half a character."""
    (step,) = steps(f"run: {'ä' * 80}")
    assert step.name == "ä" * 50
    (odd,) = steps(f"run: {'x' + 'ä' * 80}")
    assert odd.name == "x" + "ä" * 49


def test_a_block_without_its_last_line_break_needs_no_name() -> None:
    """`|-` is one line, and so is a folded text."""
    text = """
        runs:
          - name: r
            tasks:
              - name: t
                runtime: {type: host}
                steps:
                  - run: |-
                      echo a
                  - run: >-
                      echo
                      b
    """
    assert [each.step.command for each in read(text).runs[0].tasks[0].steps] == ["echo a", "echo b"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("{}", When()),
        ("{branch: }", When()),
        ("{branch: {exclude: x}}", When(branch=Conditions(exclude=(Pattern(text="x"),)))),
        ("{branch: '//'}", When(branch=Conditions(include=(Pattern(text="//"),)))),
        ("{branch: /a/}", When(branch=Conditions(include=(Pattern(text="a", kind=PatternKind.REGEXP),)))),
        ("{tag: {include: [a], exclude: }}", When(tag=Conditions(include=(Pattern(text="a"),)))),
        ("{other: 1}", When()),
        ("", None),
    ],
)
def test_forms_of_when(fragment: str, expected: When | None) -> None:
    """Strings, lists, includes and excludes; nothing at all is no condition."""
    assert task(f"when: {fragment}").when == expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [("10", 10), ("10s", 10**10), ("0", 0), ("1h30m", 5400 * 10**9), ("-5s", -5 * 10**9), ("", None)],
)
def test_durations(interval: str, expected: int | None) -> None:
    """Numbers are nanoseconds; 0 is a value of its own."""
    assert task(f"task_timeout_interval: {interval}").timeout == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [("1Gi", 2**30), ("100M", 10**8), ("512", 512), ("1.5", 2), ("'1k'", 1000), ("", None)],
)
def test_quantities(size: str, expected: int | None) -> None:
    """As Kubernetes writes them, rounded up to bytes."""
    text = f"runtime: {{containers: [{{volumes: [{{path: /x, tmpfs: {{size: {size}}}}}]}}]}}"
    volume = task(text).runtime.containers[0].volumes[0]
    assert volume.size == expected
