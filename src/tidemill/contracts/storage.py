"""What may be asked of the runservice about what it keeps: how much that is, and that it be removed."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from tidemill.core.run import RunId, TaskId
from tidemill.kit.contract import Contract, Page, PageLimit, delete, get, put


class Cache(msgspec.Struct, frozen=True, kw_only=True):
    """Files that tasks have kept for later runs."""

    id: str
    group: str
    """Where it was saved: the counter group, or a group below it that keeps its caches to itself."""
    key: str
    size: int
    sha256: str
    created_at: datetime
    used_at: datetime
    """Exact to an hour."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept for the runs of a counter group. A quota of 0 is none."""

    caches: int
    cache_bytes: int
    cache_quota: int
    artifact_bytes: int
    artifact_quota: int


class RunRule(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how many runs a counter group keeps; None is what the settings say."""

    seconds: Annotated[float, Meta(ge=0, le=3_153_600_000)] | None = None
    """After their end; 0 is for ever."""
    least: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None
    """The newest that stay however old they are."""
    most: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None
    """The newest beyond which older ones go; 0 is any number."""


class RunRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rule of a counter group and what is in force."""

    own: RunRule
    in_force: RunRule


class Removed(msgspec.Struct, frozen=True):
    """How many there were."""

    count: int


class Storage(Contract):
    """What the runservice keeps."""

    @delete("/runs/{id}")
    async def delete_run(self, id: RunId) -> None:
        """Remove a run that is over, with all that no other run shares with it.

        404 `runDoesNotExist`; 409 `runNotOver`. Its number is never given again.
        """

    @delete("/runs/{id}/tasks/{task}/logs/{step}")
    async def delete_log(self, id: RunId, task: TaskId, step: int) -> None:
        """Remove the log of a step (-1 is the setup) of a task that is over, of all attempts.

        404 `runDoesNotExist`, `taskDoesNotExist`, `logDoesNotExist` (also when it was removed before);
        409 `taskNotOver`. Runs that share the task share its logs.
        """

    @get("/caches")
    async def caches(self, group: str, cursor: str = "", limit: PageLimit = 100) -> Page[Cache]:
        """The caches of a counter group, by where they were saved and by key."""

    @delete("/caches/{id}")
    async def delete_cache(self, id: str, group: str) -> None:
        """Remove a cache of a counter group; 404 `cacheDoesNotExist`."""

    @delete("/caches")
    async def delete_caches(self, group: str) -> Removed:
        """Remove all caches of a counter group."""

    @get("/usage")
    async def usage(self, group: str) -> Usage:
        """How much is kept for the runs of a counter group."""

    @get("/run-rule")
    async def run_rule(self, group: str) -> RunRules:
        """How long and how many runs a counter group keeps."""

    @put("/run-rule")
    async def set_run_rule(self, group: str, rule: RunRule) -> RunRules:
        """Let a counter group keep runs by a rule of its own; what the rule leaves out is as settings say."""

    @delete("/groups")
    async def delete_group(self, group: str) -> None:
        """Remove a counter group that nobody will use again: its runs as they end, then everything else."""
