"""What may be asked of the runservice about executors: which there are, how they are, and that they rest."""

from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum

import msgspec

from tidemill.core.job import ExecutorId
from tidemill.core.plan import Resources
from tidemill.kit.contract import Contract, Page, PageLimit, delete, get, post


class Wanted(StrEnum):
    """What people want of an executor."""

    WORK = "work"
    DRAIN = "drain"
    """Finish what it has and take nothing new, for good."""
    PAUSE = "pause"
    """The same for a while: it is expected back, and never forgotten."""


class Executor(msgspec.Struct, frozen=True, kw_only=True):
    """An executor as the runservice knows it."""

    id: str
    name: str
    slots: int
    jobs: int
    runtimes: tuple[str, ...]
    arch: str
    labels: dict[str, str]
    allow_privileged: bool = False
    resources: Resources = Resources()
    """What it has for all of its jobs together; None is not stated."""
    used: Resources = Resources(cpu=0, memory=0)
    """What its jobs have asked for of these."""
    draining: bool
    """It takes nothing new, by its own word or because people want it so."""
    wanted: Wanted = Wanted.WORK
    wanted_by: str = ""
    wanted_why: str = ""
    wanted_at: datetime | None = None
    online: bool
    seen_at: datetime


class Executors(msgspec.Struct, frozen=True):
    """All executors known."""

    executors: tuple[Executor, ...]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What an executor shall do from now on, who wants that, and why."""

    wanted: Wanted
    by: str = ""
    why: str = ""


class Fleet(Contract):
    """The executors of an installation."""

    @get("/executors")
    async def executors(self) -> Executors:
        """All executors by name, with their load and whether their lease holds."""

    @get("/executors/page")
    async def executors_page(self, cursor: str = "", limit: PageLimit = 100) -> Page[Executor]:
        """One page of them."""

    @get("/executors/{id}")
    async def executor(self, id: ExecutorId) -> Executor:
        """One of them; 404 `executorDoesNotExist`."""

    @get("/executors/{id}/follow")
    async def follow_executor(self, id: ExecutorId) -> AsyncIterator[bytes]:
        """The executor as a line of JSON, now and after each change, and an empty line now and then.

        404 `executorDoesNotExist`; the stream ends when it is deleted.
        """

    @post("/executors/{id}/wanted")
    async def want(self, id: ExecutorId, wish: Wish) -> Executor:
        """Have an executor drain, pause or work again; durable, and the same twice is no change.

        404 `executorDoesNotExist`.
        """

    @delete("/executors/{id}")
    async def forget_executor(self, id: ExecutorId) -> None:
        """Forget a silent executor; its jobs are lost first.

        404 `executorDoesNotExist`; 409 `executorIsOnline`.
        """
