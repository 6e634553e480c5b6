"""What definitions hold and how wrong ones are refused (reference, run configuration 1, 2, 3, 6.1, 14)."""

import textwrap
from typing import Any

import pytest

from tidemill.core.definition.faults import WrongDefinition
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


def read(text: str) -> Definition:
    return read_definition(read_yaml(textwrap.dedent(text).encode()).data).definition


def faults(text: str) -> list[str]:
    """The messages about a configuration, none for a right one."""
    try:
        read(text)
    except WrongDefinition as wrong:
        return [fault.message for fault in wrong.faults]
    return []


def with_task(fragment: str) -> str:
    """A configuration whose one task has, beside a runtime, this line."""
    return f"runs: [{{name: r, tasks: [{{name: t, runtime: {{type: host}}, {fragment}}}]}}]"


def task(fragment: str) -> TaskDefinition:
    return read(with_task(fragment)).runs[0].tasks[0]


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
    definition = read_definition(read_yaml(textwrap.dedent(WHOLE).encode()).data, Dialect.AGOLA).definition
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


@pytest.mark.parametrize(
    "text",
    ["", "runs:", "runs: []", "{}", "runs: [{name: r}]", "runs: [{name: r, tasks: }]", "runs: [{name: 123}]"],
)
def test_how_little_is_enough(text: str) -> None:
    """A run may have no tasks; a configuration needs a run."""
    found = faults(text)
    assert (not found) == ("name" in text)
    assert all("no runs defined" in message for message in found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "must be a mapping"),
        ("runs: {a: b}", "`runs` must be a list, not a mapping"),
        ("runs: [null]", "the run at index 0 is empty"),
        ("runs: [a]", "must be a mapping, not a string"),
        ("runs: [{name: run01, tasks: [null]}]", "the task at index 0 is empty"),
        ("runs: [{}]", "the run needs a `name`"),
        ("runs: [{name: ''}]", "the run needs a `name`"),
        ("runs: [{name: [a]}]", "`name` must be a string, not a list"),
        (f"runs: [{{name: {'n' * 101}}}]", "longer than 100 bytes"),
        (f"runs: [{{name: {'ä' * 51}}}]", "longer than 100 bytes"),
        ("runs: [{name: a}, {name: a}]", "another run with the name `a`"),
        ("runs: [{name: r, tasks: [{runtime: {type: host}}]}]", "the task needs a `name`"),
        ("runs: [{name: r, tasks: [{name: t}]}]", "the task has no `runtime`"),
        ("runs: [{name: r, tasks: [{name: t, runtime: {}}]}]", "at least one entry in `containers`"),
        ("runs: [{name: r, tasks: [{name: t, runtime: {type: vm}}]}]", "unknown type of runtime `vm`"),
        (
            "runs: [{name: r, tasks: [{name: t, runtime: {containers: [null]}}]}]",
            "container at index 0 is empty",
        ),
        ("runs: [{name: r, tasks: [{name: t, runtime: host}]}]", "`runtime` must be a mapping, not a string"),
        (
            "runs: [{name: r, tasks: [{name: t, runtime: {type: host, containers: [{}]}}]}]",
            "has no containers",
        ),
        (
            "runs: [{name: r, tasks: [{name: t, runtime: {containers: [{volumes: [{path: /x, tmpfs: }]}]}}]}]",
            "a volume needs `tmpfs`",
        ),
        ("{runs: [{name: r}], docker_registries_auth: {index.docker.io: }}", "`index.docker.io` are empty"),
        ("runs: [{name: r, docker_registries_auth: {index.docker.io: }}]", "`index.docker.io` are empty"),
        (with_task("docker_registries_auth: {index.docker.io: }"), "`index.docker.io` are empty"),
        (with_task("docker_registries_auth: {a: {username: 1}}"), "must be a string, not a number"),
        (with_task("runtime: {type: host, arch: amd46}"), "did you mean `amd64`?"),
        (with_task("environment: {A: 1}"), "the value of `A` must be a string, not a number"),
        (with_task("environment: {A: true}"), "not a boolean"),
        (with_task("environment: {A: yes}"), "not a boolean"),
        (with_task("environment: {A: }"), "must be a string, not nothing"),
        (with_task("environment: {A: [x]}"), "must be a string, not a list"),
        (with_task("environment: {A: {}}"), "has no `from_variable`"),
        (with_task("environment: {A: {from_varible: x}}"), "did you mean `from_variable`?"),
        (with_task("environment: {A: {from_variable: 1}}"), "`from_variable` must be a string"),
        (with_task("environment: {A: {from_variable: ''}}"), "must name a variable"),
        (with_task("environment: {A: {from_variable: clone-token}}"), "reserved"),
        (with_task("environment: {'A=B': x}"), "cannot be the name of an environment variable"),
        (with_task('environment: {A: "x\\0y"}'), "zero byte"),
        (with_task("environment: [A]"), "`environment` must be a mapping, not a list"),
        (with_task("ignore_failure: 'true'"), "must be true or false, not a string"),
        (with_task("task_timeout_interval: 10m30"), "`10m30` is not a duration"),
        (with_task("task_timeout_interval: 1.5"), "must be a whole number"),
        (with_task("when: master"), "`when` must be a mapping such as `{branch: main}`, not a string"),
        (with_task("when: {branch: 5}"), "a pattern must be a string, not a number"),
        (with_task("when: {branch: [5]}"), "a pattern must be a string"),
        (with_task("when: {branch: {includes: x}}"), "did you mean `include`?"),
        (with_task("when: {branch: /(/}"), "is not a pattern"),
        (with_task("depends: a"), "`depends` must be a list, not a string"),
        (with_task("depends: [null]"), "a task's name or a mapping, not nothing"),
        (with_task("depends: [1]"), "a task's name or a mapping, not a number"),
        (with_task("depends: [{t: on_success}]"), "names no task"),
        (with_task("depends: [{t: {a: b}}]"), "names no task"),
        (with_task("depends: [x]"), "depends on `x`, which is not a task of run `r`"),
        (with_task("depends: [t]"), "depends on itself"),
        (with_task("steps: [clone]"), "the word `clone`: put a colon after it"),
        (with_task("steps: [[a]]"), "a step must be a mapping such as"),
        (with_task("steps: [{}]"), "an empty one"),
        (with_task("steps: [null]"), "not nothing"),
        (with_task("steps: [{foo: {}}]"), "unknown step type `foo`: there are `clone`, `run`"),
        (with_task("steps: [{clnoe: }]"), "did you mean `clone`?"),
        (with_task("steps: [{type: foo}]"), "unknown step type `foo`"),
        (with_task("steps: [{type: 1}]"), "`type` must be a string"),
        (with_task("steps: [{type: }]"), "must name the type"),
        (with_task("steps: [{run: a, clone: {}}]"), "has one type, not both `run` and `clone`"),
        (with_task("steps: [{clone: x}]"), "the step `clone` must be a mapping"),
        (with_task("steps: [{clone: {depth: 0}}]"), "`depth` must be 1 or more"),
        (with_task("steps: [{clone: {depth: a}}]"), "must be a whole number, not a string"),
        (with_task("steps: [{clone: {depth: true}}]"), "must be a whole number, not a boolean"),
        (with_task("steps: [{run: }]"), "has no command"),
        (with_task("steps: [{run: ''}]"), "has no command"),
        (with_task("steps: [{run: {}}]"), "has no command"),
        (with_task("steps: [{run: {command: 1}}]"), "`command` must be a string"),
        (with_task("steps: [{run: 1}]"), "must be a mapping"),
        (with_task("steps: [{run: {command: a, name: 1}}]"), "`name` must be a string"),
        (with_task("steps: [{run: {command: a, tty: 'no'}}]"), "must be true or false"),
        (with_task("steps: [{run: {command: a, when: x}}]"), "`when`"),
        (with_task('steps: [{run: "a\\nb"}]'), "needs a name"),
        (with_task("steps: [{save_cache: {}}]"), "needs a `key`"),
        (with_task("steps: [{restore_cache: {}}]"), "at least one key"),
        (with_task("steps: [{restore_cache: {keys: k}}]"), "`keys` must be a list"),
        (with_task("steps: [{save_to_workspace: {contents: [null]}}]"), "is empty"),
    ],
)
def test_one_fault_one_message(text: str, says: str) -> None:
    """What is wrong is said once, and so that it can be mended."""
    found = faults(text)
    assert len(found) == 1, found
    assert says in found[0]


