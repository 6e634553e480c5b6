"""The sync protocol: both lists are compared until they agree, whatever is lost on the way."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.services.runservice.conftest import KnownValues
from tests.services.runservice.playing import (
    HOST,
    NOW,
    Player,
    Service,
    create,
    now,
    start,
    started,
    statuses,
    task,
)
from tidemill.contracts.jobs import SyncAnswer
from tidemill.contracts.values import CLONE_TOKEN
from tidemill.core.job import JobPhase, JobReport, Outcome
from tidemill.core.plan import CloneStep, Container, FromVariable, Plan, RunStep, Runtime
from tidemill.core.run import Phase, Result, Run, StepPhase, StepState
from tidemill.errors import Conflict, NotFound, Unavailable
from tidemill.kit.db import Database
from tidemill.services.runservice import RunserviceService

pytestmark = pytest.mark.anyio

SILENT = SyncAnswer()


async def test_a_job_is_given_accepted_run_and_forgotten(service: Service) -> None:
    """Each answer says what follows from the list; a finished run is seen with the sync that ended it."""
    run = await started(service.runs)
    player = Player(service.jobs)
    given_ = await player.sync()
    (spec,) = given_.start
    assert (spec.run_id, spec.task_id, spec.task) == (run.id, run.tasks[0].id, task())
    assert statuses(await now(service.runs, run)) == {"task": "notstarted"}
    accepted = await player.sync()
    assert [(job.id, job.generation) for job in accepted.run] == [(spec.id, 1)]
    assert await player.sync() == SILENT
    assert statuses(await now(service.runs, run)) == {"task": "running"}
    player.end(spec.id)
    ended = await player.sync()
    assert ended.forget == (spec.id,)
    final = await now(service.runs, run)
    assert (final.phase, final.result, statuses(final)) == (
        Phase.FINISHED,
        Result.SUCCESS,
        {"task": "success"},
    )
    assert await player.sync() == SILENT


async def test_the_next_task_comes_with_the_end_of_the_one_before(service: Service) -> None:
    """One sync records an end, starts what depends on it, and gives it to the same executor."""
    await started(service.runs, task("a"), task("b", "a"))
    player = Player(service.jobs)
    (a,) = await player.take()
    player.end(a)
    answer = await player.sync()
    assert answer.forget == (a,)
    assert [spec.task.name for spec in answer.start] == ["b"]


async def test_a_job_knows_its_run(service: Service) -> None:
    """Its environment is the plan's with the run's number under both names."""
    (run,) = await create(service.runs, Plan(name="run", tasks=(task(),), environment={"CI": "true"}))
    await start(service.runs, run.id)
    (spec,) = (await Player(service.jobs).sync()).start
    assert spec.environment == {"CI": "true", "AGOLA_RUN_COUNTER": "1", "TIDEMILL_RUN_COUNTER": "1"}


async def test_lost_answers_are_repeated(service: Service) -> None:
    """An executor that did not hear an answer gets it again, whichever it was."""
    await started(service.runs)
    player = Player(service.jobs)
    lost = await service.jobs.sync(player.request())
    assert (await player.sync()).start == lost.start
    lost = await service.jobs.sync(player.request())
    assert (await player.sync()).run == lost.run
    (job,) = player.reports
    player.end(job)
    lost = await service.jobs.sync(player.request())
    assert lost.forget == (job,)
    assert (await player.sync()).forget == (job,)
    assert await player.sync() == SILENT


async def test_slots_are_counted_by_the_server(service: Service) -> None:
    """An executor never has more jobs than slots, however many are ready."""
    await started(service.runs, *(task(f"t{i}") for i in range(5)))
    player = Player(service.jobs, slots=2)
    first = await player.sync()
    assert len(first.start) == 2
    assert len((await player.sync()).start) == 0
    await player.sync()
    player.end(first.start[0].id)
    assert len((await player.sync()).start) == 1


async def test_the_oldest_run_comes_first(service: Service) -> None:
    """Jobs are claimed in the order of their runs, and of their tasks within one."""
    old = await started(service.runs, task("a"), task("b", "a"), group="/project/p1/branch/old")
    young = await started(service.runs, task("a"), group="/project/p1/branch/young")
    player = Player(service.jobs, slots=1)
    (first,) = await player.take()
    player.end(first)
    (second,) = (await player.sync()).start
    assert (second.run_id, second.task.name) == (old.id, "b")
    await player.work_off()
    assert (await now(service.runs, young)).result is Result.SUCCESS


@pytest.mark.parametrize(
    ("runtime", "suits"),
    [
        (Runtime(type="host"), True),
        (Runtime(type="host", arch="amd64"), True),
        (Runtime(type="host", arch="arm64"), False),
        (Runtime(type="pod", containers=(Container(image="x"),)), False),
    ],
)
async def test_a_job_goes_where_it_can_run(service: Service, runtime: Runtime, suits: bool) -> None:
    """Kind of runtime and architecture have to fit; a job that fits nobody waits and bars nobody."""
    await started(service.runs, task(runtime=runtime), group="/project/p1/branch/x")
    await started(service.runs, task("other", runtime=HOST), group="/project/p1/branch/y")
    answer = await Player(service.jobs, arch="amd64").sync()
    assert [spec.task.name for spec in answer.start] == (["task", "other"] if suits else ["other"])


async def test_concurrent_executors_never_share_a_job(service: Service) -> None:
    """Four executors that sync at once, again and again, get each of fifty jobs once."""
    for i in range(10):
        await started(service.runs, *(task(f"t{j}") for j in range(5)), group=f"/project/p1/branch/b{i}")
    players = [Player(service.jobs, id=f"e{i}", slots=7) for i in range(4)]
    claimed: list[str] = []
    while True:
        answers = await asyncio.gather(*(player.sync() for player in players))
        claimed += [spec.id for answer in answers for spec in answer.start]
        for player in players:
            for report in list(player.reports.values()):
                if report.phase is JobPhase.RUNNING:
                    player.end(report.id)
        if not any(player.reports for player in players):
            break
    assert len(claimed) == len(set(claimed)) == 50


async def test_a_waiting_sync_hears_of_a_new_job(service: Service) -> None:
    """The long poll ends with the job, not with its time."""
    player = Player(service.jobs)
    waiting = asyncio.ensure_future(player.sync(wait=20))
    await create(service.runs)
    run = await started(service.runs, group="/project/p1/branch/x")
    answer = await asyncio.wait_for(waiting, 5)
    assert [spec.run_id for spec in answer.start] == [run.id]


async def test_a_cancelled_wait_loses_nothing(service: Service) -> None:
    """Whenever the executor gives up a sync, the next one says the same."""
    player = Player(service.jobs)
    for _ in range(3):
        waiting = asyncio.ensure_future(service.jobs.sync(player.request(20)))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting], timeout=5)
    await started(service.runs)
    racing = asyncio.ensure_future(service.jobs.sync(player.request(20)))
    await asyncio.sleep(0)
    racing.cancel()
    await asyncio.wait([racing], timeout=5)
    assert len((await player.sync()).start) == 1


async def test_an_overtaken_sync_is_told_so(service: Service) -> None:
    """A sync from before an accept arrives after it: the job is not taken for forgotten."""
    run = await started(service.runs)
    player = Player(service.jobs)
    await player.sync()
    early = replace(player.request(), jobs=())
    await player.sync()
    with pytest.raises(Conflict) as caught:
        await service.jobs.sync(early)
    assert caught.value.code == "staleSync"
    assert caught.value.details == {"sequence": player.sequence}
    assert await player.sync() == SILENT
    assert statuses(await now(service.runs, run)) == {"task": "running"}


async def test_a_forgotten_job_is_lost(service: Service) -> None:
    """An executor that had accepted a job and lists it no more has lost it, and the run fails."""
    run = await started(service.runs)
    player = Player(service.jobs)
    await player.take()
    player.reports.clear()
    await player.sync()
    final = await now(service.runs, run)
    assert (statuses(final), final.result) == ({"task": "lost"}, Result.FAILED)
    assert "does not know" in final.tasks[0].reason


async def test_jobs_of_somebody_else_are_fenced(service: Service) -> None:
    """Unknown jobs, other executors' jobs and old generations are to be killed; an ended one is forgotten."""
    await started(service.runs)
    owner, thief = Player(service.jobs), Player(service.jobs, id="e2")
    (job,) = await owner.take()
    thief.reports[job] = owner.reports[job]
    ghost = replace(owner.reports[job], id="ghost")
    thief.reports["ghost"] = ghost  # type: ignore[index]
    thief.reports["gone"] = replace(ghost, id="gone", phase=JobPhase.ENDED)  # type: ignore[index]
    answer = await thief.sync()
    assert set(answer.fenced) == {job, "ghost"}
    assert answer.forget == ("gone",)
    owner.change(job, generation=7)
    assert (await owner.sync()).fenced == (job,)


