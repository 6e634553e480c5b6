"""What is kept of runs, and its removal, behind the permissions of who owns them."""

from typing import Unpack

from tidemill.contracts.audit import Audit, Deed, Subject
from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.lists import ListQuery
from tidemill.contracts.gateway.storage import (
    CacheResponse,
    CachesRemovedResponse,
    ProjectStorageRoutes,
    RetentionRequest,
    RetentionResponse,
    StepQuery,
    StorageResponse,
    UserStorageRoutes,
)
from tidemill.contracts.runservice import RunDetail, Runservice
from tidemill.contracts.storage import Cache, RunRule, RunRules, Storage
from tidemill.core.permissions import Action
from tidemill.core.run import Run
from tidemill.errors import BadRequest, Conflict, NotFound
from tidemill.kit.contract import Page
from tidemill.kit.go_json import go_time
from tidemill.services.gateway.owners import project_groups, user_groups
from tidemill.services.gateway.paging import page_size, run_number
from tidemill.services.gateway.runs import GroupOf, log_step, task_of

_DAY = 86_400.0


class Kept:
    """What is kept of an owner's runs."""

    def __init__(self, runservice: Runservice, storage: Storage, audit: Audit, group_of: GroupOf) -> None:
        self._runservice = runservice
        self._storage = storage
        self._audit = audit
        self._group_of = group_of

    async def delete_run(self, owner: str, number: str) -> None:
        """Remove a run that is over."""
        detail = await self._run(owner, number)
        await self._note("run.delete", detail.run)
        await self._storage.delete_run(detail.run.id)

    async def delete_log(self, owner: str, number: str, task_id: str, wanted: StepQuery) -> None:
        """Remove the log of a step; absence and haste have no code here, which is the reference's way."""
        step = log_step(wanted.get("setup"), wanted.get("step"))
        detail = await self._run(owner, number)
        task = task_of(detail.run, task_id)
        await self._note("log.delete", detail.run, task.name, "setup" if step is None else f"step {step}")
        try:
            await self._storage.delete_log(detail.run.id, task.id, step)
        except Conflict as error:
            raise BadRequest(error.message) from error
        except NotFound as error:
            raise NotFound(error.message) from error

    async def caches(self, owner: str, wanted: ListQuery) -> Page[CacheResponse]:
        """One page of caches."""
        if wanted.get("sortdirection", "") not in ("", "asc"):
            raise BadRequest("caches are listed by scope and key, ascending", code="invalidSortDirection")
        size = page_size(wanted.get("limit", ""))
        group = await self._group_of(owner, Action.LIST_RUNS)
        page = await self._storage.caches(group, wanted.get("cursor", ""), size)
        return Page([_shown(one, group) for one in page.items], page.cursor)

    async def delete_cache(self, owner: str, id: str) -> None:
        """Remove one cache."""
        await self._storage.delete_cache(id, await self._group_of(owner, Action.DELETE_KEPT))

    async def delete_caches(self, owner: str) -> CachesRemovedResponse:
        """Remove all caches."""
        removed = await self._storage.delete_caches(await self._group_of(owner, Action.DELETE_KEPT))
        return CachesRemovedResponse(removed=removed.count)

    async def usage(self, owner: str) -> StorageResponse:
        """How much is kept."""
        found = await self._storage.usage(await self._group_of(owner, Action.LIST_RUNS))
        return StorageResponse(
            caches=found.caches,
            cache_bytes=found.cache_bytes,
            cache_quota=found.cache_quota,
            artifact_bytes=found.artifact_bytes,
            artifact_quota=found.artifact_quota,
        )

    async def retention(self, owner: str) -> RetentionResponse:
        """How runs are kept."""
        return _kept(await self._storage.run_rule(await self._group_of(owner, Action.LIST_RUNS)))

    async def set_retention(self, owner: str, request: RetentionRequest) -> RetentionResponse:
        """Keep runs in another way."""
        group = await self._group_of(owner, Action.CHANGE_PROJECT)
        seconds = None if request.run_days is None else request.run_days * _DAY
        rule = RunRule(seconds=seconds, least=request.runs_least, most=request.runs_most)
        return _kept(await self._storage.set_run_rule(group, rule))

    async def _note(self, action: str, run: Run, *fields: str) -> None:
        """Note what is about to be removed; what cannot be noted is not removed."""
        _, kind, owner, *_ = run.group.split("/")
        subject = Subject(
            kind="run",
            id=run.id,
            path=f"{kind}/{owner}/runs/{run.number}",
            project=owner if kind == "project" else "",
            owner=owner if kind == "user" else "",
        )
        await self._audit.record(Deed(action=action, subject=subject, fields=fields))

    async def _run(self, owner: str, number: str) -> RunDetail:
        group = await self._group_of(owner, Action.DELETE_KEPT)
        return await self._runservice.numbered_run(run_number(number), group)


