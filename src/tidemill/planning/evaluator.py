"""The child process that evaluates configurations: a program of its own, with limits, without secrets.

It answers one question after the other, asks for files meanwhile, and ends with its input. What takes
too long or too much memory costs this process only; the planner starts another.
"""

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec
import re2  # noqa: F401 - the core would read it when the first pattern comes, and that takes time

from tidemill.kit.formats.document import NotReadable
from tidemill.planning.evaluate import evaluate
from tidemill.planning.frames import (
    HEADER,
    Answered,
    ChangesGiven,
    ChangesWanted,
    FilesGiven,
    FilesWanted,
    Limits,
    Question,
    frame,
    length,
)
from tidemill.planning.planned import Planned, Problem

_OPEN_FILES = 16
_STATUS = Path("/proc/self/status")
#: Seconds of the alarm when hardly any are left; 0 would switch it off.
_LEAST = 0.001

_T = TypeVar("_T")


def main() -> None:
    """Serve stdin until it ends; the limits come as the last argument."""
    limits = msgspec.json.decode(sys.argv[-1], type=Limits)
    _confine(limits)
    Evaluator(sys.stdin.buffer, sys.stdout.buffer, limits).serve()


class Evaluator:
    """The child's side of the conversation; for an evaluation it is the commit's repository."""

    def __init__(self, heard: BinaryIO, said: BinaryIO, limits: Limits) -> None:
        self._heard = heard
        self._said = said
        self._limits = limits

    def serve(self) -> None:
        """Answer each question; a first, empty frame says that all is loaded."""
        self._send(b"")
        most = (_most_memory() + self._limits.memory) // 2
        while (body := self._receive()) is not None:
            question = msgspec.msgpack.decode(body, type=Question)
            signal.setitimer(signal.ITIMER_REAL, self._limits.seconds)  # its signal ends the process
            answer = self._answer(question)
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._send(answer)
            if _most_memory() > most:
                return  # it may not give all of it back, and the next one would have less

    def files(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Those of the commit's files that exist; raises NotReadable when they are too many or too large."""
        given = self._ask(FilesWanted(tuple(paths)), FilesGiven)
        if given.refusal:
            raise NotReadable(given.refusal)
        return given.files

    def changed(self) -> tuple[str, ...] | None:
        """The changed files, if they are known."""
        return self._ask(ChangesWanted(), ChangesGiven).paths

    def _ask(self, wish: Any, answer: type[_T]) -> _T:
        """Ask the planner; the alarm stands still meanwhile."""
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        self._send(msgspec.msgpack.encode(wish))
        body = self._receive()
        if body is None:
            os._exit(0)  # the planner is gone
        signal.setitimer(signal.ITIMER_REAL, max(left, _LEAST))
        return msgspec.msgpack.decode(body, type=answer)

    def _answer(self, question: Question) -> bytes:
        answer = None
        with contextlib.suppress(MemoryError), _silence():
            answer = msgspec.msgpack.encode(Answered(evaluate(question, self)))
        if answer is None:  # said only here, where what filled the memory is gone
            return _refuse(question, f"evaluating it needs more than {self._limits.memory} bytes of memory")
        if len(answer) > self._limits.answer:
            return _refuse(
                question, f"its plans have {len(answer)} bytes; at most {self._limits.answer} are allowed"
            )
        return answer

    def _send(self, body: bytes) -> None:
        self._said.write(frame(body))
        self._said.flush()

    def _receive(self) -> bytes | None:
        header = self._heard.read(HEADER)
        return self._heard.read(length(header)) if len(header) == HEADER else None


def _refuse(question: Question, message: str) -> bytes:
    problem = Problem(path=question.file, message=message)
    return msgspec.msgpack.encode(Answered(Planned(file=question.file, problems=(problem,))))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Let what evaluators print of their own go nowhere: a full pipe would stop them."""
    kept = os.dup(sys.stderr.fileno())
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stderr.fileno())
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, sys.stderr.fileno())
        os.close(kept)


def _most_memory() -> int:
    """Bytes of address space that this process has ever had."""
    try:
        status = _STATUS.read_text()
    except OSError:
        return 0  # not Linux
    return int(status.partition("VmPeak:")[2].split(maxsplit=1)[0]) * 1024


def _confine(limits: Limits) -> None:
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        _, hard = resource.getrlimit(kind)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (wanted, wanted))


if __name__ == "__main__":
    main()
