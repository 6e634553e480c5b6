"""The direct runs of users, behind their users' privacy."""

from collections.abc import AsyncIterator
from typing import Unpack

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.runs import (
    RunActionsRequest,
    RunExplanationResponse,
    RunResponse,
    RunsQuery,
    RunsResponse,
    RunTaskActionsRequest,
    RunTaskResponse,
    UserRunRoutes,
)
from tidemill.contracts.runservice import Runservice
from tidemill.kit.contract import Page
from tidemill.services.gateway.door import Door
from tidemill.services.gateway.owners import user_groups
from tidemill.services.gateway.runs import Runs


class UserRuns(UserRunRoutes):
    """The direct runs of a user, which are nobody else's business."""

    def __init__(self, configstore: Configstore, runservice: Runservice, door: Door) -> None:
        self._runs = Runs(runservice, door, user_groups(configstore))

    async def user_runs(self, userref: str, **wanted: Unpack[RunsQuery]) -> Page[RunsResponse]:
        return await self._runs.listed(userref, wanted)

    async def user_run(self, userref: str, runnumber: str) -> RunResponse:
        return await self._runs.shown(userref, runnumber)

    async def follow_user_run(self, userref: str, runnumber: str) -> AsyncIterator[bytes]:
        return await self._runs.follow(userref, runnumber)

    async def explain_user_run(self, userref: str, runnumber: str) -> RunExplanationResponse:
        return await self._runs.explained(userref, runnumber)

    async def user_run_action(self, userref: str, runnumber: str, request: RunActionsRequest) -> RunResponse:
        return await self._runs.act(userref, runnumber, request)

    async def user_run_task(self, userref: str, runnumber: str, taskid: str) -> RunTaskResponse:
        return await self._runs.task(userref, runnumber, taskid)

    async def user_run_task_action(
        self, userref: str, runnumber: str, taskid: str, request: RunTaskActionsRequest
    ) -> None:
        await self._runs.act_on_task(userref, runnumber, taskid, request)
