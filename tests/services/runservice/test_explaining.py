"""Explanations of runs as they are stored: with their jobs, executors, and the runs before them."""

import pytest
from msgspec.structs import replace

from tests.services.runservice.playing import GROUP, Player, Service, create, plan, start, started, task
from tidemill.core.job import Outcome
from tidemill.core.plan import Concurrency, Retry, Runtime
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
        "waiting: run #4 of the concurrency group deploy is before it",
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
        "waiting: no live executor is for arm64; 1 executor is online: e1 (host amd64)"
    )


async def test_an_attempt_of_the_past_is_explained(service: Service) -> None:
    """With its steps, beside the attempt that follows it."""
    run = await started(service.runs, task("flaky", retry=Retry(attempts=2)))
    player = Player(service.jobs)
    (job,) = await player.take()
    await player.finish(job, Outcome.FAILED)
    (found,) = (await service.runs.explain_run(run.id)).tasks
    assert found.task.code in ("no_executor", "given_to_executor", "starts_now", "waits_for_slot")
    (past,) = found.attempts
    assert (past.number, past.attempt.code, [step.code for step in past.steps]) == (1, "failed", ["cut_off"])


async def test_a_cancelled_run_says_by_whom(service: Service) -> None:
    """As do its tasks."""
    (run,) = await create(service.runs)
    await service.runs.cancel_run(run.id, "cancelled by alice")
    found = await service.runs.explain_run(run.id)
    assert (found.run.code, found.run.sentence) == ("cancelled", "cancelled by alice")
    assert (found.tasks[0].task.code, found.tasks[0].task.sentence) == (
        "run_cancelled",
        "not begun: cancelled by alice",
    )


async def test_a_run_that_is_not_there_cannot_be_explained(service: Service) -> None:
    """As with any question about it."""
    with pytest.raises(NotFound) as absent:
        await service.runs.explain_run(RunId("none"))
    assert absent.value.code == "runDoesNotExist"
