"""Runs of pull requests, from the executor to the stores: what they get, what they may leave."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast
from uuid import uuid4

import anyio
import pytest

from tests.conftest import Clock, OpenDatabase
from tidemill.contracts.configstore import NewProject, NewUser
from tidemill.contracts.jobs import Jobs
from tidemill.contracts.logs import Logs
from tidemill.contracts.runservice import CreateRuns, NewRun, RunDetail, Runservice, StartRun
from tidemill.contracts.secrets import ParentKind, SecretData, VariableData
from tidemill.contracts.values import Values
from tidemill.core.plan import (
    Content,
    FromVariable,
    Plan,
    PlanTask,
    RestoreCache,
    RunStep,
    Runtime,
    SaveCache,
    Step,
)
from tidemill.core.refs import Ref, RefType, branch
from tidemill.core.run import Phase, StepPhase, TaskId
from tidemill.core.scope import Scope
from tidemill.core.variables import VariableValue
from tidemill.kit.carriers import coded
from tidemill.kit.coord import Bells
from tidemill.kit.crypto import Keyring
from tidemill.kit.objects import Objects
from tidemill.pods.fake import FakeDriver
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.executor import ExecutorService
from tidemill.services.runservice import RunserviceService
from tidemill.settings import ConfigstoreSettings, ExecutorSettings, RunserviceSettings

pytestmark = pytest.mark.anyio

SECRET = "hunter2-is-the-value"
MAIN = branch("main")
FILES = (Content(source_dir="files"),)


def pull(number: int) -> Ref:
    return Ref(type=RefType.PULL_REQUEST, name=str(number), full=f"refs/pull/{number}/head")


class Installation:
    """A configstore, a runservice and an executor that speak with each other, and a project with a secret."""

    def __init__(self, runservice: RunserviceService, project: str) -> None:
        self._runs = coded(Runservice, runservice)
        self._logs = coded(Logs, cast("Logs", runservice.faces()[Logs]))
        self._project = project

    async def ran(self, ref: Ref, *steps: Step | str, is_fork: bool = False) -> "Ran":
        """What became of a run of one task, made as triggers make it."""
        task = PlanTask(
            name="task",
            runtime=Runtime(type="host"),
            environment={"TOKEN": FromVariable("token")},
            steps=tuple(
                RunStep(name=one, command=one, tty=False) if isinstance(one, str) else one for one in steps
            ),
        )
        plan = Plan(name="run", tasks=(task,), caches=ref.caches(self._project))
        request = CreateRuns(
            key=uuid4().hex,
            group=ref.group(self._project),
            scope=str(Scope(project=self._project, ref=ref.full, is_fork=is_fork)),
            runs=(NewRun(name="run", plan=plan),),
        )
        (made,) = (await self._runs.create_runs(request)).runs
        (queued,) = (await self._runs.queued_groups()).groups
        await self._runs.start_run(made.id, StartRun(token=queued.token))
        with anyio.fail_after(20):
            async for _ in await self._runs.follow_run(made.id):
                detail = await self._runs.run(made.id)
                if detail.run.phase is Phase.FINISHED:
                    break
        logs = [await self._log(detail.run.tasks[0].id, step) for step in range(-1, len(steps))]
        return Ran(detail, logs[0], logs[1:])

    async def _log(self, task: TaskId, step: int) -> str:
        return b"".join([block async for block in await self._logs.read_log(task, step)]).decode()


class Ran:
    """A run that is over."""

    def __init__(self, detail: RunDetail, setup: str, logs: list[str]) -> None:
        (task,) = detail.run.tasks
        self.phases = [step.phase for step in task.steps]
        self.setup = setup
        self.logs = logs


@pytest.fixture
async def configstore(open_database: OpenDatabase, clock: Clock) -> ConfigstoreService:
    db = await open_database("configstore", "tidemill.services.configstore.migrations")
    service = ConfigstoreService(
        ConfigstoreSettings(), db, Keyring([bytes(32)]), clock=clock, new_id=lambda: uuid4().hex
    )
    await service.start()
    return service


@pytest.fixture
async def runservice(
    configstore: ConfigstoreService, open_database: OpenDatabase, clock: Clock, tmp_path: Path
) -> AsyncIterator[RunserviceService]:
    service = RunserviceService(
        RunserviceSettings(),
        await open_database("runservice", "tidemill.services.runservice.migrations"),
        Objects.open((tmp_path / "objects").as_uri()),
        Bells(),
        coded(Values, configstore),
        clock=clock,
        new_id=lambda: uuid4().hex,
    )
    await service.start()
    yield service
    await service.close()


@pytest.fixture
async def at_work(runservice: RunserviceService, clock: Clock, tmp_path: Path) -> AsyncIterator[None]:
    """An executor."""
    executor = ExecutorService(
        ExecutorSettings(name="test"),
        tmp_path,
        coded(Jobs, runservice),
        FakeDriver(),
        clock=clock,
        new_id=lambda: uuid4().hex,
        loopback_only=True,
    )
    await executor.start()
    async with anyio.create_task_group() as group:
        group.start_soon(executor.work)
        yield
        group.cancel_scope.cancel()
    await executor.close()


@pytest.fixture
async def installation(
    configstore: ConfigstoreService, runservice: RunserviceService, at_work: None
) -> Installation:
    await configstore.create_user(NewUser(name="alice"))
    made = await configstore.create_project(NewProject(name="hello", parent="user/alice"))
    kind: ParentKind = "projects"
    await configstore.create_secret(kind, made.id, SecretData(name="s", data={"token": SECRET}))
    value = VariableValue(secret_name="s", secret_var="token")
    await configstore.create_variable(kind, made.id, VariableData(name="token", values=(value,)))
    return Installation(runservice, made.id)


def kept(text: str) -> tuple[Step | str, ...]:
    """Steps that keep a text in a cache called *text*."""
    return f"write files/x {text}", SaveCache(key=text, contents=FILES)


async def found(installation: Installation, ref: Ref, key: str, *, is_fork: bool = False) -> str:
    """What a run finds under a key."""
    ran = await installation.ran(ref, RestoreCache(keys=(key,)), "cat x", is_fork=is_fork)
    return "" if "there is no such cache" in ran.logs[0] else ran.logs[1].strip()


async def test_a_fork_gets_no_secret_and_says_which_it_lacks(installation: Installation) -> None:
    """The same task of the project's own branch, and of its own pull request, has it."""
    for ref in (MAIN, pull(1)):
        own = await installation.ran(ref, "echo <$TOKEN>")
        assert own.logs == ["<***>\n"]
        assert "token" not in own.setup
    fork = await installation.ran(pull(2), "echo <$TOKEN>", is_fork=True)
    assert fork.logs == ["<>\n"]
    assert "without a value, because this run is of a fork: token\n" in fork.setup


