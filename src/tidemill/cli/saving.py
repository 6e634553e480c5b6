"""What is downloaded becomes a file: whole, or not at all."""

import hashlib
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread

from tidemill.errors import Internal


async def save(content: AsyncIterator[bytes], to: str, *, sha256: str = "") -> None:
    """Write *content* to a file, or to stdout for `-`; Internal when its *sha256* is another.

    Under the name it is seen when it is complete: what was there stays until then. A device or a pipe
    is written to as it comes.
    """
    if to == "-":
        _check(await copy(content, sys.stdout.buffer), sha256, to)
        return
    path = await to_thread.run_sync(Path(to).resolve)
    if await to_thread.run_sync(_is_special, path):
        with await to_thread.run_sync(_opened, path) as file:
            _check(await copy(content, file), sha256, to)
        return
    with _aside(path) as (file, aside):
        _check(await copy(content, file), sha256, to)
        file.close()
        aside.replace(path)


async def copy(content: AsyncIterator[bytes], file: BinaryIO) -> str:
    """Write *content* to *file*; its SHA-256."""
    digest = hashlib.sha256()
    async for chunk in content:
        digest.update(chunk)
        file.write(chunk)
    file.flush()
    return digest.hexdigest()


@contextmanager
def _aside(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file beside *path*; it is gone afterwards, unless it was given another name."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory: name a file")
    aside = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        with aside.open("xb") as file:
            if path.exists():
                aside.chmod(path.stat().st_mode & 0o777)
            yield file, aside
    finally:
        aside.unlink(missing_ok=True)


def _opened(path: Path) -> BinaryIO:
    return path.open("wb")


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def _check(found: str, sha256: str, to: str) -> None:
    if sha256 and found != sha256:
        raise Internal(f"{to} is damaged: its SHA-256 is another than was recorded")
