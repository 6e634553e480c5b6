"""Artifacts of runs, an extension: files that steps have kept for people."""

from collections.abc import AsyncIterator
from typing import Unpack

import msgspec

from tidemill.contracts.gateway.lists import ListQuery
from tidemill.contracts.gateway.runs import Time
from tidemill.kit.contract import Contract, Page, get

TAR = "application/x-tar"
ZIP = "application/zip"


class ArtifactResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is kept."""

    task_id: str
    task_name: str
    step: int
    """Which step of the task has kept it, from 0."""
    path: str
    size: int
    sha256: str
    create_time: Time | None
    expire_time: Time | None


class ProjectArtifactRoutes(Contract):
    """Artifacts of the runs of a project."""

    @get("/projects/{projectref}/runs/{runnumber}/artifacts")
    async def project_run_artifacts(
        self, projectref: str, runnumber: str, **wanted: Unpack[ListQuery]
    ) -> Page[ArtifactResponse]:
        """Extension: what is kept of a run, by task, path and step; 404 `runDoesNotExist`."""

    @get("/projects/{projectref}/runs/{runnumber}/artifacts.tar", media=TAR)
    async def project_run_artifacts_tar(
        self, projectref: str, runnumber: str, taskid: str = ""
    ) -> AsyncIterator[bytes]:
        """Extension: all of them as a tar archive, a directory for each task; or those of one task alone."""

    @get("/projects/{projectref}/runs/{runnumber}/artifacts.zip", media=ZIP)
    async def project_run_artifacts_zip(
        self, projectref: str, runnumber: str, taskid: str = ""
    ) -> AsyncIterator[bytes]:
        """Extension: the same as a zip archive."""

    @get("/projects/{projectref}/runs/{runnumber}/tasks/{taskid}/artifacts/{path}", heads=True)
    async def project_run_artifact(
        self, projectref: str, runnumber: str, taskid: str, path: str, start: int = 0
    ) -> AsyncIterator[bytes]:
        """Extension: one file, its path as one escaped segment; 404 `artifactDoesNotExist`.

        Range, If-Range and If-None-Match are understood; its ETag is its SHA-256.
        """


class UserArtifactRoutes(Contract):
    """Artifacts of the direct runs of a user."""

    @get("/users/{userref}/runs/{runnumber}/artifacts")
    async def user_run_artifacts(
        self, userref: str, runnumber: str, **wanted: Unpack[ListQuery]
    ) -> Page[ArtifactResponse]:
        """Extension: as for projects."""

    @get("/users/{userref}/runs/{runnumber}/artifacts.tar", media=TAR)
    async def user_run_artifacts_tar(
        self, userref: str, runnumber: str, taskid: str = ""
    ) -> AsyncIterator[bytes]:
        """Extension: as for projects."""

    @get("/users/{userref}/runs/{runnumber}/artifacts.zip", media=ZIP)
    async def user_run_artifacts_zip(
        self, userref: str, runnumber: str, taskid: str = ""
    ) -> AsyncIterator[bytes]:
        """Extension: as for projects."""

    @get("/users/{userref}/runs/{runnumber}/tasks/{taskid}/artifacts/{path}", heads=True)
    async def user_run_artifact(
        self, userref: str, runnumber: str, taskid: str, path: str, start: int = 0
    ) -> AsyncIterator[bytes]:
        """Extension: as for projects."""
