"""The direct runs of users, behind their users' privacy."""

from collections.abc import AsyncIterator

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.runs import (
    RunActionsRequest,
    RunResponse,
    RunsResponse,
    RunTaskActionsRequest,
    RunTaskResponse,
    UserRunRoutes,
)
from tidemill.core.permissions import Action
from tidemill.core.refs import user_group
from tidemill.kit.contract import Page
from tidemill.services.gateway.door import current_caller, own
from tidemill.services.gateway.paging import runs_page
from tidemill.services.gateway.runs import LogPlace, Runs, log_step


class UserRuns(UserRunRoutes):
    """The direct runs of a user, which are nobody else's business."""

    def __init__(self, configstore: Configstore, runs: Runs) -> None:
        self._configstore = configstore
        self._runs = runs

    async def user_runs(  # noqa: PLR0913 - the reference's query parameters
        self,
        userref: str,
        *,
        cursor: str = "",
        limit: str = "",
        sortdirection: str = "",
        start: str = "",
        subgroup: str = "",
        phase: tuple[str, ...] = (),
        result: tuple[str, ...] = (),
    ) -> Page[RunsResponse]:
        wanted = runs_page(
            cursor=cursor,
            limit=limit,
            sortdirection=sortdirection,
            start=start,
            subgroup=subgroup,
            phase=phase,
            result=result,
        )
        return await self._runs.listed(await self._group(userref, Action.LIST_RUNS), wanted)

    async def user_run(self, userref: str, runnumber: str) -> RunResponse:
        return await self._runs.shown(await self._group(userref), runnumber)

    async def user_run_action(self, userref: str, runnumber: str, request: RunActionsRequest) -> RunResponse:
        return await self._runs.act(await self._group(userref, Action.ACT_ON_RUN), runnumber, request)

    async def user_run_task(self, userref: str, runnumber: str, taskid: str) -> RunTaskResponse:
        return await self._runs.task(await self._group(userref), runnumber, taskid)

    async def user_run_task_action(
        self, userref: str, runnumber: str, taskid: str, request: RunTaskActionsRequest
    ) -> None:
        group = await self._group(userref, Action.APPROVE_TASK)
        await self._runs.act_on_task(group, runnumber, taskid, request)

    async def user_run_log(  # noqa: PLR0913 - as declared
        self,
        userref: str,
        runnumber: str,
        taskid: str,
        *,
        setup: str | None = None,
        step: str | None = None,
        follow: str | None = None,
        offset: int = 0,
    ) -> AsyncIterator[bytes]:
        number = log_step(setup, step)
        group = await self._group(userref)
        log = LogPlace(taskid, number, offset)
        return await self._runs.log(group, runnumber, log, follow=follow is not None)

    async def _group(self, ref: str, action: Action = Action.VIEW_RUN) -> str:
        """The group of the user's runs, if the caller may do *action* to them."""
        user = await self._configstore.user(ref)
        current_caller().require(action, own(user))
        return user_group(user.id)
