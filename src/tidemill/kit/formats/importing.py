"""Names of files that a file imports: relative to it, always inside the repository."""

import re
from collections.abc import Callable

from tidemill.kit.formats.document import NotReadable

Load = Callable[[str], bytes]
"""Gives the contents of a file by its path from the root; raises NotReadable."""

_LONGEST = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def resolve(wanted: str, *, folder: str = "") -> str:
    """The path from the root of what a file in *folder* calls *wanted*; NotReadable if there can be none."""
    if _CONTROL.search(wanted) or not wanted or len(wanted) > _LONGEST:
        raise NotReadable(f"{wanted[:100]!r} cannot be the path of a file")
    if wanted.startswith("/"):
        raise NotReadable(
            f"{wanted!r} is an absolute path: only files of the repository can be used, by relative paths"
        )
    parts: list[str] = []
    for part in f"{folder}/{wanted}".split("/"):
        if part == ".." and not parts:
            raise NotReadable(f"{wanted!r} leads out of the repository: only files of it can be used")
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if not parts or parts[0].startswith("-"):
        raise NotReadable(f"{wanted!r} is not a file")
    return "/".join(parts)
