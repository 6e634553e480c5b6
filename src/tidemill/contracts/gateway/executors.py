"""Executors, an extension: which there are, how they are, and that they rest; for administrators."""

from collections.abc import AsyncIterator
from typing import Unpack

import msgspec

from tidemill.contracts.gateway.lists import ListQuery
from tidemill.contracts.gateway.runs import JSON_LINES, Time
from tidemill.kit.contract import Contract, Page, delete, get, post


class ExecutorResources(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """CPU in thousandths of a core, memory in bytes; what is not stated is left out."""

    cpu: int | None = None
    memory: int | None = None


class ExecutorResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An executor."""

    id: str
    name: str
    state: str
    """working, draining, drained (empty), pausing, paused (empty)."""
    online: bool
    jobs: int
    slots: int
    runtimes: tuple[str, ...]
    arch: str
    labels: dict[str, str]
    allow_privileged: bool
    resources: ExecutorResources
    """What it has for all of its jobs together."""
    used: ExecutorResources
    """What its jobs have asked for of these."""
    wanted_by: str
    """Who has had it drain, pause or resume, and why, and when."""
    wanted_reason: str
    wanted_time: Time | None
    seen_time: Time | None


class ExecutorActionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Why, for people."""

    reason: str = ""


class ExecutorRoutes(Contract):
    """Executors; *executorref* is an id, or a name that only one has."""

    @get("/executors")
    async def executors(self, **wanted: Unpack[ListQuery]) -> Page[ExecutorResponse]:
        """Extension: all executors by name; needs an administrator, as all routes of executors."""

    @get("/executors/{executorref}")
    async def executor(self, executorref: str) -> ExecutorResponse:
        """Extension: one of them; 404 `executorDoesNotExist`."""

    @get("/executors/{executorref}/follow", waits=True, media=JSON_LINES, tells=ExecutorResponse)
    async def follow_executor(self, executorref: str) -> AsyncIterator[bytes]:
        """Extension: the executor as JSON lines, now and after each change, until it is deleted."""

    @post("/executors/{executorref}/drain")
    async def drain_executor(self, executorref: str, request: ExecutorActionRequest) -> ExecutorResponse:
        """Extension: it finishes what it has and takes nothing new, until it is resumed."""

    @post("/executors/{executorref}/pause")
    async def pause_executor(self, executorref: str, request: ExecutorActionRequest) -> ExecutorResponse:
        """Extension: the same, but it is expected back: it is never forgotten, however long it is silent."""

    @post("/executors/{executorref}/resume")
    async def resume_executor(self, executorref: str, request: ExecutorActionRequest) -> ExecutorResponse:
        """Extension: it takes jobs again."""

    @delete("/executors/{executorref}")
    async def delete_executor(self, executorref: str) -> None:
        """Extension: forget a silent executor, its jobs are lost; 409 `executorIsOnline`."""
