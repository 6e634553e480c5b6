"""What is kept of runs, and its removal: runs, logs, caches. All but the removal of logs is an extension."""

from typing import Annotated, TypedDict, Unpack

import msgspec
from msgspec import Meta

from tidemill.contracts.gateway.lists import ListQuery
from tidemill.contracts.gateway.runs import Time
from tidemill.kit.contract import Contract, Page, delete, get, put


class CacheResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Files that tasks have kept for later runs."""

    id: str
    key: str
    scope: str
    """Who may read it: "" is every run, `pr/7` the runs of a pull request alone."""
    size: int
    sha256: str
    create_time: Time | None
    use_time: Time | None
    """When it was last restored, or saved; exact to an hour."""


class CachesRemovedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """How many there were."""

    removed: int


class StorageResponse(msgspec.Struct, frozen=True, kw_only=True):
    """How many bytes are kept, and how many may be; a quota of 0 is none."""

    caches: int
    """How many there are."""
    cache_bytes: int
    cache_quota: int
    artifact_bytes: int
    artifact_quota: int


class RetentionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how many runs are kept; null, or left out, is what the server's settings say."""

    run_days: Annotated[float, Meta(ge=0, le=36_500)] | None = None
    """Days for which a run is kept after its end; 0 is for ever."""
    runs_least: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None
    """The newest runs that stay however old they are."""
    runs_most: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None
    """The newest runs beyond which older ones go; 0 is any number."""


class RetentionResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force, and what of it is the project's own."""

    run_days: float
    runs_least: int
    runs_most: int
    own: RetentionRequest


class StepQuery(TypedDict, total=False):
    """Which log of a task is meant: exactly one of *setup* and *step*."""

    setup: str | None
    """A flag by presence."""
    step: str | None
    """The number of the step, from 0."""


class ProjectStorageRoutes(Contract):
    """What is kept of the runs of a project."""

    @delete("/projects/{projectref}/runs/{runnumber}", status=204)
    async def delete_project_run(self, projectref: str, runnumber: str) -> None:
        """Extension: remove a run that is over; 404 `runDoesNotExist`, 409 `runNotOver`."""

    @delete("/projects/{projectref}/runs/{runnumber}/tasks/{taskid}/logs", status=204)
    async def delete_project_run_log(
        self, projectref: str, runnumber: str, taskid: str, **wanted: Unpack[StepQuery]
    ) -> None:
        """Remove the log of a step, or of the setup; 400 while the task is not over."""

    @get("/projects/{projectref}/caches")
    async def project_caches(self, projectref: str, **wanted: Unpack[ListQuery]) -> Page[CacheResponse]:
        """Extension: by scope and key."""

    @delete("/projects/{projectref}/caches")
    async def delete_project_caches(self, projectref: str) -> CachesRemovedResponse:
        """Extension: remove all."""

    @delete("/projects/{projectref}/caches/{cacheid}", status=204)
    async def delete_project_cache(self, projectref: str, cacheid: str) -> None:
        """Extension: 404 `cacheDoesNotExist`."""

    @get("/projects/{projectref}/storage")
    async def project_storage(self, projectref: str) -> StorageResponse:
        """Extension: how much is kept."""

    @get("/projects/{projectref}/retention")
    async def project_retention(self, projectref: str) -> RetentionResponse:
        """Extension: how long and how many runs are kept, for who may list them."""

    @put("/projects/{projectref}/retention")
    async def set_project_retention(self, projectref: str, request: RetentionRequest) -> RetentionResponse:
        """Extension: keep runs otherwise than the server's settings say; for the owner."""


class UserStorageRoutes(Contract):
    """What is kept of the direct runs of a user."""

    @delete("/users/{userref}/runs/{runnumber}", status=204)
    async def delete_user_run(self, userref: str, runnumber: str) -> None:
        """Extension: as for projects."""

    @delete("/users/{userref}/runs/{runnumber}/tasks/{taskid}/logs", status=204)
    async def delete_user_run_log(
        self, userref: str, runnumber: str, taskid: str, **wanted: Unpack[StepQuery]
    ) -> None:
        """As for projects."""

    @get("/users/{userref}/caches")
    async def user_caches(self, userref: str, **wanted: Unpack[ListQuery]) -> Page[CacheResponse]:
        """Extension: as for projects."""

    @delete("/users/{userref}/caches")
    async def delete_user_caches(self, userref: str) -> CachesRemovedResponse:
        """Extension: as for projects."""

    @delete("/users/{userref}/caches/{cacheid}", status=204)
    async def delete_user_cache(self, userref: str, cacheid: str) -> None:
        """Extension: as for projects."""

    @get("/users/{userref}/storage")
    async def user_storage(self, userref: str) -> StorageResponse:
        """Extension: as for projects."""
