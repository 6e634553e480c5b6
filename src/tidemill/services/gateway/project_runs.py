"""The runs of projects, behind the permissions of their projects."""

from collections.abc import AsyncIterator

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.runs import (
    ProjectRunRoutes,
    RunActionsRequest,
    RunResponse,
    RunsResponse,
    RunTaskActionsRequest,
    RunTaskResponse,
)
from tidemill.core.permissions import Action
from tidemill.core.refs import project_group
from tidemill.kit.contract import Page
from tidemill.services.gateway.door import current_caller, thing
from tidemill.services.gateway.paging import runs_page
from tidemill.services.gateway.runs import LogPlace, Runs, log_step


class ProjectRuns(ProjectRunRoutes):
    """The runs of a project, for those who may see or change them."""

    def __init__(self, configstore: Configstore, runs: Runs) -> None:
        self._configstore = configstore
        self._runs = runs

    async def project_runs(  # noqa: PLR0913 - the reference's query parameters
        self,
        projectref: str,
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
        return await self._runs.listed(await self._group(projectref, Action.LIST_RUNS), wanted)

    async def project_run(self, projectref: str, runnumber: str) -> RunResponse:
        return await self._runs.shown(await self._group(projectref), runnumber)

    async def follow_project_run(self, projectref: str, runnumber: str) -> AsyncIterator[bytes]:
        return await self._runs.follow(await self._group(projectref), runnumber)

    async def project_run_action(
        self, projectref: str, runnumber: str, request: RunActionsRequest
    ) -> RunResponse:
        return await self._runs.act(await self._group(projectref, Action.ACT_ON_RUN), runnumber, request)

    async def project_run_task(self, projectref: str, runnumber: str, taskid: str) -> RunTaskResponse:
        return await self._runs.task(await self._group(projectref), runnumber, taskid)

    async def project_run_task_action(
        self, projectref: str, runnumber: str, taskid: str, request: RunTaskActionsRequest
    ) -> None:
        group = await self._group(projectref, Action.APPROVE_TASK)
        await self._runs.act_on_task(group, runnumber, taskid, request)

    async def project_run_log(  # noqa: PLR0913 - as declared
        self,
        projectref: str,
        runnumber: str,
        taskid: str,
        *,
        setup: str | None = None,
        step: str | None = None,
        follow: str | None = None,
        offset: int = 0,
    ) -> AsyncIterator[bytes]:
        number = log_step(setup, step)
        group = await self._group(projectref)
        log = LogPlace(taskid, number, offset)
        return await self._runs.log(group, runnumber, log, follow=follow is not None)

    async def _group(self, ref: str, action: Action = Action.VIEW_RUN) -> str:
        """The group of the project's runs, if the caller may do *action* to them."""
        project = await self._configstore.project(ref)
        current_caller().require(action, thing(project))
        return project_group(project.id)
