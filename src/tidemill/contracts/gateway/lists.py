"""How every list of the public API is asked for (reference, API 1.4)."""

from typing import TypedDict


class ListQuery(TypedDict, total=False):
    """Which page of a list, of what size, in which direction."""

    cursor: str
    limit: str
    sortdirection: str
