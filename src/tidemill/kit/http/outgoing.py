"""Headers of the answer that is being made, from wherever in its making they are known."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Headers = list[tuple[bytes, bytes]]

_headers: ContextVar[Headers | None] = ContextVar("outgoing headers", default=None)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def answer_with(name: str, value: str) -> None:
    """Send this header too with the answer to the request that is being served, whatever becomes of it.

    Outside of any request it goes nowhere.
    """
    if _CONTROL.search(value):
        raise ValueError(f"the header {name} holds a control character")
    headers = _headers.get()
    if headers is not None:
        headers.append((name.encode(), value.encode("latin-1")))


@contextmanager
def answering(headers: Headers) -> Iterator[None]:
    """Collect in *headers* what `answer_with` is given; for the app."""
    token = _headers.set(headers)
    try:
        yield
    finally:
        _headers.reset(token)
