"""For which commit and ref a definition becomes plans, and on what occasion."""

from enum import StrEnum

import msgspec

from tidemill.core.refs import Ref


class Event(StrEnum):
    """What a run is made for."""

    PUSH = "push"
    """A branch or a tag was pushed."""
    PULL_REQUEST = "pull_request"
    MANUAL = "manual"
    """Somebody asked for it."""
    DIRECT = "direct"
    """Somebody sent their working tree."""


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What a `when` may ask about."""

    ref: Ref
    event: Event = Event.PUSH
    message: str = ""
    """The commit's message; with the skip mark in it no run is made."""
    changed_files: tuple[str, ...] | None = None
    """Paths that the push or pull request changes; None when that is not known."""


class Context(Occasion, frozen=True, kw_only=True):
    """All that a definition may depend on beside its own text."""

    commit_sha: str
    environment: dict[str, str] = {}
    """The static environment of the runs (core/environment)."""
    inputs: dict[str, str] = {}
    """What who started the run by hand has said, by name of the input."""
