"""Artifacts of runs, behind the permission to see the run."""

from collections.abc import AsyncIterator
from typing import Unpack

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.artifacts import ArtifactResponse, ProjectArtifactRoutes, UserArtifactRoutes
from tidemill.contracts.gateway.lists import ListQuery
from tidemill.contracts.runservice import RunDetail, Runservice
from tidemill.core.permissions import Action
from tidemill.core.run import TaskId
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.contract import Download, Page
from tidemill.kit.go_json import go_time
from tidemill.services.gateway.door import Door
from tidemill.services.gateway.downloads import download, saved
from tidemill.services.gateway.owners import project_groups, user_groups
from tidemill.services.gateway.paging import page_size, run_number
from tidemill.services.gateway.runs import GroupOf
from tidemill.services.gateway.watching import while_allowed


class Artifacts:
    """What can be asked of the artifacts of an owner's runs."""

    def __init__(self, runservice: Runservice, door: Door, group_of: GroupOf) -> None:
        self._runservice = runservice
        self._door = door
        self._group_of = group_of

    async def listed(self, owner: str, number: str, wanted: ListQuery) -> Page[ArtifactResponse]:
        """One page of what a run has kept."""
        if wanted.get("sortdirection", "") not in ("", "asc"):
            raise BadRequest("artifacts are listed by task and path, ascending", code="invalidSortDirection")
        size = page_size(wanted.get("limit", ""))
        run = (await self._one(owner, number)).run
        page = await self._runservice.artifacts(run.id, wanted.get("cursor", ""), size)
        names = {task.id: task.name for task in run.tasks}
        shown = [
            ArtifactResponse(
                task_id=one.task,
                task_name=names.get(one.task, ""),
                step=one.step,
                path=one.path,
                size=one.size,
                sha256=one.sha256,
                create_time=go_time(one.created_at),
                expire_time=go_time(one.expires_at),
            )
            for one in page.items
        ]
        return Page(shown, page.cursor)

    async def bundle(self, owner: str, number: str, format: str, task_id: str) -> Download:
        """All of them in one archive."""
        detail = await self._one(owner, number)
        if task_id:
            _check_task(detail, task_id)
        chunks = await self._runservice.artifact_bundle(detail.run.id, format, task_id)
        return saved(self._while_allowed(chunks, owner), f"artifacts-{detail.run.number}.{format}")

    async def one(self, owner: str, number: str, task_id: str, path: str, start: int) -> Download:
        """The content of one, or a part of it."""
        detail = await self._one(owner, number)
        run, task = detail.run.id, _check_task(detail, task_id)
        artifact = await self._runservice.artifact(run, task, path)

        async def content(first: int, end: int) -> AsyncIterator[bytes]:
            chunks = await self._runservice.read_artifact(run, task, path, artifact.sha256, first, end)
            return self._while_allowed(chunks, owner)

        return await download(artifact, start, content)

    async def _one(self, owner: str, number: str) -> RunDetail:
        group = await self._group_of(owner, Action.VIEW_RUN)
        return await self._runservice.numbered_run(run_number(number), group)

    def _while_allowed(self, chunks: AsyncIterator[bytes], owner: str) -> AsyncIterator[bytes]:
        async def ask() -> None:
            await self._door.look_again()
            await self._group_of(owner, Action.VIEW_RUN)

        return while_allowed(chunks, ask)


def _check_task(detail: RunDetail, task_id: str) -> TaskId:
    for task in detail.run.tasks:
        if task.id == task_id:
            return task.id
    raise NotFound(f"run {detail.run.number} has no task {task_id!r}", code="taskDoesNotExist")


class ProjectArtifacts(ProjectArtifactRoutes):
    """Artifacts of the runs of projects."""

    def __init__(self, configstore: Configstore, runservice: Runservice, door: Door) -> None:
        self._artifacts = Artifacts(runservice, door, project_groups(configstore))

    async def project_run_artifacts(
        self, projectref: str, runnumber: str, **wanted: Unpack[ListQuery]
    ) -> Page[ArtifactResponse]:
        return await self._artifacts.listed(projectref, runnumber, wanted)

    async def project_run_artifacts_tar(
        self, projectref: str, runnumber: str, taskid: str = ""
    ) -> AsyncIterator[bytes]:
        return await self._artifacts.bundle(projectref, runnumber, "tar", taskid)

    async def project_run_artifacts_zip(
        self, projectref: str, runnumber: str, taskid: str = ""
    ) -> AsyncIterator[bytes]:
        return await self._artifacts.bundle(projectref, runnumber, "zip", taskid)

    async def project_run_artifact(
        self, projectref: str, runnumber: str, taskid: str, path: str, start: int = 0
    ) -> AsyncIterator[bytes]:
        return await self._artifacts.one(projectref, runnumber, taskid, path, start)


class UserArtifacts(UserArtifactRoutes):
    """Artifacts of the direct runs of users."""

    def __init__(self, configstore: Configstore, runservice: Runservice, door: Door) -> None:
        self._artifacts = Artifacts(runservice, door, user_groups(configstore))

    async def user_run_artifacts(
        self, userref: str, runnumber: str, **wanted: Unpack[ListQuery]
    ) -> Page[ArtifactResponse]:
        return await self._artifacts.listed(userref, runnumber, wanted)

    async def user_run_artifacts_tar(
        self, userref: str, runnumber: str, taskid: str = ""
    ) -> AsyncIterator[bytes]:
        return await self._artifacts.bundle(userref, runnumber, "tar", taskid)

    async def user_run_artifacts_zip(
        self, userref: str, runnumber: str, taskid: str = ""
    ) -> AsyncIterator[bytes]:
        return await self._artifacts.bundle(userref, runnumber, "zip", taskid)

    async def user_run_artifact(
        self, userref: str, runnumber: str, taskid: str, path: str, start: int = 0
    ) -> AsyncIterator[bytes]:
        return await self._artifacts.one(userref, runnumber, taskid, path, start)
