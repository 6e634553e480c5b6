"""The runs of projects, behind the permissions of their projects."""

from collections.abc import AsyncIterator
from typing import Unpack

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.runs import (
    ProjectRunRoutes,
    RunActionsRequest,
    RunExplanationResponse,
    RunResponse,
    RunsQuery,
    RunsResponse,
    RunTaskActionsRequest,
    RunTaskResponse,
)
from tidemill.contracts.runservice import Runservice
from tidemill.kit.contract import Page
from tidemill.services.gateway.door import Door
from tidemill.services.gateway.owners import project_groups
from tidemill.services.gateway.runs import Runs


class ProjectRuns(ProjectRunRoutes):
    """The runs of a project, for those who may see or change them."""

    def __init__(self, configstore: Configstore, runservice: Runservice, door: Door) -> None:
        self._runs = Runs(runservice, door, project_groups(configstore))

    async def project_runs(self, projectref: str, **wanted: Unpack[RunsQuery]) -> Page[RunsResponse]:
        return await self._runs.listed(projectref, wanted)

    async def project_run(self, projectref: str, runnumber: str) -> RunResponse:
        return await self._runs.shown(projectref, runnumber)

    async def follow_project_run(self, projectref: str, runnumber: str) -> AsyncIterator[bytes]:
        return await self._runs.follow(projectref, runnumber)

    async def explain_project_run(self, projectref: str, runnumber: str) -> RunExplanationResponse:
        return await self._runs.explained(projectref, runnumber)

    async def project_run_action(
        self, projectref: str, runnumber: str, request: RunActionsRequest
    ) -> RunResponse:
        return await self._runs.act(projectref, runnumber, request)

    async def project_run_task(self, projectref: str, runnumber: str, taskid: str) -> RunTaskResponse:
        return await self._runs.task(projectref, runnumber, taskid)

    async def project_run_task_action(
        self, projectref: str, runnumber: str, taskid: str, request: RunTaskActionsRequest
    ) -> None:
        await self._runs.act_on_task(projectref, runnumber, taskid, request)
