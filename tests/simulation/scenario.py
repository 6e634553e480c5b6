"""What happens in one simulated world, as plain data: made from a seed, and made smaller when it fails."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from tidemill.core.plan import (
    Concurrency,
    Depend,
    FromVariable,
    Plan,
    PlanTask,
    Retry,
    RetryOn,
    RunStep,
    Runtime,
    Superseded,
)

#: Seconds in which faults happen and people act.
TROUBLE = 90.0


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong at *at*, to *who*, for *seconds*.

    `kill` ends a process at the *count*-th await after that moment, `leave` asks it to go, `pause` stops
    it, `crash` ends a machine with all that runs on it and what was not written durably, `cut` parts a
    process from all others (`half` its requests only), `skew` sets its clock wrong by *count* seconds, `storm` makes the network worse for
    everybody, `database` keeps every process from the database.
    """

    kind: str
    who: str = ""
    at: float
    seconds: float = 0.0
    count: int = 0
    waits: bool = False
    """It comes when *who* next commits, is given a job or starts a command."""

    def __str__(self) -> str:
        return f"{self.kind} {self.who} at {self.at:.1f} s{self.waits * ' or later'} for {self.seconds:.1f} s ({self.count})"


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks for at *at*: `stop`, `cancel`, `approve`, `reject` or `restart`, of the run *run*."""

    kind: str
    at: float
    run: int
    task: int = 0


class PlannedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is asked for at *at*."""

    at: float
    group: str
    plan: Plan


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One world."""

    seed: int
    runservices: int = 1
    schedulers: int = 1
    executors: tuple[int, ...] = (2,)
    """The slots of each."""
    noise: float = 0.0
    """How often messages are lost, repeated or late in quiet times, as a share."""
    runs: tuple[PlannedRun, ...] = ()
    deeds: tuple[Deed, ...] = ()
    faults: tuple[Fault, ...] = ()

    def processes(self) -> list[str]:
        """All that can fail."""
        return [
            *(f"runservice-{number}" for number in range(self.runservices)),
            *(f"scheduler-{number}" for number in range(self.schedulers)),
            *(f"executor-{number}" for number in range(len(self.executors))),
        ]

    def lines(self) -> Iterator[str]:
        """For people."""
        yield (
            f"{self.runservices} runservices, {self.schedulers} schedulers, executors with {self.executors} slots,"
            f" noise {self.noise:.3f}"
        )
        for number, run in enumerate(self.runs):
            yield f"run {number} at {run.at:.1f} s in {run.group}, {_shown(run.plan)}"
            yield from (f"  {_shown(task)}" for task in run.plan.tasks)
        yield from map(str, self.faults)
        yield from (
            f"{deed.kind} run {deed.run} (task {deed.task}) at {deed.at:.1f} s" for deed in self.deeds
        )


def _shown(struct: Any) -> str:
    """Only what is not as usual."""
    usual = type(struct)(name=struct.name)
    told = [
        f"{field}={getattr(struct, field)!r}"
        for field in struct.__struct_fields__
        if field not in ("name", "tasks", "runtime", "steps")
        and getattr(struct, field) != getattr(usual, field)
    ]
    steps = [f"{step.command!r}" for step in getattr(struct, "steps", ())]
    return " ".join([f"{type(struct).__name__} {struct.name}", *told, *steps])


#: Kinds of faults, as often as they are to come.
_KINDS = ("kill " * 4 + "leave pause pause cut cut half skew storm database crash crash").split()


def generate(seed: int) -> Scenario:
    """The world of a seed."""
    dice = random.Random(seed)
    scenario = Scenario(
        seed=seed,
        runservices=dice.choice([1, 1, 2]),
        schedulers=dice.choice([1, 1, 2]),
        executors=tuple(dice.randint(1, 2) for _ in range(dice.choice([1, 2, 2, 3]))),
        noise=dice.choice([0.0, 0.005, 0.02, 0.05]),
    )
    runs = tuple(_run(dice, number) for number in range(dice.randint(1, 4)))
    deeds = tuple(_deed(dice, runs) for _ in range(dice.choice([0, 0, 1, 2, 3])))
    faults = tuple(_fault(dice, scenario, runs) for _ in range(dice.choice([0, 1, 2, 3, 4, 6, 8])))
    return replace(scenario, runs=runs, deeds=deeds, faults=faults)


def _run(dice: random.Random, number: int) -> PlannedRun:
    tasks: list[PlanTask] = []
    for index in range(dice.choice([1, 1, 2, 3, 4])):
        parents = dice.sample(range(index), min(index, dice.choice([0, 1, 1, 2])))
        tasks.append(_task(dice, f"t{index}", [f"t{parent}" for parent in sorted(parents)]))
    contest = Concurrency(group="deploy", superseded=dice.choice(list(Superseded)))
    plan = Plan(
        name=f"run{number}",
        tasks=tuple(tasks),
        fail_fast=dice.random() < 0.2,
        timeout=dice.choice([None, None, None, 25.0]),
        concurrency=contest if dice.random() < 0.4 else None,
    )
    group = f"/project/p/branch/{dice.choice(['main', 'dev'])}"
    return PlannedRun(at=dice.uniform(0, TROUBLE / 2), group=group, plan=plan)


def _task(dice: random.Random, name: str, parents: list[str]) -> PlanTask:
    conditions = [("on_success",), ("on_success",), ("on_failure",), ("always",)]
    retry = Retry()
    if dice.random() < 0.5:
        on = tuple(on for on in RetryOn if dice.random() < 0.7) or (RetryOn.LOST,)
        retry = Retry(attempts=dice.randint(2, 3), on=on, backoff=dice.choice([0.0, 3.0]))
    is_approved = dice.random() < 0.15
    return PlanTask(
        name=name,
        runtime=Runtime(type="host"),
        environment={"TOKEN": FromVariable("token")} if dice.random() < 0.3 else {},
        depends=tuple(Depend(task=parent, conditions=dice.choice(conditions)) for parent in parents),
        steps=tuple(_step(dice, number) for number in range(dice.randint(1, 3))),
        ignore_failure=dice.random() < 0.1,
        approval=is_approved,
        approval_expires=dice.choice([None, 20.0]) if is_approved else None,
        timeout=dice.choice([None, None, None, 8.0]),
        skip=dice.random() < 0.05,
        retry=retry,
    )


def _step(dice: random.Random, number: int) -> RunStep:
    lines = [f"echo step {number}"]
    if dice.random() < 0.6:
        lines.append(f"lines {dice.randint(2, 6)} {dice.choice([0.1, 2, 10, 25])}")
    if dice.random() < 0.1:
        lines.append(f"flood {dice.choice([5_000, 40_000])}")
    if dice.random() < 0.1:
        lines.append("ignore-term")
    if dice.random() < 0.15:
        lines.append("exit 1")
    return RunStep(
        name=f"s{number}",
        command="\n".join(lines),
        tty=False,
        timeout=dice.choice([None, None, None, 5.0]),
        always=dice.random() < 0.1,
        ignore_failure=dice.random() < 0.1,
    )


def _deed(dice: random.Random, runs: tuple[PlannedRun, ...]) -> Deed:
    number = dice.randrange(len(runs))
    return Deed(
        kind=dice.choice(["stop", "cancel", "approve", "approve", "reject", "restart"]),
        at=runs[number].at + dice.uniform(0, 40),
        run=number,
        task=dice.randrange(len(runs[number].plan.tasks)),
    )


def _fault(dice: random.Random, scenario: Scenario, runs: tuple[PlannedRun, ...]) -> Fault:
    who = dice.choice(scenario.processes())
    kind = dice.choice(_KINDS)
    if kind == "crash":
        who = f"executor-{dice.randrange(len(scenario.executors))}"
    at = dice.uniform(0.5, TROUBLE)
    if dice.random() < 0.8:  # where something is going on
        at = min(TROUBLE, dice.choice(runs).at + dice.choice([0.2, 5, 30]) * dice.random())
    seconds = dice.choice([0.0, 0.5, 3, 12, 40, 80])
    count = dice.choice([0, 1, 3, 10, 40, 150]) + dice.randrange(10)
    if kind == "skew":
        count = dice.choice([-300, -20, 20, 300])
    waits = kind in ("kill", "pause", "cut", "crash") and dice.random() < 0.6
    return Fault(
        kind=kind, who=who, at=at, seconds=seconds * dice.uniform(0.8, 1.2), count=count, waits=waits
    )
