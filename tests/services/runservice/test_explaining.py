"""Explanations of runs as they are stored: with their jobs, executors, and the runs before them."""

import pytest
from msgspec.structs import replace

from tests.services.runservice.playing import GROUP, Player, Service, create, plan, start, started, task
from tidemill.core.plan import Concurrency, Runtime
from tidemill.core.run import RunId
from tidemill.errors import NotFound

pytestmark = pytest.mark.anyio


async def test_a_queued_run_names_the_run_that_it_waits_for(service: Service) -> None:
    """The one that runs before those that are queued; of its group, or of its concurrency group."""
    deploy = replace(plan(), concurrency=Concurrency(group="deploy"))
    first, second, third = await create(service.runs, plan(), plan(), plan())
    await create(service.runs, deploy, group=GROUP + "2")
    (waiting,) = await create(service.runs, deploy, group=GROUP + "3")
    said = [(await service.runs.explain_run(run.id)).run.sentence for run in (first, second, waiting)]
    assert said == [
        "waiting: the scheduler is about to start it",
        "waiting: run #1 of the same group is before it",
        "waiting: run #4 is before it in the concurrency group deploy",
    ]
    await start(service.runs, first.id)
    assert (await service.runs.explain_run(third.id)).run.sentence == (
        "waiting: run #1 of the same group is running"
    )


async def test_a_task_names_its_executor(service: Service) -> None:
    """Before it is claimed none, then the one that has it; what nobody can take says who is there."""
    arm = task("arm", runtime=Runtime(type="host", arch="arm64"))
    run = await started(service.runs, task("any"), arm)
    codes = [one.task.code for one in (await service.runs.explain_run(run.id)).tasks]
    assert codes == ["no_executor", "no_executor"]
    await Player(service.jobs).take()
    any_, arm_ = ((one.task, one.steps) for one in (await service.runs.explain_run(run.id)).tasks)
    assert (any_[0].code, any_[0].evidence, len(any_[1])) == ("running", {"executor": "e1"}, 1)
    assert arm_[0].sentence == (
        "waiting: no executor takes `host` tasks for arm64; 1 executor is online: e1 (host amd64)"
    )


async def test_a_run_that_is_not_there_cannot_be_explained(service: Service) -> None:
    """As with any question about it."""
    with pytest.raises(NotFound) as absent:
        await service.runs.explain_run(RunId("none"))
    assert absent.value.code == "runDoesNotExist"
