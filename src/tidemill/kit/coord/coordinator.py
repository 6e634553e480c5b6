"""What the processes of an installation agree on: keys, leases and watches.

Nothing durable lives here: all of it may be lost, and is rebuilt from the databases.
"""

from typing import Protocol

import msgspec

from tidemill.kit.coord.bells import Bells


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A key and its value; *revision* is that of its last change.

    No two changes share one, but those of the end of one lease may.
    """

    key: str
    value: bytes
    revision: int
    lease: str = ""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The entries under a prefix, by key, as they stood at *revision*: where a watch goes on."""

    entries: tuple[Entry, ...]
    revision: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A key was set, or is gone (*value* is None)."""

    key: str
    value: bytes | None
    revision: int


class Lease(msgspec.Struct, frozen=True):
    """Keys put under a lease vanish unless it is kept at least every *seconds*."""

    id: str
    seconds: float


class Watch(Protocol):
    """The changes under a prefix, each once and in order."""

    revision: int
    """Of the last change answered; a later watch may begin after it."""

    async def next(self, timeout: float = 15.0) -> list[Change]:  # noqa: ASYNC109 - a long poll
        """The changes since the last answer; waits for one, and answers none after *timeout* seconds.

        A change may take a moment to arrive after its commit. Raises Conflict (code `compacted`) when
        the history does not reach back: list again (`View` does).
        """
        ...

    def close(self) -> None:
        """Watch no more."""
        ...


class Coordinator(Protocol):
    """Implemented by `embedded` for one process and `etcd` for several; one suite says what both do.

    Every call has a deadline and raises Unavailable when the coordinator is away; whether a change was
    made is open then. Nothing has to be opened again when it is back.

    A *revision* given to `put` or `delete` makes it a compare-and-swap: the key must not have changed
    since, 0 means that it must not exist. A lost comparison is Conflict (code `revision`).
    """

    @property
    def bells(self) -> Bells:
        """What is rung here is heard by every process of the installation."""
        ...

    async def get(self, key: str) -> Entry | None:
        """The entry of *key*, None when there is none."""
        ...

    async def entries(self, prefix: str) -> Listing:
        """Every entry whose key begins with *prefix*."""
        ...

    async def put(
        self, key: str, value: bytes, *, revision: int | None = None, lease: Lease | None = None
    ) -> int:
        """Set *key* and its lease; answers its new revision.

        Conflict (code `leaseExpired`) when the lease is over.
        """
        ...

    async def delete(self, key: str, *, revision: int | None = None) -> bool:
        """Remove *key*; False when it was not there."""
        ...

    async def grant(self, seconds: float) -> Lease:
        """A new lease of *seconds*, or of a little more."""
        ...

    async def keep(self, lease: Lease) -> None:
        """Start the lease's time again. Conflict (code `leaseExpired`) when it is over."""
        ...

    async def revoke(self, lease: Lease) -> None:
        """End the lease now, and its keys with it."""
        ...

    def watch(self, prefix: str, after: int) -> Watch:
        """Every change under *prefix* that is younger than the revision *after*."""
        ...

    async def close(self) -> None:
        """Let go. Leases of this process are not kept any more."""
        ...
