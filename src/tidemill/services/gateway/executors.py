"""Executors, for administrators."""

from collections.abc import AsyncIterator
from typing import Unpack

import msgspec

from tidemill.contracts.audit import Audit, Deed, Subject
from tidemill.contracts.fleet import Executor, Fleet, Wanted, Wish
from tidemill.contracts.gateway.executors import (
    ExecutorActionRequest,
    ExecutorResources,
    ExecutorResponse,
    ExecutorRoutes,
)
from tidemill.contracts.gateway.lists import ListQuery
from tidemill.core.job import ExecutorId
from tidemill.core.permissions import Action
from tidemill.core.plan import Resources
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.contract import Page
from tidemill.kit.go_json import encode, go_time
from tidemill.kit.streams import closing
from tidemill.services.gateway.door import Door, current_caller
from tidemill.services.gateway.paging import page_size
from tidemill.services.gateway.watching import while_allowed

_executor = msgspec.json.Decoder(Executor)
_STATES = {
    Wanted.WORK: ("draining", "drained"),
    Wanted.DRAIN: ("draining", "drained"),
    Wanted.PAUSE: ("pausing", "paused"),
}
"""Of an executor that takes nothing new: with jobs, and without. Some drain by their own word."""


class Executors(ExecutorRoutes):
    """What the runservice knows of executors, as administrators see it."""

    def __init__(self, fleet: Fleet, audit: Audit, door: Door) -> None:
        self._fleet = fleet
        self._audit = audit
        self._door = door

    async def executors(self, **wanted: Unpack[ListQuery]) -> Page[ExecutorResponse]:
        _require()
        if wanted.get("sortdirection", "") not in ("", "asc"):
            raise BadRequest("executors are listed by name, ascending", code="invalidSortDirection")
        page = await self._fleet.executors_page(wanted.get("cursor", ""), page_size(wanted.get("limit", "")))
        return Page([_shown(one) for one in page.items], page.cursor)

    async def executor(self, executorref: str) -> ExecutorResponse:
        return _shown(await self._find(executorref))

    async def follow_executor(self, executorref: str) -> AsyncIterator[bytes]:
        found = await self._find(executorref)
        lines = await self._fleet.follow_executor(ExecutorId(found.id))

        async def ask() -> None:
            await self._door.look_again()
            _require()

        return while_allowed(_shown_lines(lines), ask)

    async def drain_executor(self, executorref: str, request: ExecutorActionRequest) -> ExecutorResponse:
        return await self._want(executorref, Wanted.DRAIN, request)

    async def pause_executor(self, executorref: str, request: ExecutorActionRequest) -> ExecutorResponse:
        return await self._want(executorref, Wanted.PAUSE, request)

    async def resume_executor(self, executorref: str, request: ExecutorActionRequest) -> ExecutorResponse:
        return await self._want(executorref, Wanted.WORK, request)

    async def delete_executor(self, executorref: str) -> None:
        found = await self._find(executorref)
        await self._note("executor.delete", found)
        await self._fleet.forget_executor(ExecutorId(found.id))

    async def _want(
        self, executorref: str, wanted: Wanted, request: ExecutorActionRequest
    ) -> ExecutorResponse:
        found = await self._find(executorref)
        await self._note(f"executor.{wanted.value}", found)
        wish = Wish(wanted=wanted, by=current_caller().name, why=request.reason)
        return _shown(await self._fleet.want(ExecutorId(found.id), wish))

    async def _note(self, action: str, executor: Executor) -> None:
        """Note what is about to be done; what cannot be noted is not done."""
        subject = Subject(kind="executor", id=executor.id, path=executor.name)
        await self._audit.record(Deed(action=action, subject=subject))

    async def _find(self, executorref: str) -> Executor:
        """By its id, else by its name; only for who may manage executors."""
        _require()
        try:
            return await self._fleet.executor(ExecutorId(executorref))
        except NotFound as error:
            if error.code != "executorDoesNotExist":
                raise
            named = [one for one in (await self._fleet.executors()).executors if one.name == executorref]
            if not named:
                raise
        if len(named) > 1:
            ids = ", ".join(one.id for one in named)
            raise BadRequest(f"several executors are called {executorref!r}; give an id: {ids}")
        return named[0]


def _require() -> None:
    current_caller().require(Action.MANAGE_EXECUTORS)


async def _shown_lines(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines of Executor as lines of ExecutorResponse, however they are cut into chunks."""
    rest = b""
    async with closing(lines):
        async for chunk in lines:
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield encode(_shown(_executor.decode(line))) + b"\n" if line else b"\n"


def _shown(executor: Executor) -> ExecutorResponse:
    busy, empty = _STATES[executor.wanted]
    resting = busy if executor.jobs else empty
    return ExecutorResponse(
        id=executor.id,
        name=executor.name,
        state=resting if executor.draining else "working",
        online=executor.online,
        jobs=executor.jobs,
        slots=executor.slots,
        runtimes=executor.runtimes,
        arch=executor.arch,
        labels=executor.labels,
        allow_privileged=executor.allow_privileged,
        resources=_resources(executor.resources),
        used=_resources(executor.used),
        wanted_by=executor.wanted_by,
        wanted_reason=executor.wanted_why,
        wanted_time=go_time(executor.wanted_at),
        seen_time=go_time(executor.seen_at),
    )


def _resources(resources: Resources) -> ExecutorResources:
    return ExecutorResources(cpu=resources.cpu, memory=resources.memory)
