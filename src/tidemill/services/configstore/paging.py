"""Pages of lists: one more is asked of the store than is shown, and tells that there is more."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tidemill.kit.contract import Page
from tidemill.kit.db import AnyRow

T = TypeVar("T")


def beyond(limit: int) -> int:
    """How many rows to ask for; 0 is all of them."""
    return limit and limit + 1


def page(rows: Sequence[AnyRow], limit: int, show: Callable[[AnyRow], T], key: Callable[[T], str]) -> Page[T]:
    """A page of at most *limit* of *rows*, which may hold one more; *key* is what the list is ordered by."""
    items = [show(row) for row in (rows[:limit] if limit else rows)]
    return Page(items=items, cursor=key(items[-1]) if limit and len(rows) > limit else "")