def graph(edges: str) -> str:
    """`b:a c:a,b` as a configuration."""
    pairs = [word.partition(":") for word in edges.split()]
    tasks = ", ".join(
        f"{{name: {name}, runtime: {{type: host}}, depends: [{of.replace(',', ', ')}]}}"
        for name, _, of in pairs
    )
    return f"runs: [{{name: r, tasks: [{tasks}]}}]"


@pytest.mark.parametrize(
    ("edges", "says"),
    [
        ("a b:a c:a", []),
        ("a:b b:a", ["`a` depends on `b`, which depends on `a`", "`b` depends on `a`, which depends on `b`"]),
        ("a b:a c:b,a", ["task `c` and its dependency `b` both depend on `a`"]),
        ("a b:a c:b d:c,a", ["task `d` and its dependency `c` both depend on `a`"]),
        ("a b:a,a", ["task `b` lists `a` 2 times"]),
        ("lint b:lnt", ["did you mean `lint`?"]),
    ],
)
def test_rules_of_the_graph(edges: str, says: list[str]) -> None:
    """Edges lead to tasks, not back, and none says what another says."""
    found = faults(graph(edges))
    assert len(found) == len(says)
    assert all(words in message for words, message in zip(says, found, strict=True))


def test_two_tasks_of_one_run_have_two_names() -> None:
    """In another run the name is free."""
    one = "{name: t, runtime: {type: host}}"
    assert faults(f"runs: [{{name: a, tasks: [{one}]}}, {{name: b, tasks: [{one}]}}]") == []
    assert "another task of run `a`" in faults(f"runs: [{{name: a, tasks: [{one}, {one}]}}]")[0]


def test_all_faults_are_found_at_once_each_at_its_path() -> None:
    """One reading tells everything that is wrong, with the path to it."""
    text = """
        runs:
          - name: r
            tasks:
              - name: a
                runtime: {type: host}
                environment: {X: 1}
                steps:
                  - rum: make
              - name: b
                depends: [a]
    """
    with pytest.raises(WrongDefinition) as caught:
        read(text)
    task_a = ("runs", 0, "tasks", 0)
    assert {(fault.path, fault.at_key) for fault in caught.value.faults} == {
        ((*task_a, "environment", "X"), False),
        ((*task_a, "steps", 0, "rum"), True),
        (("runs", 0, "tasks", 1), False),
    }
