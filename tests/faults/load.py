"""Runs that are pushed while something breaks, and what must have become of them."""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from tests.faults.cluster import definition, said
from tests.system.server import Project, Work

#: Two tasks that wait for a third.
THREE: Mapping[str, Sequence[str]] = {"first": (), "second": ("first",), "third": ("first",)}


class Load:
    """Runs that are pushed, and what must have become of them."""

    def __init__(
        self, folder: Path, project: Project, shape: Mapping[str, Sequence[str]] = THREE, **common: Any
    ) -> None:
        self.work = Work(folder, project)
        self.project = project
        self.shape = shape
        self.common = common
        self._numbers = count(1)
        self.pushed: list[str] = []

    def push(self, times: int = 1, *, attempts: int = 1) -> None:
        """Push to a branch of its own each time, so that nothing waits in line; *attempts* times if refused."""
        for _ in range(times):
            name = f"change{next(self._numbers)}"
            self.work.commit(definition(name, self.shape, **self.common), name)
            for left in reversed(range(attempts)):
                try:
                    self.work.push(name)
                    break
                except AssertionError:
                    if not left:
                        raise
            self.pushed.append(name)

    def check(self) -> None:
        """Each push has made one run that succeeded, and each task has said its words once."""
        names = set()
        for number in range(1, len(self.pushed) + 1):
            run = self.project.finished(number)
            assert run["result"] == "success", run
            name = run["annotations"]["branch"]
            names.add(name)
            for task in self.shape:
                log = self.project.log(number, task, 0)
                assert log == said(f"{name} {task}"), f"run {number}, {task}: {log!r}"
        assert names == set(self.pushed)
        assert len(self.project.runs()) == len(self.pushed)
