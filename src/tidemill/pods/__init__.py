"""Pods by driver: where a task's steps are executed, each a small life in four calls.

1. `Driver.prepare(spec)` makes a pod (a sandbox and its supervisor, containers, …) and answers when
   steps can be executed in it. What it has to tell goes to *say*, which ends in the setup log.
2. `Pod.start(exec)` starts a command, `Pod.follow(key)` tells how its output grows and how it ends.
   Output goes to a file first, so that nothing is lost while nobody follows.
   Beside the task's commands there are chores, `Pod.do(chore)`: what we do with a task's files, as the
   task would do it; they are followed and stopped as commands are, and `Pod.made(key)` reads what they make.
3. `Driver.adopt(pod_id)` finds a pod again after a restart of the executor; its commands went on.
4. `Pod.close()` kills everything in the pod and removes it; `Driver.leftovers()` names pods that
   still exist, for removal by `Driver.remove` when no live job owns them.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec

from tidemill.core.plan import Content


class PodSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A pod to prepare; *id* names it across restarts and is safe as a file name."""

    id: str
    working_dir: str
    """Created (with its parents) before the first step; `~` is the pod's home."""


class Exec(msgspec.Struct, frozen=True, kw_only=True):
    """A command for a pod. *key* names it within the pod, so that starting it twice starts it once."""

    key: str
    argv: tuple[str, ...]
    script: str | None = None
    """Written to a file in the pod whose path is appended to *argv*."""
    environment: dict[str, str] = {}
    working_dir: str = "~"
    """`~` and `~/…` are the pod's home."""
    tty: bool = False
    most: int | None = None
    """Bytes of output that are kept; what comes behind them is counted and thrown away."""


class Pack(msgspec.Struct, frozen=True, tag="pack", tag_field="do"):
    """Make an archive (a tar stream) of files."""

    contents: tuple[Content, ...]


class Unpack(msgspec.Struct, frozen=True, tag="unpack", tag_field="do"):
    """Unpack an archive below *dest_dir*; what exists is not replaced."""

    dest_dir: str


class Render(msgspec.Struct, frozen=True, tag="render", tag_field="do"):
    """Evaluate a key template (reference, run configuration 3.8)."""

    template: str


class Chore(msgspec.Struct, frozen=True, kw_only=True):
    """Work on a pod's files that is ours; *key* is as with a command, and from the same names."""

    key: str
    order: Pack | Unpack | Render
    environment: dict[str, str] = {}
    working_dir: str = "~"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a command is: bytes of output so far, and its end when it has ended."""

    size: int
    ended: bool = False
    exit_code: int | None = None
    """128 + n for a death by signal n; None while it runs and when it could not be started."""
    error: str = ""
    """Why it could not be started or its output not be stored, for people."""
    started_at: float | None = None
    """Seconds since the epoch."""
    ended_at: float | None = None
    left_out: int = 0
    """Bytes of output so far that were not kept, because there was too much of it."""


class Pod(Protocol):
    """One task's place."""

    id: str

    async def start(self, exec: Exec) -> None:
        """Start a command, once per key, also in an earlier life; raises `PodLost` when the pod is gone."""
        ...

    async def do(self, chore: Chore, archive: AsyncIterator[bytes] | None = None) -> None:
        """Start a chore, once per key as with commands; what it has to say is its output.

        *archive* is what there is to unpack; it is not asked for when a life before has got it already.
        What it raises is raised. Raises `PodLost`.
        """
        ...

    def made(self, key: str) -> AsyncIterator[bytes]:
        """What a chore that has ended well has made: an archive, or a text; raises `PodLost`."""
        ...

    def follow(self, key: str) -> AsyncIterator[Progress]:
        """Progress now and after each change, the last one with *ended*; raises `PodLost`."""
        ...

    async def read(self, key: str, offset: int, limit: int) -> bytes:
        """Output of a command from *offset* on, at most *limit* bytes; b"" at the end so far."""
        ...

    async def stop(self, key: str, grace: float) -> None:
        """TERM to the command's whole process tree, KILL after *grace* seconds; `follow` tells the end."""
        ...

    async def close(self) -> None:
        """Kill everything in the pod and remove it; doing it again is harmless."""
        ...


class Driver(Protocol):
    """A kind of pod."""

    runtimes: tuple[str, ...]
    """Which runtimes of a plan it serves: `host`, `pod`."""
    sandboxed: bool
    """Whether tasks are kept from what else is on the machine; known after `start`."""
    notice: str
    """One sentence about that, for the server's log and each setup log; known after `start`."""

    async def start(self) -> None:
        """Find out what works here; raises `errors.Internal` with what to do when nothing does."""
        ...

    async def prepare(self, spec: PodSpec, say: Callable[[str], None]) -> Pod:
        """Make a pod; raises `PodFailed` with a message for the task's setup log."""
        ...

    async def adopt(self, pod_id: str) -> Pod:
        """The pod of an earlier life of the executor; raises `PodLost` when it is gone.

        Where only what runs in it is gone, the pod may still tell what had ended by then, and its output.
        """
        ...

    async def leftovers(self) -> list[str]:
        """Ids of all pods of this executor that exist here, prepared-ahead ones excepted."""
        ...

    async def remove(self, pod_id: str) -> None:
        """Kill and remove a pod by id; doing it again is harmless."""
        ...

    async def close(self) -> None:
        """Let go of everything but pods with a task, which outlive the executor."""
        ...


class PodFailed(Exception):
    """A pod could not be made; the message is for the setup log."""


class PodLost(Exception):
    """The pod (or its supervisor) is gone; what ran in it is dead or beyond reach."""