def _shown(cache: Cache, group: str) -> CacheResponse:
    return CacheResponse(
        id=cache.id,
        key=cache.key,
        scope=cache.group.removeprefix(group).removeprefix("/"),
        size=cache.size,
        sha256=cache.sha256,
        create_time=go_time(cache.created_at),
        use_time=go_time(cache.used_at),
    )


def _kept(rules: RunRules) -> RetentionResponse:
    own, now = rules.own, rules.in_force
    return RetentionResponse(
        run_days=(now.seconds or 0) / _DAY,
        runs_least=now.least or 0,
        runs_most=now.most or 0,
        own=RetentionRequest(
            run_days=None if own.seconds is None else own.seconds / _DAY,
            runs_least=own.least,
            runs_most=own.most,
        ),
    )


class ProjectStorage(ProjectStorageRoutes):
    """What is kept of the runs of projects."""

    def __init__(
        self, configstore: Configstore, runservice: Runservice, storage: Storage, audit: Audit
    ) -> None:
        self._kept = Kept(runservice, storage, audit, project_groups(configstore))

    async def delete_project_run(self, projectref: str, runnumber: str) -> None:
        await self._kept.delete_run(projectref, runnumber)

    async def delete_project_run_log(
        self, projectref: str, runnumber: str, taskid: str, **wanted: Unpack[StepQuery]
    ) -> None:
        await self._kept.delete_log(projectref, runnumber, taskid, wanted)

    async def project_caches(self, projectref: str, **wanted: Unpack[ListQuery]) -> Page[CacheResponse]:
        return await self._kept.caches(projectref, wanted)

    async def delete_project_caches(self, projectref: str) -> CachesRemovedResponse:
        return await self._kept.delete_caches(projectref)

    async def delete_project_cache(self, projectref: str, cacheid: str) -> None:
        await self._kept.delete_cache(projectref, cacheid)

    async def project_storage(self, projectref: str) -> StorageResponse:
        return await self._kept.usage(projectref)

    async def project_retention(self, projectref: str) -> RetentionResponse:
        return await self._kept.retention(projectref)

    async def set_project_retention(self, projectref: str, request: RetentionRequest) -> RetentionResponse:
        return await self._kept.set_retention(projectref, request)


class UserStorage(UserStorageRoutes):
    """What is kept of the direct runs of users."""

    def __init__(
        self, configstore: Configstore, runservice: Runservice, storage: Storage, audit: Audit
    ) -> None:
        self._kept = Kept(runservice, storage, audit, user_groups(configstore))

    async def delete_user_run(self, userref: str, runnumber: str) -> None:
        await self._kept.delete_run(userref, runnumber)

    async def delete_user_run_log(
        self, userref: str, runnumber: str, taskid: str, **wanted: Unpack[StepQuery]
    ) -> None:
        await self._kept.delete_log(userref, runnumber, taskid, wanted)

    async def user_caches(self, userref: str, **wanted: Unpack[ListQuery]) -> Page[CacheResponse]:
        return await self._kept.caches(userref, wanted)

    async def delete_user_caches(self, userref: str) -> CachesRemovedResponse:
        return await self._kept.delete_caches(userref)

    async def delete_user_cache(self, userref: str, cacheid: str) -> None:
        await self._kept.delete_cache(userref, cacheid)

    async def user_storage(self, userref: str) -> StorageResponse:
        return await self._kept.usage(userref)
