"""The script of a command of nothing: what it would put out and how it would end, as a function of the time.

Each line is a word and what belongs to it: `echo TEXT`, `lines COUNT SECONDS` (so many numbered lines over
so long), `flood BYTES`, `sleep SECONDS`, `wait FILE` (until it exists), `mark FILE` (a line is added to it
when the command starts), `ignore-term`, `exit CODE`. Everything else, so any usual command, takes no time
and succeeds without a word.
"""

import os
from collections.abc import Iterator

import msgspec

_KILLED, _TERMINATED = 128 + 9, 128 + 15
_FLOOD = b"the quick brown fox jumps over the lazy dog 0123456789 and over again\n"


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it is kept on disk."""

    script: str
    started_at: float
    most: int | None = None
    stopped_at: float | None = None
    grace: float = 0.0

    def marks(self) -> Iterator[str]:
        """The files that are to know of its start."""
        return (rest for word, rest in _words(self.script) if word == "mark")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A command at a moment."""

    output: tuple[tuple[int, bytes], ...]
    """Blocks: a length, and what is repeated to fill it."""
    ended_at: float | None = None
    exit_code: int | None = None
    next_at: float | None = None
    """When it goes on by itself; None when it has ended or waits for a file."""

    @property
    def size(self) -> int:
        return sum(length for length, _ in self.output)

    def read(self, offset: int, limit: int) -> bytes:
        """A part of the output."""
        parts, start = [], 0
        for length, pattern in self.output:
            first, last = max(offset, start) - start, min(offset + limit, start + length) - start
            if first < last:
                skipped = first % len(pattern)
                wanted = last - first
                parts.append((pattern * ((skipped + wanted) // len(pattern) + 1))[skipped:][:wanted])
            start += length
        return b"".join(parts)


def state(command: Command, now: float) -> State:
    """How far a command is."""
    output: list[tuple[int, bytes]] = []
    at, end = command.started_at, _cut(command)
    for word, rest in _moves(command.script):
        match word:
            case "echo":
                text = rest.encode() + b"\n"
                output.append((len(text), text))
            case "flood":
                output.append((int(rest), _FLOOD))
            case "exit":
                return State(output=tuple(output), ended_at=at, exit_code=int(rest))
            case "sleep" | "wait":
                until = _opened_at(rest, at) if word == "wait" else at + float(rest)
                if end is not None and end[0] <= min(now, until or now):
                    return State(output=tuple(output), ended_at=end[0], exit_code=end[1])
                if until is None or until > now:
                    return State(output=tuple(output), next_at=_sooner(until, end and end[0]))
                at = until
    return State(output=tuple(output), ended_at=at, exit_code=0)


def _cut(command: Command) -> tuple[float, int] | None:
    """When it is ended by who stops it, and its exit code then."""
    if command.stopped_at is None:
        return None
    if any(word == "ignore-term" for word, _ in _words(command.script)):
        return command.stopped_at + command.grace, _KILLED
    return command.stopped_at, _TERMINATED


def _moves(script: str) -> Iterator[tuple[str, str]]:
    for word, rest in _words(script):
        if word != "lines":
            yield word, rest
            continue
        count, seconds = rest.split()
        for number in range(int(count)):
            yield "sleep", str(float(seconds) / int(count))
            yield "echo", f"line {number}"


def _words(script: str) -> Iterator[tuple[str, str]]:
    for line in script.splitlines():
        word, _, rest = line.strip().partition(" ")
        yield word, rest


def _opened_at(file: str, at: float) -> float | None:
    try:
        return max(at, os.stat(file).st_mtime)  # noqa: PTH116 - asked many times a second
    except FileNotFoundError:
        return None


def _sooner(*times: float | None) -> float | None:
    return min((time for time in times if time is not None), default=None)
