"""For which commit and ref a definition becomes plans."""

import msgspec

from tidemill.core.refs import Ref


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """All that a definition may depend on beside its own text."""

    ref: Ref
    commit_sha: str
    message: str = ""
    """The commit's message; with the skip mark in it no run is made."""
    environment: dict[str, str] = {}
    """The static environment of the runs (core/environment)."""
