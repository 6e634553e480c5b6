"""What the gitserver asks of the gateway: may this caller, and a push happened."""

from datetime import datetime

import msgspec

from tidemill.kit.contract import Contract, post


class AccessRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Someone wants at a repository."""

    path: str
    """The project's path, such as `user/alice/hello`, without `.git`."""
    write: bool
    username: str = ""
    password: str = ""
    """A user token, or a clone token of a job."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Leave to read or write the repository of a project."""

    project: str
    """The project's id, which names the repository on disk."""
    pusher: str = ""
    """The user's id; "" where nobody is known."""


class RefUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One ref that a push moved; an all-zero hash is "none"."""

    ref: str
    old: str
    new: str


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted push. *id* is the idempotency key: it may be told more than once."""

    id: str
    project: str
    pusher: str
    updates: tuple[RefUpdate, ...]
    received_at: datetime
    """When its refs had been moved; where nobody saw that, when it began."""
    wait: float = 0
    """Seconds to wait for the runs' numbers."""


class PushedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a push made, for the pusher's eyes."""

    number: int
    name: str
    ref: str
    url: str
    setup_error: str = ""


class PushOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a push as far as it is known in the time given."""

    is_complete: bool
    runs: tuple[PushedRun, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for the pusher: why no run was made, what is still being worked on."""


class Pushes(Contract):
    """The gateway's side of git hosting."""

    @post("/pushes/access")
    async def access(self, request: AccessRequest) -> Access:
        """Whether the caller may; 401 asks for credentials, 403 refuses, 404 `projectDoesNotExist`."""

    @post("/pushes", waits=True)
    async def pushed(self, push: Push) -> PushOutcome:
        """Record a push durably (once per id), then wait up to *wait* seconds for its runs."""
