"""The cases of a fuzz by their numbers: the same seed and number make the same case again."""

from collections.abc import Iterator, Sequence
from functools import cache
from random import Random
from typing import NamedTuple

from tests.fuzz.corpus import Commit, corpus
from tests.fuzz.making import BATCH, batch, written
from tests.fuzz.mutating import TOKENS, hostile, mutated

#: Of twenty cases: how many are bytes of YAML changed, data made, programs changed (which cost more).
_ROUND = (*["data"] * 6, *["yaml"] * 12, "jsonnet", "starlark")
_DATA_IN_ROUND = _ROUND.count("data")
_HOSTILE = 100
"""One case of so many is made to hurt."""
_LARGE = 300
"""Bytes of a configuration that holds more than the one thing which a vector shows."""
_ENDINGS = {"yaml": ("yml", "json"), "jsonnet": ("jsonnet",), "starlark": ("star",)}


class Case(NamedTuple):
    """A commit to plan."""

    number: int
    kind: str
    file: str
    files: dict[str, bytes]


def cases(seed: int, count: int, first: int = 0) -> Iterator[Case]:
    """*count* cases from the *first* on."""
    for number in range(first, first + count):
        yield case(seed, number)


def case(seed: int, number: int) -> Case:
    """One case."""
    random = Random(f"{seed}/{number}")
    if number % _HOSTILE == _HOSTILE - 1:
        ending, raw = hostile(random)
        file = f".tidemill/config.{ending}"
        return Case(number, "hostile", file, {file: raw})
    turn, place = divmod(number, len(_ROUND))
    kind = _ROUND[place]
    if kind == "data":
        return _made(seed, number, turn * _DATA_IN_ROUND + place, random)
    return _changed(number, kind, random)


def _made(seed: int, number: int, index: int, random: Random) -> Case:
    made = batch(seed * 1_000_003 + index // BATCH)
    as_json = random.random() < 0.5
    raw = written(made[index % BATCH % len(made)], as_json=as_json)
    file = f"{random.choice(('.tidemill', '.agola'))}/config.{'json' if as_json else 'yml'}"
    return Case(number, "data", file, {file: raw, "ci/checks.yml": b"runs: [{name: checks}]"})


def _changed(number: int, kind: str, random: Random) -> Case:
    """Bytes of the configuration are changed, or those of a file that it reads."""
    commits = _of_language(kind)
    large = [commit for commit in commits if len(commit.raw) > _LARGE]
    commit = random.choice(large if random.random() < 0.6 else commits)
    target = commit.file
    if commit.beside and random.random() < 0.3:
        target = random.choice(sorted(commit.beside))
    tokens = TOKENS.get(target.rpartition(".")[2], TOKENS["yml"])
    others = [other.raw for other in commits]
    raw = mutated(random, commit.files[target], others, tokens)
    return Case(number, kind, commit.file, commit.files | {target: raw})


@cache
def _of_language(kind: str) -> Sequence[Commit]:
    return [commit for commit in corpus() if commit.language in _ENDINGS[kind]]
