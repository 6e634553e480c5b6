"""Executors on a runservice in memory and a driver that a test steers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import anyio.lowlevel
import pytest

from tests.services.executor.runservice import MemoryRunservice
from tidemill.core.job import JobId, JobSpec
from tidemill.core.plan import FromVariable, PlanTask, RunStep, Runtime
from tidemill.core.run import RunId, TaskId
from tidemill.pods import Driver
from tidemill.pods.fake import FakeDriver
from tidemill.services.executor import ExecutorService
from tidemill.settings import ExecutorSettings

#: Makes an executor on the test's directory and driver, with these settings.
NewExecutor = Callable[..., ExecutorService]
#: A life of an executor on the test's directory and driver; leaving it is the executor's death.
Life = Callable[..., AbstractAsyncContextManager[ExecutorService]]


@pytest.fixture
def runservice() -> MemoryRunservice:
    return MemoryRunservice()


@pytest.fixture
def driver() -> FakeDriver:
    return FakeDriver()


@pytest.fixture
def new_driver(driver: FakeDriver) -> Callable[[], Driver]:
    """The driver for an executor's life; pods of words outlive it in the one that there is."""
    return lambda: driver


@pytest.fixture
def executor(tmp_path: Path, runservice: MemoryRunservice, new_driver: Callable[[], Driver]) -> NewExecutor:
    def new(*, loopback_only: bool = True, **settings: Any) -> ExecutorService:
        return ExecutorService(
            ExecutorSettings(name="test", **settings),
            tmp_path,
            runservice,
            new_driver(),
            clock=lambda: datetime.now(UTC),
            new_id=lambda: uuid4().hex,
            loopback_only=loopback_only,
        )

    return new


@pytest.fixture
def life(executor: NewExecutor) -> Life:
    @asynccontextmanager
    async def live(**settings: Any) -> AsyncIterator[ExecutorService]:
        service = executor(**settings)
        await service.start()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(service.work)
                yield service
                group.cancel_scope.cancel()
        finally:
            await service.close()

    return live


def job(
    *scripts: str,
    id: str = "job",
    variables: dict[str, str] | None = None,
    step: dict[str, Any] | None = None,
    **changes: object,
) -> JobSpec:
    """A job whose steps are these scripts; *variables* says which of its environment are late values.

    *step* holds more fields of each step, *changes* of the job.
    """
    task = PlanTask(
        name="task",
        runtime=Runtime(type="host"),
        environment={name: FromVariable(value) for name, value in (variables or {}).items()},
        steps=tuple(RunStep(name=script, command=script, tty=False, **(step or {})) for script in scripts),
        timeout=changes.pop("timeout", None),  # type: ignore[arg-type]  # tests give a number
    )
    fields = {
        "id": JobId(id),
        "generation": 1,
        "run_id": RunId("run"),
        "task_id": TaskId(f"task-of-{id}"),
        "task": task,
        "values": tuple((variables or {}).values()),
    }
    return JobSpec(**(fields | changes))  # type: ignore[arg-type]  # fields by name


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is true of disk and driver."""
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()
