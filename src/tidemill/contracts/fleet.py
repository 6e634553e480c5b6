"""What may be asked of the runservice about executors: which there are, and how they are."""

from datetime import datetime

import msgspec

from tidemill.kit.contract import Contract, get


class Executor(msgspec.Struct, frozen=True, kw_only=True):
    """An executor as the runservice knows it."""

    id: str
    name: str
    slots: int
    jobs: int
    runtimes: tuple[str, ...]
    arch: str
    labels: dict[str, str]
    draining: bool
    online: bool
    seen_at: datetime


class Executors(msgspec.Struct, frozen=True):
    """All executors known."""

    executors: tuple[Executor, ...]


class Fleet(Contract):
    """The executors of an installation."""

    @get("/executors")
    async def executors(self) -> Executors:
        """All executors, with their load and whether their lease holds."""
