"""`make simulate`: worlds by their seeds; of the first that goes wrong, the shortest history that was found."""

import argparse
import os
import sys
import time

from tests.simulation.planted import PLANTED, plant
from tests.simulation.running import Runner
from tests.simulation.scenario import Scenario, generate
from tests.simulation.shrinking import shrink
from tests.simulation.world import Outcome

#: The order of sets of names is a part of what happens.
_HASH_SEED = "0"


def main() -> int:
    """Play the worlds that the command line asks for; 1 when something in one of them must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first")
    parser.add_argument("--seed", type=int, default=None, help="only this one, with its history")
    parser.add_argument("--plant", choices=sorted(PLANTED), default=None, help="with a fault that is known")
    parser.add_argument("--check", action="store_true", help="see that every known fault is found")
    parser.add_argument("--whole", action="store_true", help="do not look for a smaller world that fails too")
    asked = parser.parse_args()
    if asked.check:
        return _check(asked.first, asked.seeds)
    runner = Runner(None if asked.plant is None else lambda: plant(asked.plant))
    try:
        if asked.seed is not None:
            return _one(runner, asked.seed, whole=asked.whole)
        return _many(runner, asked.first, asked.seeds, whole=asked.whole)
    finally:
        runner.close()


def _check(first: int, count: int) -> int:
    """How many worlds it takes to find each known fault; 1 when one of them is not found."""
    missed = 0
    for name, fault in sorted(PLANTED.items()):
        runner = Runner(fault)
        try:
            found = next(
                (
                    (seed, outcome)
                    for seed in range(first, first + count)
                    if (outcome := runner.play(generate(seed))).what
                ),
                None,
            )
        finally:
            runner.close()
        missed += found is None
        told = "NOT FOUND" if found is None else f"seed {found[0]}: {found[1].details.splitlines()[0][:100]}"
        print(f"{name:28} {runner.count:4} worlds  {told}", flush=True)
    return 1 if missed else 0


def _one(runner: Runner, seed: int, *, whole: bool) -> int:
    scenario = generate(seed)
    outcome = runner.play(scenario, told=True)
    if outcome.what and not whole:
        return _failed(runner, scenario, outcome, whole=False)
    _show(scenario, outcome)
    return 1 if outcome.what else 0


def _many(runner: Runner, first: int, count: int, *, whole: bool) -> int:
    began = time.monotonic()
    commits = executions = calls = 0
    simulated = 0.0
    for seed in range(first, first + count):
        scenario = generate(seed)
        outcome = runner.play(scenario)
        if outcome.what:
            return _failed(runner, scenario, outcome, whole=whole)
        commits, executions = commits + outcome.commits, executions + outcome.executions
        calls, simulated = calls + outcome.calls, simulated + outcome.seconds
    seconds = time.monotonic() - began
    print(
        f"{count} seeds from {first}: {count / seconds:.1f} a second; of each {commits / count:.0f} commits,"
        f" {calls / count:.0f} calls, {executions / count:.1f} executions, {simulated / count:.0f} simulated seconds"
    )
    return 0


def _failed(runner: Runner, scenario: Scenario, outcome: Outcome, *, whole: bool) -> int:
    print(f"seed {scenario.seed}: {outcome.details}", flush=True)
    smallest = scenario
    if not whole:
        smallest = shrink(scenario, lambda smaller: runner.play(smaller).what == outcome.what)
    _show(smallest, runner.play(smallest, told=True))
    print(f"the whole of it: make simulate SEED={scenario.seed}")
    return 1


def _show(scenario: Scenario, outcome: Outcome) -> None:
    print("\n".join(scenario.lines()))
    print("\n".join(outcome.lines))
    print(outcome.details or f"nothing is wrong ({outcome.digest})")


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != _HASH_SEED:
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(command[0], command, os.environ | {"PYTHONHASHSEED": _HASH_SEED})
    sys.exit(main())
