"""How every list of the public API is asked for (reference, API 1.4)."""

from typing import TypedDict


class ListQuery(TypedDict, total=False):
    """Which page of a list, of what size, in which direction."""

    cursor: str
    """Where the page begins: the header `X-Agola-Cursor` of the page before."""
    limit: str
    """How many are wanted, 30 at most; without it 30."""
    sortdirection: str
    """`asc` or `desc`; not beside a cursor, which has its own."""
