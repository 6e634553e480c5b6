"""Figures of the run language: checking and planning, and the commands that work without a server."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import _jsonnet
import anyio
import yaml

from tests.bench.baselines import by_hand
from tests.bench.figures import Figure, met, milliseconds
from tests.planning.trees import Shelf, Tree
from tests.system.server import TIDEMILL
from tidemill.core.context import Context
from tidemill.core.refs import branch
from tidemill.planning.evaluate import evaluate
from tidemill.planning.frames import Question
from tidemill.planning.planner import Planner

_YAML_BUDGET, _JSONNET_BUDGET, _LINT_BUDGET, _EXEC_BUDGET = 0.020, 0.150, 0.300, 0.400
_TASKS = 50
_TASK = """\
      - name: task {n}
        runtime:
          type: pod
          arch: amd64
          containers: [{{image: "golang:1.25"}}]
        environment:
          GOFLAGS: -race
          TOKEN: {{from_variable: token}}
        steps:
          - clone: {{depth: 1}}
          - restore_cache: {{keys: ['deps-{{{{ sha256sum "go.sum" }}}}', deps-], dest_dir: ~/go}}
          - run: go test ./part{n}/...
          - run:
              name: report
              command: |
                ./report part{n}
                ./tidy
        when: {{branch: {{include: [main, '/^release-\\d+$/'], exclude: wip}}}}
        depends: [{depends}]
"""
_JSONNET = """\
local task(n) = {
  name: 'task ' + n,
  runtime: { type: 'pod', arch: 'amd64', containers: [{ image: 'golang:1.25' }] },
  environment: { GOFLAGS: '-race', TOKEN: { from_variable: 'token' } },
  steps: [
    { clone: { depth: 1 } },
    { restore_cache: { keys: ['deps-{{ sha256sum "go.sum" }}', 'deps-'], dest_dir: '~/go' } },
    { run: 'go test ./part' + n + '/...' },
    { run: { name: 'report', command: './report part' + n + '\\n./tidy\\n' } },
  ],
  when: { branch: { include: ['main', '/^release-\\\\d+$/'], exclude: 'wip' } },
  depends: if n == 0 then [] else ['task ' + (n - 1)],
};

function(ctx) { runs: [{ name: 'all', tasks: [task(n) for n in std.range(0, 49)] }] }
"""
_THREE_STEPS = """\
runs:
  - name: three
    tasks:
      - name: three
        runtime: {type: host}
        steps: [run: "true", run: "true", run: "true"]
"""
_CONTEXT = Context(ref=branch("main"), commit_sha="a" * 40)


def measure(directory: Path) -> Iterator[Figure]:
    """Figures with their raw baselines and budgets."""
    yield _yaml()
    yield _of_jsonnet()
    (directory / "language/.tidemill").mkdir(parents=True)
    (directory / "language/.tidemill/config.yml").write_text(_THREE_STEPS)
    yield _command(
        "tidemill lint, small file, cold", ["lint", str(directory / "language")], _LINT_BUDGET, _python()
    )
    raw = [by_hand("bwrap") for _ in range(10)]
    command = ["exec", "--dir", str(directory / "language")]
    yield _command("tidemill exec, 3 steps, whole command", command, _EXEC_BUDGET, raw)


def fifty_tasks() -> str:
    """A configuration of fifty tasks in YAML."""
    tasks = (_TASK.format(n=n, depends=f"task {n - 1}" if n else "") for n in range(_TASKS))
    return f"runs:\n  - name: all\n    tasks:\n{''.join(tasks)}"


def _yaml() -> Figure:
    text = fifty_tasks()
    question = Question(file=".tidemill/config.yml", raw=text.encode(), context=_CONTEXT)

    def plan() -> None:
        planned = evaluate(question, Shelf({}))
        assert len(planned.plans[0].tasks) == _TASKS, planned.problems

    ours = _timed(plan, 40)
    raw = _timed(lambda: yaml.load(text, yaml.CSafeLoader), 40)
    return _figure(f"lint and plan {_TASKS} tasks of YAML, in process", ours, raw, _YAML_BUDGET)


def _of_jsonnet() -> Figure:
    files = Tree({".tidemill/config.jsonnet": _JSONNET.encode()})

    async def ours() -> list[float]:
        planner = Planner()
        await planner.start()
        seconds = []
        for _ in range(21):
            began = time.perf_counter()
            planned = await planner.plan(files, _CONTEXT)
            seconds.append(time.perf_counter() - began)
            assert len(planned.plans[0].tasks) == _TASKS, planned.problems
        await planner.close()
        return seconds[1:]  # the first one waited for the child to be loaded

    raw = _timed(lambda: _jsonnet.evaluate_snippet("f", _JSONNET, tla_codes={"ctx": "{}"}), 20)
    what = f"lint and plan {_TASKS} tasks of Jsonnet, in a warm child"
    return _figure(what, anyio.run(ours), raw, _JSONNET_BUDGET)


def _command(what: str, arguments: list[str], budget: float, raw: list[float]) -> Figure:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}

    def call() -> None:
        subprocess.run([TIDEMILL, *arguments], check=True, capture_output=True, env=environment)

    call()  # what is cached on disk is cached
    return _figure(what, _timed(call, 10), raw, budget)


def _python() -> list[float]:
    """Seconds that an interpreter takes to start and end."""
    return _timed(lambda: subprocess.run([sys.executable, "-c", ""], check=True), 10)


def _timed(call: Callable[[], object], times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


def _figure(what: str, ours: list[float], raw: list[float], budget: float) -> Figure:
    middle, base = statistics.median(ours), statistics.median(raw)
    return Figure(
        f"{what}, p50",
        milliseconds(ours),
        milliseconds(raw),
        f"{middle / base:.1f}",
        f"{budget * 1e3:.0f} ms",
        met(middle, budget),
    )