async def test_stale_reports_do_not_fail_a_sync(service: Service) -> None:
    """What is right in the list is recorded beside what is not."""
    run = await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    player.end(job)
    player.reports["ghost"] = replace(player.reports[job], id="ghost", phase=JobPhase.RUNNING)  # type: ignore[index]
    answer = await player.sync()
    assert (answer.forget, answer.fenced) == ((job,), ("ghost",))
    assert (await now(service.runs, run)).result is Result.SUCCESS


async def test_a_draining_executor_gets_nothing_new(service: Service) -> None:
    """What it has it finishes; what it has not confirmed goes to another, in a new generation."""
    await started(service.runs, task("a"), task("b"))
    player, other = Player(service.jobs, slots=2), Player(service.jobs, id="e2")
    lost = await service.jobs.sync(player.request())
    player.obey(SyncAnswer(start=lost.start[:1]))
    player.draining = True
    answer = await player.sync()
    assert answer.start == ()
    assert [job.id for job in answer.run] == [lost.start[0].id]
    (spec,) = (await other.sync()).start
    assert (spec.id, spec.generation) == (lost.start[1].id, 2)
    player.obey(SyncAnswer(start=lost.start[1:]))  # the late answer is acted on after all
    assert (await player.sync()).fenced == (spec.id,)


