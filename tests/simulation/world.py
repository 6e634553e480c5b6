"""One simulated world from its beginning to its end: processes, machines, faults, and the last judgement."""

import asyncio
import traceback
from collections.abc import Callable
from contextvars import Context
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from tests.simulation import nature
from tests.simulation.clock import Livelock, SimulatedLoop, Standstill
from tests.simulation.database import Store, database
from tests.simulation.history import History, Violation
from tests.simulation.invariants import Auditor
from tests.simulation.judging import Judgement
from tests.simulation.machine import Execution, Machine, SimulatedDriver
from tests.simulation.network import Network, SimulatedBells, connect
from tests.simulation.objects import Kept, SimulatedObjects
from tests.simulation.process import PROCESS, Process
from tests.simulation.scenario import TROUBLE, Fault, Scenario
from tests.simulation.users import Users
from tidemill.contracts.jobs import Jobs
from tidemill.contracts.logs import Logs
from tidemill.contracts.runservice import Runservice
from tidemill.contracts.values import Values, ValuesAnswer, ValuesRequest
from tidemill.errors import Unavailable
from tidemill.kit.objects import Objects
from tidemill.kit.supervise import Service, run_loops
from tidemill.services.executor import ExecutorService
from tidemill.services.runservice import RunserviceService
from tidemill.services.scheduler import SchedulerService
from tidemill.settings import ExecutorSettings, RunserviceSettings

