"""What the planner and its child say to each other: frames of msgpack, each after its length."""

import msgspec

from tidemill.core.context import Context
from tidemill.planning.planned import Planned

#: Bytes of the length before each frame.
HEADER = 4


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What evaluating one configuration may cost."""

    seconds: float = 5.0
    """Of the child's own time: it stands still while files are fetched."""
    memory: int = 256 * 1024 * 1024
    """Bytes of address space of the child."""
    answer: int = 8 * 1024 * 1024
    """Bytes of all plans together."""
    files: int = 100
    """Files that a configuration may include, import and load."""
    contents: int = 8 * 1024 * 1024
    """Bytes of those files together."""
    patience: float = 30.0
    """Seconds that files may take to come."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration to evaluate."""

    file: str
    raw: bytes
    context: Context
    strict: bool = False
    """Warnings are errors."""


class FilesWanted(msgspec.Struct, frozen=True, tag="files"):
    """The child asks for files of the same commit."""

    paths: tuple[str, ...]


class ChangesWanted(msgspec.Struct, frozen=True, tag="changes"):
    """The child asks which files the push changes."""


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """What came of the question; with it the child is ready for the next one."""

    planned: Planned


class FilesGiven(msgspec.Struct, frozen=True, kw_only=True):
    """Those of the files that exist, or why they cannot be had."""

    files: dict[str, bytes] = {}
    refusal: str = ""


class ChangesGiven(msgspec.Struct, frozen=True, kw_only=True):
    """The changed files; None when they are not known."""

    paths: tuple[str, ...] | None = None


#: What the child may say.
Said = FilesWanted | ChangesWanted | Answered


def frame(body: bytes) -> bytes:
    """*body* with its length before it."""
    return len(body).to_bytes(HEADER, "big") + body


def length(header: bytes) -> int:
    """How many bytes follow *header*."""
    return int.from_bytes(header, "big")