async def test_values_come_with_the_leave_to_run(service: Service, values: KnownValues) -> None:
    """Names of every place of a task are asked for once, under the run's scope, only when it is accepted."""
    wanted = task(
        environment={"A": FromVariable("a")},
        steps=(
            CloneStep(),
            RunStep(name="x", command="x", environment={"B": FromVariable("b"), "A": FromVariable("a")}),
        ),
    )
    await started(service.runs, wanted)
    values.values = {"a": "1", CLONE_TOKEN: "secret"}
    player = Player(service.jobs)
    (spec,) = (await player.sync()).start
    assert spec.values == ("a", "b", CLONE_TOKEN)
    assert values.asked == []
    (job,) = (await player.sync()).run
    assert job.values == {"a": "1", CLONE_TOKEN: "secret"}
    assert "secret" not in repr(job)
    assert [(one.scope, one.names) for one in values.asked] == [("project:p1:main", spec.values)]
    player.change(spec.id, phase=JobPhase.ACCEPTED)  # restarted, and in want of values
    values.values["a"] = "2"
    (job,) = (await player.sync()).run
    assert job.values["a"] == "2"


async def test_values_that_cannot_be_had_delay_the_job(service: Service, values: KnownValues) -> None:
    """The answer goes on without it, and the next sync asks again."""
    await started(service.runs, task(environment={"A": FromVariable("a")}))
    player = Player(service.jobs)
    await player.sync()
    values.failures = [Unavailable("starting")]
    assert await player.sync() == SILENT
    assert len((await player.sync()).run) == 1


async def test_a_waiting_sync_asks_for_values_again(service: Service, values: KnownValues) -> None:
    """It needs no bell to do so."""
    await started(service.runs, task(environment={"A": FromVariable("a")}))
    player = Player(service.jobs)
    await player.sync()
    values.failures = [Unavailable("starting")]
    answer = await asyncio.wait_for(player.sync(wait=20), 5)
    assert len(answer.run) == 1


async def test_values_of_several_jobs_are_asked_for_at_once(service: Service, values: KnownValues) -> None:
    """Who is slow with them is waited for once, not once for each job: a sync has a time in which to end."""
    cloning = [task(f"t{number}", steps=(CloneStep(),)) for number in range(4)]
    await started(service.runs, *cloning)
    player = Player(service.jobs, slots=4)
    await player.sync()
    values.together = 4
    async with asyncio.timeout(5):
        assert len((await player.sync()).run) == 4


