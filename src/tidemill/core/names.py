"""Names and paths: which are valid, and how a reference is told apart (reference, API 1.2 and 1.3)."""

import re
from typing import Literal

import msgspec

from tidemill.errors import BadRequest

_NAME = re.compile(r"[a-zA-Z0-9]|[a-zA-Z](?:-?[a-zA-Z0-9])+", re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", re.ASCII | re.IGNORECASE)
_LONGEST = 40

#: What a name must be, for messages to people.
NAME_RULE = (
    f"a name has 1 to {_LONGEST} letters, digits and single dashes, begins with a letter and ends with a"
    " letter or digit"
)


class OwnedPath(msgspec.Struct, frozen=True, kw_only=True):
    """A path taken apart: whose it is, then the names below the owner's root group."""

    kind: Literal["user", "org"]
    owner: str
    """The name of the user or organization whose root group it begins with."""
    names: tuple[str, ...]


_KINDS: dict[str, Literal["user", "org"]] = {"user": "user", "org": "org"}


def is_id(text: str) -> bool:
    """Whether *text* has the form of an id (a UUID, also without its dashes)."""
    return _ID.fullmatch(text) is not None


def is_valid_name(text: str) -> bool:
    """Whether *text* may name a user, a project or a group: nothing that could be taken for an id."""
    return len(text) <= _LONGEST and _NAME.fullmatch(text) is not None and not is_id(text)


def is_path(reference: str) -> bool:
    """Whether a reference to a project or group is a path; without a slash it is an id."""
    return "/" in reference


def parse_path(path: str, *, least: int) -> OwnedPath:
    """Take *path* apart; it needs *least* elements: two name a root group, three a project.

    Raises BadRequest `invalidPath` for what cannot be a path.
    """
    kind, *names = path.split("/")
    owner = _KINDS.get(kind)
    if owner is None or len(names) + 1 < least:
        raise BadRequest(
            f"{path!r} is not a path: expected user/<user name>/… or org/<organization name>/…",
            code="invalidPath",
        )
    return OwnedPath(kind=owner, owner=names[0], names=tuple(names[1:]))
