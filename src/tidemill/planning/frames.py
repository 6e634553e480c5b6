"""What the planner and its child say to each other: frames of msgpack, each after its length."""

import msgspec

from tidemill.core.context import Context

#: Bytes of the length before each frame.
HEADER = 4


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration to evaluate."""

    file: str
    raw: bytes
    context: Context


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What evaluating one configuration may cost."""

    seconds: float = 5.0
    memory: int = 256 * 1024 * 1024
    """Bytes of address space of the child."""
    answer: int = 8 * 1024 * 1024
    """Bytes of all plans together."""


def frame(body: bytes) -> bytes:
    """*body* with its length before it."""
    return len(body).to_bytes(HEADER, "big") + body


def length(header: bytes) -> int:
    """How many bytes follow *header*."""
    return int.from_bytes(header, "big")
