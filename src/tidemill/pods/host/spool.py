"""Archives on their way into a pod and out of it: files beside the pod, so that they survive the executor."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

from anyio import to_thread

BLOCK = 1 << 20


async def fill(path: Path, chunks: AsyncIterator[bytes]) -> None:
    """Write *chunks* to *path*, where they are seen whole or not at all."""
    aside = path.with_suffix(".part")
    file = await to_thread.run_sync(os.open, aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        async for chunk in chunks:
            await to_thread.run_sync(_write, file, chunk)
    finally:
        os.close(file)
    aside.rename(path)


async def drain(path: Path) -> AsyncIterator[bytes]:
    """What stands in a file."""
    file = os.open(path, os.O_RDONLY)
    try:
        while block := await to_thread.run_sync(os.read, file, BLOCK):
            yield block
    finally:
        os.close(file)


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