#: Of the simulated runservices, shorter than usual: more of them end while a world lasts.
LEASE, GRACE = 15.0, 5.0
#: Seconds for which an executor may have been heard without a note of it.
_HEARTBEAT = 4.0
#: Seconds in which everything must be over once nothing goes wrong any more.
_PATIENCE = 1800.0
#: Seconds for which a process that died stays away, beside what its fault says.
_RESTART = 1.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a world."""

    what: str = ""
    """What was violated; "" when nothing was."""
    details: str = ""
    digest: str = ""
    commits: int = 0
    calls: int = 0
    executions: int = 0
    seconds: float = 0.0
    """Simulated."""
    lines: tuple[str, ...] = ()


class SimulatedValues(Values):
    """Knows a value for every name, but cannot always be asked."""

    def __init__(self, network: Network, who: str) -> None:
        self._network = network
        self._who = who

    async def resolve(self, request: ValuesRequest) -> ValuesAnswer:
        dice = self._network.dice(f"{self._who} values")
        await asyncio.sleep(self._network.delay(dice))
        if dice.random() < self._network.noise:
            raise Unavailable("the values cannot be had")
        return ValuesAnswer({name: f"the value of {name}" for name in request.names})


class World:
    """Everything there is."""

    def __init__(
        self, scenario: Scenario, place: Path, loop: SimulatedLoop, after_that: Callable[[], Any]
    ) -> None:
        self.scenario = scenario
        self.history = History()
        self.network = Network(scenario.seed, self.history, scenario.noise)
        self.auditor = Auditor(self.history, loop.time, LEASE + GRACE - _HEARTBEAT)
        self.auditor.has_crashed = self._has_crashed
        self.auditor.given = lambda executor: self._something_happens(self._machine_of(executor))
        self.store = Store(place / "db.sqlite", self.history, self._committed)
        self.machines = {
            name: Machine(name, scenario.seed, place / name, self.history, self._started)
            for name in scenario.processes()
            if name.startswith("executor")
        }
        self.judgement = Judgement(self.history, self.auditor, self.store, self.machines, loop.time)
        self._loop = loop
        self._objects: dict[str, Kept] = {}
        self._bells: dict[str, SimulatedBells] = {}
        self._lives: dict[str, int] = {}
        self._away: dict[str, int] = {}
        self._waiting: list[Fault] = []
        self._skews: dict[str, float] = {}
        self._users: Users | None = None
        loop.set_exception_handler(self._unhandled)
        self.history.stop = loop.stop
        nature.take_over(loop, scenario.seed, self.history, self.machines)
        after_that()

    async def run(self) -> None:
        """Let everything happen, then see that it is as it should be."""
        for name in self.scenario.processes():
            self._start(name)
        users = Process("users", 1, self.network.died)
        self._users = Users(
            self.scenario, connect(self.network, users, self._runservices(), Runservice), self.history
        )
        acting = users.spawn(self._users.act())
        for fault in self.scenario.faults:
            self._loop.call_at(fault.at, self._happen, fault, context=Context())
        await asyncio.sleep(TROUBLE)
        await self._calm()
        await asyncio.wait([acting], timeout=_PATIENCE)
        while self._loop.time() < TROUBLE + _PATIENCE and not self.history.violation:
            if acting.done() and self.judgement.is_over():
                break
            await asyncio.wait([users.spawn(self._users.approve_all())], timeout=_PATIENCE)
            await asyncio.sleep(10)
        await self._judge()

    def outcome(self, *, told: bool) -> Outcome:
        """What there is to say of it."""
        violation = self.history.violation
        return Outcome(
            what=violation.what if violation else "",
            details=str(violation) if violation else "",
            digest=self.history.digest(),
            commits=self.store.commits,
            calls=self.network.calls,
            executions=len(self.auditor.executions),
            seconds=self._loop.time(),
            lines=tuple(self.history.lines()) if told else (),
        )

    # Processes

    def _runservices(self) -> list[str]:
        return [name for name in self.scenario.processes() if name.startswith("runservice")]

    def _start(self, name: str) -> None:
        life = self._lives[name] = self._lives.get(name, 0) + 1
        process = Process(name, life, self._died)
        process.skew = timedelta(seconds=self._skews.get(name, 0.0))
        self.network.processes[name] = process
        self.history.tell("starts", who=repr(process))
        process.main = process.spawn(self._live(process))
        process.main.add_done_callback(self._ended, context=Context())

    async def _live(self, process: Process) -> None:
        service = process.service = self._made(process)
        await service.start()
        process.faces = service.faces()
        try:
            await run_loops(service.loops())
        finally:
            process.faces = {}
            await service.close()

    def _ended(self, main: asyncio.Task[None]) -> None:
        if not main.cancelled() and (error := main.exception()) is not None:
            self.history.complain("a process has failed", f"{nature.unfolded(error)!r}")

    def _made(self, process: Process) -> Service:
        kind = process.name.partition("-")[0]
        if kind == "runservice":
            return self._runservice(process)
        if kind == "scheduler":
            return SchedulerService(connect(self.network, process, self._runservices(), Runservice))
        machine = self.machines[process.name]
        number = int(process.name.partition("-")[2])
        return ExecutorService(
            ExecutorSettings(name=process.name, slots=self.scenario.executors[number]),
            machine.disk,
            connect(self.network, process, self._runservices(), Jobs),
            SimulatedDriver(machine),
            clock=process.clock,
            new_id=process.new_id,
            loopback_only=True,
        )

    def _runservice(self, process: Process) -> RunserviceService:
        return RunserviceService(
            RunserviceSettings(executor_lease=LEASE, executor_grace=GRACE),
            database(self.store, self.network, process),
            cast("Objects", SimulatedObjects(self._objects, self.network, process.name)),
            SimulatedBells(self.network, process, self._bells),
            SimulatedValues(self.network, process.name),
            clock=process.clock,
            new_id=process.new_id,
        )

    def _died(self, process: Process) -> None:
        self.history.tell("dies", who=repr(process))
        self.network.died(process)

    def _unhandled(self, _loop: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, Violation):
            if error is not None:
                context["message"] += "".join(traceback.format_exception(error))
            self.history.complain("an unhandled exception", f"{context['message']}: {error!r}")

    def _committed(self) -> None:
        self.auditor.look(self.store.connection.driver)
        process = PROCESS.get()
        if process is not None:
            self._something_happens(process.name)

    def _has_crashed(self, executor: str) -> bool:
        return self.machines[self._machine_of(executor)].boots > 1

    def _machine_of(self, executor: str) -> str:
        return next(name for name in self.machines if executor.startswith(f"{name}-"))

    def _started(self, machine: Machine, execution: Execution) -> None:
        job, _, generation = execution.pod.rpartition(".")
        self.auditor.started(machine.name, job, int(generation), execution)
        self._something_happens(machine.name)

    def _something_happens(self, name: str) -> None:
        """The moment that a fault may have waited for."""
        for fault in [fault for fault in self._waiting if fault.who == name]:
            self._waiting.remove(fault)
            self._later(0.0, partial(self._happen, replace(fault, waits=False)))

    # Faults

    def _happen(self, fault: Fault) -> None:
        self.history.tell("{}", fault)
        if fault.waits:
            self._waiting.append(fault)
            return
        process = self.network.processes.get(fault.who)
        match fault.kind:
            case "kill" if process and not process.is_dead:
                process.turns_left = fault.count
                self._away_for(fault)
            case "leave" if process and not process.is_dead and process.main:
                process.main.cancel()
                process.main.add_done_callback(lambda _: process.die(), context=Context())
                self._away_for(fault)
            case "pause" if process:
                process.pause()
                self._later(fault.seconds, partial(process.resume, self._loop.go_on))
            case "crash" if process:
                process.die()
                self.machines[fault.who].crash()
                self._away_for(fault)
            case "cut" | "half":
                is_half = fault.kind == "half"
                self.network.cut(fault.who, half=is_half, by=1)
                self._later(fault.seconds, partial(self.network.cut, fault.who, half=is_half, by=-1))
            case "skew" if process:
                self._skew(fault.who, fault.count)
            case "storm":
                self.network.noise += 0.3
                self._later(fault.seconds, self._end_storm)
            case "database":
                self.store.is_away += 1
                self._later(fault.seconds, self._end_outage)

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        self._loop.call_later(seconds, do, context=Context())

    def _away_for(self, fault: Fault) -> None:
        self._away[fault.who] = self._away.get(fault.who, 0) + 1
        self._later(fault.seconds + _RESTART, partial(self._come_back, fault.who))

    def _come_back(self, name: str) -> None:
        self._away[name] -= 1
        process = self.network.processes[name]
        if not self._away[name]:
            process.die()  # what was to die at an await that never came has had its time
            self._start(name)

    def _skew(self, name: str, seconds: float) -> None:
        self._skews[name] = self._skews.get(name, 0.0) + seconds
        self.network.processes[name].skew = timedelta(seconds=self._skews[name])

    def _end_storm(self) -> None:
        self.network.noise = max(0.0, self.network.noise - 0.3)

    def _end_outage(self) -> None:
        self.store.is_away -= 1

    async def _calm(self) -> None:
        """Let the last fault end; then nothing goes wrong any more."""
        ends = [fault.at + fault.seconds + 2 * _RESTART for fault in self.scenario.faults]
        await asyncio.sleep(max(0.0, max(ends, default=0.0) - self._loop.time()))
        self.network.noise = 0.0
        self._waiting.clear()
        self.history.tell("nothing goes wrong any more")

    # The end

    async def _judge(self) -> None:
        if self.history.violation:
            return
        if not self.judgement.is_over():
            self.judgement.complain_of_what_is_left()
            return
        judge = Process("judge", 1, self.network.died)
        logs = self._runservice(judge).faces()[Logs]
        stored = database(self.store, self.network, judge)
        await judge.spawn(self.judgement.of(stored, cast("Logs", logs)))


def play(
    scenario: Scenario, place: Path, *, told: bool = False, planting: Callable[[], Any] | None = None
) -> Outcome:
    """Let a world happen. It takes this process over, which should have been made for it."""
    loop = SimulatedLoop()
    asyncio.set_event_loop(loop)
    world = World(scenario, place, loop, planting or (lambda: None))
    try:
        loop.run_until_complete(world.run())
    except (Livelock, Standstill) as error:
        world.history.violation = world.history.violation or Violation(
            type(error).__name__.lower(), str(error)
        )
    except RuntimeError:
        if world.history.violation is None:
            raise
    return world.outcome(told=told)
