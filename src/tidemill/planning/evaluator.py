"""The child process that evaluates configurations: a program of its own, with limits, without secrets.

It answers one frame on stdout for each frame on stdin and ends with its input. What takes too long or
too much memory costs this process only; the planner starts another.
"""

import contextlib
import resource
import signal
import sys
from typing import BinaryIO

import msgspec

from tidemill.planning.evaluate import evaluate
from tidemill.planning.frames import HEADER, Limits, Question, frame, length
from tidemill.planning.planned import Planned, Problem

_OPEN_FILES = 16


def main() -> None:
    """Serve stdin until it ends; the limits come as the last argument."""
    limits = msgspec.json.decode(sys.argv[-1], type=Limits)
    _confine(limits)
    serve(sys.stdin.buffer, sys.stdout.buffer, limits)


def serve(questions: BinaryIO, answers: BinaryIO, limits: Limits) -> None:
    """Answer each question; a first, empty frame says that all is loaded."""
    answers.write(frame(b""))
    answers.flush()
    while len(header := questions.read(HEADER)) == HEADER:
        question = msgspec.msgpack.decode(questions.read(length(header)), type=Question)
        signal.setitimer(signal.ITIMER_REAL, limits.seconds)  # its signal ends the process
        answer = _answer(question, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(frame(answer))
        answers.flush()


def _answer(question: Question, limits: Limits) -> bytes:
    answer = None
    with contextlib.suppress(MemoryError):
        answer = msgspec.msgpack.encode(evaluate(question.file, question.raw, question.context))
    if answer is None:  # said only here, where what filled the memory is gone
        return _refuse(question, f"evaluating it needs more than {limits.memory} bytes of memory")
    if len(answer) > limits.answer:
        return _refuse(question, f"its plans have {len(answer)} bytes; at most {limits.answer} are allowed")
    return answer


def _refuse(question: Question, message: str) -> bytes:
    problem = Problem(path=question.file, message=message)
    return msgspec.msgpack.encode(Planned(file=question.file, problems=(problem,)))


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
