"""Runs of the public API, whoever they belong to, behind the permissions of who owns them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import msgspec

from tidemill.contracts.gateway.runs import (
    RunActionsRequest,
    RunExplanationResponse,
    RunResponse,
    RunsQuery,
    RunsResponse,
    RunTaskActionsRequest,
    RunTaskResponse,
)
from tidemill.contracts.runservice import Restart, RunDetail, RunQuery, Runservice
from tidemill.core.permissions import Action
from tidemill.core.plan import Plan
from tidemill.core.run import Phase, Result, Run, RunTask
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.contract import Page
from tidemill.kit.go_json import encode
from tidemill.kit.streams import closing
from tidemill.services.gateway.door import Door, current_caller
from tidemill.services.gateway.paging import run_number, runs_page
from tidemill.services.gateway.showing import listed_run, shown_run, shown_task
from tidemill.services.gateway.watching import while_allowed

E = TypeVar("E", Phase, Result)

_SETUP = -1
_LONGEST_REASON = 500
_decode_run = msgspec.json.Decoder(Run).decode


#: The group of the runs that the owner with this reference has, if the caller may do the action to them.
GroupOf = Callable[[str, Action], Awaitable[str]]


class Runs:
    """What can be asked of the runs of an owner; the permission for each action is asked for here."""

    def __init__(self, runservice: Runservice, door: Door, group_of: GroupOf) -> None:
        self._runservice = runservice
        self._door = door
        self._group_of = group_of

    async def listed(self, owner: str, wanted: RunsQuery) -> Page[RunsResponse]:
        """One page of runs."""
        page = runs_page(wanted)
        group = await self._group_of(owner, Action.LIST_RUNS)
        phases, results = _known(page.phases, Phase), _known(page.results, Result)
        if phases is None or results is None:
            return Page([])
        found = await self._runservice.runs(
            RunQuery(
                group=f"{group}/{page.subgroup}" if page.subgroup else group,
                phases=phases,
                results=results,
                after=page.after,
                ascending=page.ascending,
                limit=page.limit,
            )
        )
        cursor = page.cursor(found.items[-1].number) if found.cursor else ""
        return Page([listed_run(run) for run in found.items], cursor)

    async def shown(self, owner: str, number: str) -> RunResponse:
        """The run with this number."""
        detail = await self._one(owner, number, Action.VIEW_RUN)
        return shown_run(detail.run, detail.plan)

    async def follow(self, owner: str, number: str) -> AsyncIterator[bytes]:
        """The run as JSON lines, now and after each change, until it ends."""
        detail = await self._one(owner, number, Action.VIEW_RUN)
        lines = await self._runservice.follow_run(detail.run.id)
        return self._while_allowed(_shown_lines(lines, detail.plan), owner)

    async def explained(self, owner: str, number: str) -> RunExplanationResponse:
        """Why the run and what is in it are as they are."""
        detail = await self._one(owner, number, Action.VIEW_RUN)
        explanation = await self._runservice.explain_run(detail.run.id)
        return msgspec.convert(msgspec.to_builtins(explanation), RunExplanationResponse)

    async def act(self, owner: str, number: str, request: RunActionsRequest) -> RunResponse:
        """Restart, cancel or stop; who asks stands in the reason."""
        detail = await self._one(owner, number, Action.ACT_ON_RUN)
        _check_length(request.reason)
        if request.tasks and request.action_type != "restart":
            raise BadRequest("tasks are chosen for a restart only")
        match request.action_type:
            case "restart":
                how = Restart(from_start=request.from_start, tasks=request.tasks)
                new = await self._runservice.restart_run(detail.run.id, how)
                return shown_run(new, (await self._runservice.run(new.id)).plan)
            case "cancel":
                await self._runservice.cancel_run(detail.run.id, _told("cancelled", request.reason))
            case "stop":
                await self._runservice.stop_run(detail.run.id, _told("stopped", request.reason))
            case other:
                raise BadRequest(f"action_type {other!r} is none of restart, cancel, stop")
        return shown_run(detail.run, detail.plan)

    async def task(self, owner: str, number: str, task_id: str) -> RunTaskResponse:
        """One task of a run."""
        detail = await self._one(owner, number, Action.VIEW_RUN)
        return shown_task(task_of(detail.run, task_id), detail)

    async def act_on_task(
        self, owner: str, number: str, task_id: str, request: RunTaskActionsRequest
    ) -> None:
        """Approve a task, or reject it."""
        detail = await self._one(owner, number, Action.APPROVE_TASK)
        if request.action_type not in ("approve", "reject"):
            raise BadRequest(f"action_type {request.action_type!r} is none of approve, reject")
        _check_length(request.reason)
        task = next((task for task in detail.run.tasks if task.id == task_id), None)
        if task is None or detail.plan is None:
            raise BadRequest(f"run {number} has no task {task_id!r}")
        if not detail.plan.task(task.name).approval:
            raise BadRequest(f"task {task.name!r} needs no approval")
        if request.action_type == "approve":
            approver = current_caller().actor.user_id
            await self._runservice.approve_task(detail.run.id, task.id, approver)
            return
        await self._runservice.reject_task(detail.run.id, task.id, _told("rejected", request.reason))

    def _while_allowed(self, chunks: AsyncIterator[bytes], owner: str) -> AsyncIterator[bytes]:
        async def ask() -> None:
            await self._door.look_again()
            await self._group_of(owner, Action.VIEW_RUN)

        return while_allowed(chunks, ask)

    async def _one(self, owner: str, number: str, action: Action) -> RunDetail:
        """The run with this number, if the caller may do *action* to it."""
        group = await self._group_of(owner, action)
        return await self._runservice.numbered_run(run_number(number), group)


def log_step(setup: str | None, step: str | None) -> int:
    """Which log is wanted: of the setup, or of a step."""
    if (setup is None) == (step is None):
        raise BadRequest("give exactly one of setup and step")
    if step is None:
        return _SETUP
    if not step.isdecimal() or not step.isascii() or len(step) > 9:
        raise BadRequest(f"{step!r} is not the number of a step", code="invalidRunTaskStepNumber")
    return int(step)


def task_of(run: Run, task_id: str) -> RunTask:
    """The task with this id; NotFound, without a code that clients know."""
    for task in run.tasks:
        if task.id == task_id:
            return task
    raise NotFound(f"run {run.number} has no task {task_id!r}")


def _told(done: str, reason: str) -> str:
    """What was done by whom, and why where that was given."""
    return ": ".join(filter(None, [f"{done} by {current_caller().name}", reason]))


def _check_length(reason: str) -> None:
    if len(reason) > _LONGEST_REASON:
        raise BadRequest(f"the reason is longer than {_LONGEST_REASON} characters")


def _known(texts: tuple[str, ...], kind: type[E]) -> tuple[str, ...] | None:
    """Those of *texts* that are in the enumeration; None when only others are given, which match nothing."""
    known = tuple(text for text in texts if text in list(kind))
    return None if texts and not known else known


async def _shown_lines(lines: AsyncIterator[bytes], plan: Plan | None) -> AsyncIterator[bytes]:
    """Lines of Run as lines of RunResponse, however they are cut into chunks."""
    rest = b""
    async with closing(lines):
        async for chunk in lines:
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield encode(shown_run(_decode_run(line), plan)) + b"\n" if line else b"\n"
