"""Readiness: each part of this process is asked whether it can serve, and says why not."""

import asyncio
from collections.abc import Awaitable, Callable

import anyio

from tidemill.errors import Failure
from tidemill.kit.db import Database, Transaction

#: A part that takes longer to answer is not ready.
PATIENCE = 2.0

Question = Callable[[], Awaitable[object]]


class Readiness:
    """The parts of this process that can be away although the process lives."""

    def __init__(self) -> None:
        self._questions: dict[str, Question] = {}

    def add(self, part: str, question: Question) -> None:
        """Ask *question* about *part*: it raises a Failure, or takes too long, when the part is away."""
        self._questions[part] = question

    def add_database(self, part: str, database: Database) -> None:
        """*part* is ready when its database takes a transaction."""
        self.add(part, lambda: database.do(_nothing, timeout=PATIENCE))

    async def unready(self) -> dict[str, str]:
        """Why each part that cannot serve cannot; all are asked at once."""
        reasons: dict[str, str] = {}
        async with anyio.create_task_group() as group:
            for part, question in self._questions.items():
                group.start_soon(_ask, part, question, reasons)
        return dict(sorted(reasons.items()))


async def _ask(part: str, question: Question, reasons: dict[str, str]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await question()
    except Failure as error:
        reasons[part] = error.message
    except TimeoutError:
        reasons[part] = f"no answer within {PATIENCE:g} s"


async def _nothing(_: Transaction) -> None:
    """Even an empty transaction needs the file, its lock and its epoch."""
