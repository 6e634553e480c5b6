"""Worlds in which everything goes wrong: nothing is lost, nothing is done twice, everything ends."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def simulate(*arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """Worlds take over the process they are in, so they get one of their own."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def test_nothing_goes_wrong_in_two_hundred_worlds() -> None:
    """What did go wrong stands in the output, with the shortest history that was found."""
    done = simulate("--seeds", "200")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_a_seed_is_the_same_world_every_time() -> None:
    """Else nobody could look into what has failed."""
    first, second = simulate("--seed", "3"), simulate("--seed", "3")
    assert first.returncode == 0, first.stdout[-4000:] + first.stderr
    assert first.stdout == second.stdout
    assert "executes" in first.stdout


def test_a_fault_is_shown_in_a_small_world() -> None:
    """One that is put into the code for this: jobs that may have begun are given to another executor."""
    done = simulate("--seeds", "50", "--plant", "accepted-are-taken-back")
    assert done.returncode == 1, done.stderr
    first, *history = done.stdout.splitlines()
    assert "executed twice" in first
    assert len([line for line in history if line.startswith("run ")]) <= 2
    assert history[-1].startswith("the whole of it: make simulate SEED=")


@pytest.mark.heavy
def test_every_known_fault_is_found() -> None:
    """The simulation can fail, at each of the promises that it is there for."""
    done = simulate("--check", "--seeds", "1000", seconds=3000)
    assert done.returncode == 0, done.stdout + done.stderr
