"""Whatever happens in whatever order: no job is begun by two executors, and every run comes to its end."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests.conftest import Clock
from tests.services.runservice.playing import Player, create, now, plan, start, task
from tidemill.contracts.jobs import SyncAnswer
from tidemill.core.job import JobId, JobPhase, Outcome
from tidemill.core.run import Phase, Run
from tidemill.errors import Failure
from tidemill.kit.db import Database
from tidemill.services.runservice import RunserviceService
from tidemill.services.runservice.store.tables import jobs

pytestmark = pytest.mark.anyio

ACTS = ("create", "start", "sync", "lose answer", "end", "fail", "stop", "forget", "silence", "drain", "race")


@dataclass
class World:
    """A runservice, two executors, and what they were ever allowed to begin."""

    service: RunserviceService
    clock: Clock
    players: list[Player]
    runs: list[Run] = field(default_factory=list)
    begun: dict[JobId, str] = field(default_factory=dict)

    def note(self, player: Player, answer: SyncAnswer) -> None:
        for job in answer.run:
            assert self.begun.setdefault(job.id, player.id) == player.id

    async def sync(self, player: Player) -> None:
        self.note(player, await player.sync())

    async def act(self, act: str, number: int) -> None:
        """One thing that happens."""
        player = self.players[number % len(self.players)]
        run = self.runs[number % len(self.runs)] if self.runs else None
        match act:
            case "create":
                shape = plan(task("a"), task("b"), task("c", "a", "b"))
                self.runs += await create(self.service, shape, group=f"/project/p1/branch/b{len(self.runs)}")
            case "sync":
                await self.sync(player)
            case "lose answer":
                self.note(player, await self.service.sync(player.request()))
            case "end" | "fail":
                self.end(player, number, Outcome.SUCCESS if act == "end" else Outcome.FAILED)
            case "forget":
                player.reports.clear()
            case "drain":
                player.draining = not player.draining
            case "silence":
                await self.silence()
            case "race":
                await asyncio.gather(*(self.sync(player) for player in self.players))
            case "start" | "stop" if run:
                await self.change(act, run)

    async def change(self, act: str, run: Run) -> None:
        with suppress(Failure, ValueError):  # it may be in no state for that
            if act == "start":
                await start(self.service, run.id, run.group)
            else:
                await self.service.stop_run(run.id)

    def end(self, player: Player, number: int, outcome: Outcome) -> None:
        running = [one.id for one in player.reports.values() if one.phase is JobPhase.RUNNING]
        if running:
            player.end(running[number % len(running)], outcome)

    async def silence(self) -> None:
        """Nobody is heard for longer than a lease and its grace."""
        for _ in range(7):
            await self.service.leases.look()
            self.clock.advance(15)

    async def finish(self) -> None:
        """Let everything come to its end."""
        for run in self.runs:
            await self.change("start", run)
        for player in self.players:
            player.draining = False
        while True:
            for player in self.players:
                await self.sync(player)
                for report in list(player.reports.values()):
                    if report.phase is JobPhase.RUNNING:
                        player.end(report.id, Outcome.STOPPED if report.stopping else Outcome.SUCCESS)
                    elif report.stopping and report.phase is JobPhase.ACCEPTED:
                        player.end(report.id, Outcome.STOPPED)
            if not any(player.reports for player in self.players):
                return


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 7)), max_size=40))
async def test_any_history_keeps_the_promises(
    whole: RunserviceService, db: Database, clock: Clock, acts: list[tuple[str, int]]
) -> None:
    """Creations, starts, stops, lost answers, silence, forgetting, drains and races in any order."""
    world = World(whole, clock, [Player(whole, id=f"e{i}", slots=2) for i in range(2)])
    for act, number in [("create", 0), ("start", 0), ("sync", 0), *acts]:
        await world.act(act, number)
    await world.finish()
    for run in world.runs:
        final = await now(whole, run)
        assert final.phase is Phase.FINISHED
        assert all(one.status.is_final for one in final.tasks)
    assert await db.read(lambda tx: tx.value(select(func.count()).select_from(jobs))) == 0
