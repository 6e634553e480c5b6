"""How long what the runservice keeps is kept, and how much of it."""

from typing import Annotated

import msgspec
from msgspec import Meta

#: Up to a hundred years, in seconds.
Seconds = Annotated[float, Meta(ge=0, le=3_153_600_000)]
_DAY = 86_400.0


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes by itself. 0 means that nothing does, but for `workspaces`."""

    runs: Seconds = 365 * _DAY
    """Seconds for which a run is kept after its end, with all that belongs to it; 365 days."""
    runs_least: Annotated[int, Meta(ge=0)] = 100
    """The newest runs of each project (or user) that stay however old they are."""
    runs_most: Annotated[int, Meta(ge=0)] = 0
    """The newest runs of each project (or user) beyond which older ones go."""
    logs: Seconds = 0.0
    """Seconds for which logs are kept, where that is shorter than for their run."""
    workspaces: Seconds = 7 * _DAY
    """Seconds for which workspaces are kept after the end of the last run that has their task; 7 days."""
    caches: Seconds = 28 * _DAY
    """Seconds for which a cache is kept after its last use; 28 days."""
    cache_quota: Annotated[int, Meta(ge=0)] = 10 << 30
    """Bytes that the caches of a project may have; those used least recently go first. 10 GiB."""
    artifact_quota: Annotated[int, Meta(ge=0)] = 0
    """Bytes that the artifacts of a project may have; a step that would keep more fails."""
    events: Seconds = 7 * _DAY
    """Seconds for which the feed of events can be read again; 7 days."""
    keys: Seconds = 30 * _DAY
    """Seconds for which runs asked for with the same idempotency key are not made again; 30 days."""
