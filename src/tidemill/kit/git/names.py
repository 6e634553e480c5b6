"""What may be given to git as the name of a ref, a commit or a file, so that it means nothing else."""

import re

#: Digits that a shortened hash must have.
SHORTEST_HASH = 7

_HASH = re.compile(rf"[0-9a-f]{{{SHORTEST_HASH},64}}", re.ASCII)
_NOT_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)")
_NOT_IN_PATH = re.compile(r"[\x00-\x1f\x7f]|//")


def is_hash(text: str) -> bool:
    """Whether *text* may be the hash of an object, whole or its beginning."""
    return _HASH.fullmatch(text) is not None


def is_whole_hash(text: str) -> bool:
    """Whether *text* may be the whole hash of an object."""
    return len(text) in (40, 64) and is_hash(text)


def is_ref(text: str) -> bool:
    """Whether *text* may be the full name of a ref, as `git check-ref-format` allows it."""
    return text.startswith("refs/") and not text.endswith(("/", ".")) and not _NOT_IN_REF.search(text)


def is_path(text: str) -> bool:
    """Whether *text* may be the path of a file inside a tree."""
    return (
        not text.startswith(("-", "/"))
        and not _NOT_IN_PATH.search(text)
        and all(part not in ("", ".", "..") for part in text.split("/"))
    )
