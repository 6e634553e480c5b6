"""The run engine alone: tasks that do nothing, by the thousand, so that only what the house does is measured."""

import json
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio

from tests.bench.figures import Figure
from tests.bench.main_job import all_over, memory, time_of
from tests.postgres import Server as PostgreSQL
from tests.system.server import Server, User, Work
from tidemill.serve.house import WITH_DATABASE

SLOTS = 16
RUNS = 100
TASKS = 30
GRAPH = 500
MANY, AT_ONCE = 10_000, 250
NOTHING = {"runtime": {"type": "host"}, "steps": [{"run": {"name": "nothing", "command": "true"}}]}


def measure(directory: Path) -> Iterator[Figure]:
    """On SQLite, and the throughput on PostgreSQL too."""
    with PostgreSQL("bench") as postgresql:
        anyio.run(postgresql.create, "tidemill")
        url = postgresql.url("tidemill")
        on = {f"TIDEMILL_{name.upper()}_DATABASE": url for name in WITH_DATABASE}
        with_postgresql = _Installation(directory / "engine-postgresql", on)
        try:
            yield with_postgresql.throughput("PostgreSQL", budget=200)
        finally:
            with_postgresql.server.stop()
    with_sqlite = _Installation(directory / "engine-sqlite", {})
    try:
        yield with_sqlite.throughput("SQLite", budget=100)
        yield with_sqlite.graph("wide", wide())
        yield with_sqlite.graph("deep", deep())
        yield with_sqlite.memory()
    finally:
        with_sqlite.server.stop()


class _Installation:
    """An all-in-one server whose executor does nothing, and a user of it."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        directory.mkdir()
        self.directory = directory
        null = {"TIDEMILL_EXECUTOR_DRIVER": "null", "TIDEMILL_EXECUTOR_SLOTS": str(SLOTS)}
        self.server = Server(directory / "data", environment={**environment, **null}).start()
        self.user: User = self.server.user("bench")

    def throughput(self, store: str, budget: int) -> Figure:
        """So many runs of independent tasks, queued by one push."""
        work = self._work("throughput", [{"name": f"t{i}"} for i in range(TASKS)])
        runs = self._push(work, RUNS, already=0)
        rate = RUNS * TASKS / _seconds(runs)
        return Figure(
            f"tasks of nothing on {store}, {RUNS} runs of {TASKS}, {SLOTS} slots",
            f"{rate:,.0f} tasks/s",
            budget=f"{budget} tasks/s",
            verdict="met" if rate >= budget else "MISSED",
        )

    def graph(self, shape: str, tasks: list[dict[str, Any]]) -> Figure:
        """One run of 500 tasks of nothing, from its start to its end."""
        work = self._work(shape, tasks)
        work.push()
        work.project.finished(1)
        work.commit({}, "warm")
        work.push()
        run = work.project.finished(2)
        whole = time_of(run["end_time"]) - time_of(run["start_time"])
        return Figure(
            f"a {shape} graph of {len(tasks)} tasks of nothing, {SLOTS} slots",
            f"{whole:.2f} s, {whole / len(tasks) * 1e3:.1f} ms a task",
        )

    def memory(self) -> Figure:
        """Ten thousand runs; the first thousand fill what is kept in memory by design."""
        work = self._work("memory", [{"name": "task"}])
        used, done, latencies = [], 0, []
        while done < MANY:
            began = time.perf_counter()
            self._push(work, AT_ONCE, already=done)
            latencies.append(time.perf_counter() - began)
            done += AT_ONCE
            used.append(memory(self.server.pid))
        early = used[MANY // AT_ONCE // 10 - 1]
        return Figure(
            f"memory over {MANY:,} runs",
            f"{early:.0f} MB after {MANY // 10:,}, {used[-1]:.0f} MB at the end, {max(used):.0f} at most",
            f"{AT_ONCE} runs: first {latencies[0]:.1f} s, last {latencies[-1]:.1f} s",
            f"{used[-1] / early:.2f}",
            "flat: 1.1",
            "met" if used[-1] / early <= 1.1 else "MISSED",
        )

    def _work(self, name: str, tasks: list[dict[str, Any]]) -> Work:
        work = Work(self.directory / name, self.user.project(name))
        config = {"runs": [{"name": "run", "tasks": [NOTHING | task for task in tasks]}]}
        work.commit({".tidemill/config.yml": json.dumps(config)})
        return work

    def _push(self, work: Work, count: int, already: int) -> list[dict[str, Any]]:
        """One push of new branches, a run each; answers the runs once all are over."""
        work.git("push", "-q", "origin", *(f"HEAD:refs/heads/b{already + i}" for i in range(count)))
        return all_over(work.project, count, already=already)


def wide() -> list[dict[str, Any]]:
    """One task, all others but the last beside each other behind it, and one behind them all."""
    middle = [{"name": f"t{i}", "depends": ["first"]} for i in range(GRAPH - 2)]
    return [{"name": "first"}, *middle, {"name": "last", "depends": [task["name"] for task in middle]}]


def deep() -> list[dict[str, Any]]:
    """One behind the other."""
    names = [f"t{i}" for i in range(GRAPH)]
    return [{"name": "t0"}, *({"name": name, "depends": [before]} for before, name in pairwise(names))]


def _seconds(runs: list[dict[str, Any]]) -> float:
    """From the first start to the last end."""
    return max(time_of(run["end_time"]) for run in runs) - min(time_of(run["start_time"]) for run in runs)
