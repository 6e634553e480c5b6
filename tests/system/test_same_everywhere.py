"""The server and `tidemill exec` do the same: the same ends, exit codes, logs and environments."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest

from tests.examples.repositories import files_of
from tests.system.server import Project, Work
from tidemill.cli.exec.command import _Command
from tidemill.cli.exec.local_run import LocalRun, Workshop
from tidemill.core.context import Event
from tidemill.core.plan import Plan
from tidemill.core.run import StepPhase

EXAMPLES = [
    "cache",
    "graph",
    "hello",
    "include",
    "inputs",
    "jsonnet",
    "matrix",
    "starlark",
    "steps",
    "when",
    "workspace",
]
#: Ways of ending and of printing, and all that a step finds in its environment.
ENDS = """
variables: {GREETING: hello}
runs:
  - name: ends
    tasks:
      - name: environment
        runtime: {type: host}
        environment: {OWN: "1", LATE: {from_variable: GREETING}, NOBODYS: {from_variable: nobodys}}
        steps:
          - run: env | sort
          - run: env | sort
            environment: {OWN: "2", CI: "no", AGOLA_GIT_BRANCH: other}
      - name: failure
        runtime: {type: host}
        ignore_failure: true
        steps:
          - run: echo before; exit 7
          - run: echo never
          - run: echo in any case
            always: true
      - name: signal
        runtime: {type: host}
        ignore_failure: true
        steps: [{run: kill -9 $$}]
      - name: time
        runtime: {type: host}
        ignore_failure: true
        steps:
          - run: echo begun; exec sleep 600
            timeout: 1s
      - name: output
        runtime: {type: host}
        working_dir: ~/elsewhere
        shell: /bin/sh
        ignore_failure: true
        steps:
          - run: {name: no terminal, command: "pwd; printf 'ä\\\\n\\\\0\\\\377no end' >&2; test -t 1", tty: false}
      - name: missing directory
        runtime: {type: host}
        ignore_failure: true
        steps:
          - run: pwd
            working_dir: not/there
      - name: missing shell
        runtime: {type: host}
        ignore_failure: true
        shell: /no/such/shell
        steps: [{run: echo never}]
"""
#: Variables that differ, and why they must.
MUST_DIFFER = {
    "(?:AGOLA|TIDEMILL)_REPOSITORY_URL": "a server's is cloned over HTTP, a working tree from a directory",
    "(?:AGOLA|TIDEMILL)_GIT_HOST": "the host of that URL",
    "(?:AGOLA|TIDEMILL)_GIT_PORT": "the port of that URL",
    "TIDEMILL_EXEC": "the mark by which the processes of one pod are found, another for each pod",
}
_DIFFERENT = re.compile(rf"^(?:{'|'.join(MUST_DIFFER)})=.*\n".encode(), re.MULTILINE)
_SIZE = re.compile(rb"[\d,]+ bytes")
"""How much an archive holds, compressed; it has times in it."""


class Step(NamedTuple):
    """What became of a step."""

    phase: str
    exit_code: int | None
    log: bytes


class Task(NamedTuple):
    """What became of a task."""

    status: str
    steps: tuple[Step, ...]


Runs = dict[str, dict[str, Task]]


def comparable(log: bytes, url: str) -> bytes:
    """A log without the address of the repository and the variables that must differ."""
    return _SIZE.sub(b"... bytes", _DIFFERENT.sub(b"", log.replace(url.encode(), b"<the repository>")))


class Exec(_Command):
    """The command, which keeps what has become of its runs."""

    def __init__(self, work: Work, place: Path) -> None:
        place.mkdir()
        super().__init__(work.directory, place, {}, 2, approve=False, caches=place / "caches", artifacts=None)
        self.done: list[LocalRun] = []
        self.url = f"file://{place}/repository.git"

    async def _one(self, plan: Plan, number: int, workshop: Workshop) -> bool:
        is_success = await super()._one(plan, number, workshop)
        assert self._current is not None
        self.done.append(self._current)
        return is_success

    def runs(self) -> Runs:
        """Do what is made for the working tree."""
        anyio.run(self.run, None, (), (None, Event.PUSH, {}))
        return {
            local.plan.name: {
                task.name: Task(
                    task.status,
                    tuple(
                        Step(
                            StepPhase.NOT_STARTED if state.phase is StepPhase.SKIPPED else state.phase,
                            state.exit_code,
                            self._log(local.logs[task.id].file(index)),
                        )
                        for index, state in enumerate(task.steps)
                    ),
                )
                for task in local.run.tasks
            }
            for local in self.done
        }

    def _log(self, file: Path) -> bytes:
        return comparable(file.read_bytes(), self.url) if file.exists() else b""


def on_the_server(work: Work, count: int) -> Runs:
    """What a push has led to."""
    work.push()
    project = work.project
    return {
        run["name"]: {task["name"]: _on_the_server(project, number, task) for task in run["tasks"].values()}
        for number in range(1, count + 1)
        for run in [project.finished(number)]
    }


def _on_the_server(project: Project, number: int, task: dict[str, Any]) -> Task:
    url = re.sub(r"//[^@]+@", "//", project.git_url)
    steps = project.user.get(f"{project.ref}/runs/{number}/tasks/{task['id']}")["steps"]
    logs = [
        b"" if step["phase"] == "notstarted" else comparable(project.log(number, task["name"], index), url)
        for index, step in enumerate(steps)
    ]
    return Task(
        task["status"],
        tuple(Step(step["phase"], step["exit_status"], log) for step, log in zip(steps, logs, strict=True)),
    )


@pytest.mark.parametrize("example", [*EXAMPLES, "ends"])
def test_a_run_is_the_same_here_and_on_the_server(
    example: str, tmp_path: Path, new_project: Callable[[], Project]
) -> None:
    """How tasks and steps end, their exit codes, every byte of their logs, every variable of their environment."""
    files = {".tidemill/config.yml": ENDS.encode()} if example == "ends" else files_of(example)
    work = Work(tmp_path / "work", new_project())
    work.commit({path: raw.decode() for path, raw in files.items()})
    here = Exec(work, tmp_path / "exec").runs()
    there = on_the_server(work, len(here))
    assert list(here) == list(there)
    for name in here:
        assert here[name] == there[name]


def test_what_must_differ_is_there(tmp_path: Path, new_project: Callable[[], Project]) -> None:
    """The comparison leaves variables out that exist, and no others."""
    work = Work(tmp_path / "work", new_project())
    work.commit({".tidemill/config.yml": ENDS})
    here = Exec(work, tmp_path / "exec")
    here.runs()
    (task,) = [task for task in here.done[0].run.tasks if task.name == "environment"]
    log = here.done[0].logs[task.id].file(0).read_bytes()
    assert len(_DIFFERENT.findall(log)) == 2 * 3 + 1