async def test_a_refusal_of_values_lets_the_job_run(service: Service, values: KnownValues) -> None:
    """Asking again would not help, so its names are as if undefined."""
    await started(service.runs, task(environment={"A": FromVariable("a")}))
    player = Player(service.jobs)
    await player.sync()
    values.failures = [NotFound("no such project", code="projectDoesNotExist")]
    (job,) = (await player.sync()).run
    assert job.values == {}


async def test_a_stop_before_the_claim_ends_the_run(service: Service) -> None:
    """Nobody ever gets the job."""
    run = await started(service.runs)
    stopped = await service.runs.stop_run(run.id, "alice stopped it")
    assert (stopped.phase, stopped.result, statuses(stopped)) == (
        Phase.FINISHED,
        Result.STOPPED,
        {"task": "skipped"},
    )
    assert stopped.tasks[0].reason == "alice stopped it"
    assert await Player(service.jobs).sync() == SILENT


async def test_a_stop_before_the_accept_ends_the_run(service: Service) -> None:
    """Nothing has run; the executor that has the job already is told to drop it."""
    run = await started(service.runs)
    player = Player(service.jobs)
    (spec,) = (await player.sync()).start
    assert (await service.runs.stop_run(run.id)).phase is Phase.FINISHED
    assert (await player.sync()).fenced == (spec.id,)
    assert await player.sync() == SILENT


async def test_a_stop_after_the_accept_stops_the_job(service: Service) -> None:
    """The executor is told, once it is at it no more, and the run ends as the job does."""
    run = await started(service.runs, task("a"), task("b", "a"))
    player = Player(service.jobs)
    (job,) = await player.take()
    waiting = asyncio.ensure_future(player.sync(wait=20))
    await asyncio.sleep(0)
    stopping = await service.runs.stop_run(run.id)
    assert (stopping.phase, stopping.stopping) == (Phase.RUNNING, True)
    assert (await asyncio.wait_for(waiting, 5)).stop == (job,)
    assert await player.sync() == SILENT
    await player.finish(job, Outcome.STOPPED)
    final = await now(service.runs, run)
    assert (final.phase, final.result, statuses(final)) == (
        Phase.FINISHED,
        Result.STOPPED,
        {"a": "stopped", "b": "skipped"},
    )


async def test_a_stopped_job_gets_no_leave_to_run(service: Service) -> None:
    """Stopped between accept and start: the executor is told to stop, and nothing else."""
    run = await started(service.runs)
    player = Player(service.jobs)
    await player.sync()
    await service.jobs.sync(player.request())
    await service.runs.stop_run(run.id)
    answer = await player.sync()
    assert (answer.run, len(answer.stop)) == ((), 1)


async def test_a_stop_that_races_with_the_end(service: Service) -> None:
    """Whichever comes first, the run is finished and everybody agrees."""
    for i in range(10):
        run = await started(service.runs, group=f"/project/p1/branch/b{i}")
        player = Player(service.jobs, slots=1)
        (job,) = await player.take()
        player.end(job)
        stopped = service.runs.stop_run(run.id)
        await asyncio.gather(player.sync(), stopped, return_exceptions=True)
        await player.sync()
        final = await now(service.runs, run)
        assert final.phase is Phase.FINISHED
        assert statuses(final) == {"task": "success"}
        assert player.reports == {}


async def test_a_stop_that_races_with_the_accept(service: Service) -> None:
    """Either the job is taken back and never begun, or it is accepted and told to stop."""
    for i in range(20):
        run = await started(service.runs, group=f"/project/p1/branch/b{i}")
        player = Player(service.jobs, slots=1)
        (spec,) = (await player.sync()).start
        answer, stopped = await asyncio.gather(player.sync(), service.runs.stop_run(run.id))
        if stopped.phase is Phase.FINISHED:
            assert answer.run == ()
            assert player.fenced == [spec.id]
        else:
            assert spec.id in (*answer.stop, *(await player.sync()).stop)
            await player.finish(spec.id, Outcome.STOPPED)
        assert (await now(service.runs, run)).result is Result.STOPPED
        assert player.reports == {}