async def test_a_fork_reads_caches_and_saves_none(installation: Installation) -> None:
    """It finds what its base has saved; its step says that nothing is saved, and the task goes on."""
    await installation.ran(MAIN, *kept("base-1"))
    fork = await installation.ran(
        pull(1), RestoreCache(keys=("base-",)), "cat x", *kept("base-2"), "echo on", is_fork=True
    )
    assert fork.phases == [StepPhase.SUCCESS] * 5
    assert fork.logs[1] == "base-1\n"
    assert fork.logs[3:] == ["nothing is saved: runs of forks read caches and save none\n", "on\n"]
    assert await found(installation, pull(1), "base-", is_fork=True) == "base-1"
    assert await found(installation, pull(1), "base-2") == ""
    assert await found(installation, MAIN, "base-") == "base-1"


async def test_a_pull_request_writes_only_its_own_caches(installation: Installation) -> None:
    """Of its own repository: its base and other pull requests never read them."""
    await installation.ran(MAIN, *kept("deps-1"))
    assert await found(installation, pull(1), "deps-") == "deps-1"
    await installation.ran(pull(1), *kept("deps-2"))
    for text, ref in (("deps-2", pull(1)), ("deps-1", pull(2))):
        assert await found(installation, ref, "deps-") == text
    assert await found(installation, MAIN, "deps-") == "deps-1"
    assert await found(installation, MAIN, "deps-2") == ""
