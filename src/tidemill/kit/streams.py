"""Streams, closed by whoever stops reading them, so that what they come from ends too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


async def close(stream: AsyncIterator[T]) -> None:
    """Let go of whatever *stream* comes from; every carrier's can be closed, and so can a generator."""
    aclose = getattr(stream, "aclose", None)
    if aclose is not None:
        await aclose()


@asynccontextmanager
async def closing(stream: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close *stream* at the end of the block, wherever its reader has stopped."""
    try:
        yield stream
    finally:
        await close(stream)