async def test_a_failure_withdraws_what_nobody_has_begun(service: Service) -> None:
    """Roots in the queue are cancelled once the run has failed."""
    run = await started(service.runs, task("a"), task("b"))
    player = Player(service.jobs, slots=1)
    (a,) = await player.take()
    await player.finish(a, Outcome.FAILED)
    final = await now(service.runs, run)
    assert (final.phase, statuses(final)) == (Phase.FINISHED, {"a": "failed", "b": "cancelled"})
    assert await player.sync() == SILENT


async def test_progress_of_steps_is_seen_and_followed(service: Service) -> None:
    """Each change raises the run's revision; a sync that changes nothing does not."""
    run = await started(service.runs, task(steps=(RunStep(name="1", command="x"),) * 2))
    player = Player(service.jobs)
    (job,) = await player.take()
    player.change(job, steps=(StepState(phase=StepPhase.RUNNING, started_at=NOW), StepState()))
    await player.sync()
    first = await now(service.runs, run)
    assert [step.phase for step in first.tasks[0].steps] == ["running", "notstarted"]
    await player.sync()
    assert (await now(service.runs, run)).revision == first.revision


async def test_many_reports_cost_one_commit(whole: RunserviceService, db: Database) -> None:
    """Ends, next tasks and their claims of four runs travel in one transaction."""
    for i in range(4):
        await started(whole, task("a"), task("b", "a"), group=f"/project/p1/branch/b{i}")
    player = Player(whole, slots=4)
    for job in await player.take():
        player.end(job)
    before = getattr(db.engine, "commits", 0)
    answer = await player.sync()
    assert (len(answer.forget), len(answer.start)) == (4, 4)
    assert getattr(db.engine, "commits", 1) - before == 1


async def test_executors_are_listed(service: Service) -> None:
    """With their load, their labels and whether their lease holds."""
    await started(service.runs)
    await Player(service.jobs, slots=2).sync()
    await Player(service.jobs, id="e0").sync()
    idle, busy = (await service.fleet.executors()).executors
    assert (idle.id, idle.jobs, idle.online) == ("e0", 0, True)
    assert (busy.id, busy.jobs, busy.slots, busy.runtimes) == ("e1", 1, 2, ("host",))


def history(report: JobReport) -> list[JobReport]:
    """All that an executor ever says of a job of two steps that succeeds."""
    running = replace(report, phase=JobPhase.RUNNING, started_at=NOW)
    progress = [
        replace(running, steps=tuple(StepState(phase=StepPhase(phase)) for phase in phases))
        for phases in (
            ("running", "notstarted"),
            ("success", "notstarted"),
            ("success", "running"),
            ("success", "success"),
        )
    ]
    end = replace(progress[-1], phase=JobPhase.ENDED, outcome=Outcome.SUCCESS, ended_at=NOW)
    return [report, running, *progress, end]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(0, 6), max_size=12))
async def test_any_delivery_of_reports_leads_to_the_same_end(service: Service, order: list[int]) -> None:
    """Reports dropped, doubled and reordered: once the last arrives the task is as if none were lost."""
    two = task(steps=(RunStep(name="1", command="x"),) * 2)
    run = await started(service.runs, two)
    player = Player(service.jobs, slots=1)
    (spec,) = (await player.sync()).start
    told = history(player.reports[spec.id])
    for index in [*order, 6]:
        player.reports = {spec.id: told[index]}
        await service.jobs.sync(player.request())
    final = await now(service.runs, run)
    assert (final.phase, final.result) == (Phase.FINISHED, Result.SUCCESS)
    assert _essence(final) == ("success", ["success", "success"], NOW)


def _essence(run: Run) -> tuple[str, list[str], object]:
    (only,) = run.tasks
    return str(only.status), [str(step.phase) for step in only.steps], only.ended_at


async def test_plans_of_many_runs_are_told_apart(service: Service) -> None:
    """A job gets its own run's task, though all are remembered together."""
    for i in range(3):
        await started(service.runs, task(f"of run {i}"), group=f"/project/p1/branch/b{i}")
    answer = await Player(service.jobs).sync()
    assert [spec.task.name for spec in answer.start] == ["of run 0", "of run 1", "of run 2"]
