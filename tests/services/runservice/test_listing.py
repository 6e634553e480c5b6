"""Lists of runs: pages in order, by group, phase and result."""

from itertools import product

import pytest

from tests.services.runservice.playing import GROUP, Player, Service, create, plan, start, started
from tidemill.contracts.runservice import CreateRuns, NewRun, RunQuery
from tidemill.core.job import Outcome
from tidemill.core.run import Run

pytestmark = pytest.mark.anyio


async def pages(service: Service, query: RunQuery) -> list[list[int]]:
    """The numbers on each page, following the cursor."""
    found = []
    after = query.after
    while True:
        page = await service.runs.runs(
            RunQuery(
                group=query.group,
                phases=query.phases,
                results=query.results,
                ascending=query.ascending,
                limit=query.limit,
                after=after,
            )
        )
        found.append([run.number for run in page.items])
        if not page.cursor:
            return found
        after = int(page.cursor)


async def test_pages_follow_each_other(service: Service) -> None:
    """Ten runs by twos are five pages, also with a start, in both directions, and limit 0 is all."""
    await create(service.runs, *([plan()] * 10))
    counter = "/project/p1"
    descending = [[10, 9], [8, 7], [6, 5], [4, 3], [2, 1]]
    assert await pages(service, RunQuery(group=counter, limit=2)) == descending
    assert await pages(service, RunQuery(limit=2)) == descending
    ascending = [list(reversed(page)) for page in reversed(descending)]
    assert await pages(service, RunQuery(group=counter, limit=2, ascending=True)) == ascending
    assert await pages(service, RunQuery(group=counter, limit=3, after=5)) == [[4, 3, 2], [1]]
    assert await pages(service, RunQuery(group=counter, limit=0)) == [list(range(10, 0, -1))]
    assert await pages(service, RunQuery(group="/project/p9")) == [[]]


async def test_a_group_is_an_element_wise_prefix(service: Service) -> None:
    """Elements match whole: `main` is not the beginning of `main2`, `p1` not of `p10`."""
    for group in (
        "/project/p1/branch/main",
        "/project/p1/branch/main2",
        "/project/p1/branch/main/deep",
        "/project/p1/branch/ma",
        "/project/p1/tag/main",
        "/project/p10/branch/main",
        "/user/p1/branch/main",
    ):
        await create(service.runs, group=group)

    async def numbers(group: str) -> list[int]:
        return (await pages(service, RunQuery(group=group)))[0]

    assert await numbers("/project/p1/branch/main") == [3, 1]
    assert await numbers("/project/p1/branch/main2") == [2]
    assert await numbers("/project/p1/branch/ma") == [4]
    assert await numbers("/project/p1/branch") == [4, 3, 2, 1]
    assert await numbers("/project/p1/tag") == [5]
    assert await numbers("/project/p1") == [5, 4, 3, 2, 1]
    assert await numbers("/project/p10") == [1]
    assert len(await numbers("/project")) == 6
    assert len(await numbers("")) == 7


async def variety(service: Service) -> list[Run]:
    """A run in each state that there is."""
    player = Player(service.jobs, slots=1)
    for outcome in (Outcome.SUCCESS, Outcome.FAILED):
        await started(service.runs)
        (job,) = await player.take()
        await player.finish(job, outcome)
    stopped = await started(service.runs)
    await service.runs.stop_run(stopped.id)
    (cancelled,) = await create(service.runs)
    await service.runs.cancel_run(cancelled.id)
    await service.runs.create_runs(
        CreateRuns(key="wrong", group=GROUP, runs=(NewRun(name="x", setup_errors=("wrong",)),))
    )
    await start(service.runs, (await create(service.runs))[0].id)
    await create(service.runs, plan(), plan(), group="/project/p1/branch/other")
    return (await service.runs.runs(RunQuery(limit=0))).items


async def test_phases_and_results_filter(service: Service) -> None:
    """Every pair of filters, in every kind of group, gives what filtering the whole list gives."""
    everything = await variety(service)
    assert len(everything) == 8
    phases = [(), ("queued",), ("running", "finished"), ("setuperror", "cancelled"), ("nonsense",)]
    results = [(), ("success",), ("failed", "stopped"), ("unknown",)]
    groups = ["", "/project", "/project/p1", "/project/p1/branch", GROUP, "/project/p1/branch/other"]
    for phase, result, group in product(phases, results, groups):
        found = await pages(service, RunQuery(group=group, phases=phase, results=result, limit=2))
        expected = [
            run.number
            for run in everything
            if (not phase or run.phase in phase)
            and (not result or run.result in result)
            and (not group or f"{run.group}/".startswith(f"{group}/"))
        ]
        assert [number for page in found for number in page] == expected, (phase, result, group)


async def test_listed_runs_are_as_they_are(service: Service) -> None:
    """But for their tasks a listed run equals the run itself."""
    for listed in await variety(service):
        whole = (await service.runs.run(listed.id)).run
        assert {name: getattr(listed, name) for name in Run.__struct_fields__ if name != "tasks"} == {
            name: getattr(whole, name) for name in Run.__struct_fields__ if name != "tasks"
        }
