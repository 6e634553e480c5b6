"""The object store: bytes written once under their final name, streamed in constant memory.

Local files (`file:///path`) or whatever obstore reaches (`s3://bucket/prefix`, `gs://`, `az://`). What
is put is durable when the call returns, and is seen either whole or not at all.
"""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import obstore
from anyio import to_thread
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from tidemill.errors import BadRequest, NotFound, Unavailable
from tidemill.kit.objects.failing import failures, first_line
from tidemill.kit.objects.files import STAGING, prepare, put_bytes, put_stream

if TYPE_CHECKING:
    from obstore.store import ClientConfig

_NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_LONGEST_NAME = 512
_BLOCK = 256 * 1024
#: An address without TLS is used where the environment gives one.
_CLIENT: "ClientConfig" = {
    "timeout": timedelta(seconds=300),
    "connect_timeout": timedelta(seconds=5),
    "allow_http": True,
}
#: What fails is tried again for less long than a caller waits for its answer.
_RETRY_TIME = timedelta(seconds=15)


class Objects:
    """One place for objects. Names are `[A-Za-z0-9._-]` in segments; `..` and a leading `/` are refused."""

    def __init__(self, store: ObjectStore, root: Path | None) -> None:
        self._store = store
        self._root = root

    @classmethod
    def open(cls, url: str) -> "Objects":
        """The store at *url*; a local folder is made when it is missing."""
        parts = urlsplit(url)
        if parts.scheme == "file":
            root = Path(unquote(parts.path))
            prepare(root)
            return cls(LocalStore(root), root)
        if parts.scheme == "memory":
            return cls(from_url(url), None)
        try:
            return cls(
                from_url(
                    url,
                    client_options=_CLIENT,
                    retry_config={"retry_timeout": _RETRY_TIME},
                ),
                None,
            )
        except (BaseError, ValueError) as error:
            raise BadRequest(f"{url} is no object store: {first_line(error)}") from error

    async def put(self, name: str, data: bytes | AsyncIterator[bytes]) -> None:
        """Store *data* as *name*, in place of what may be there."""
        _check(name)
        if self._root is None:
            await self._upload(name, data)
        elif isinstance(data, bytes):
            await to_thread.run_sync(partial(put_bytes, self._root, name, data, replace=True))
        else:
            await put_stream(self._root, name, data)

    async def _upload(self, name: str, data: bytes | AsyncIterator[bytes]) -> None:
        broken: list[Exception] = []

        async def watched(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            try:
                async for chunk in chunks:
                    yield chunk
            except Exception as error:
                broken.append(error)
                raise

        try:
            with failures(name):
                await obstore.put_async(self._store, name, data if isinstance(data, bytes) else watched(data))
        except Unavailable:
            if broken:  # then it is not the store that failed
                raise broken[0] from None
            raise

    async def put_new(self, name: str, data: bytes) -> bool:
        """Store *data* as *name* unless there is such an object; True if it was stored."""
        _check(name)
        if self._root is not None:
            return await to_thread.run_sync(partial(put_bytes, self._root, name, data, replace=False))
        with failures(name):
            try:
                await obstore.put_async(self._store, name, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    async def get(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from *start* up to *end*; NotFound before the first of them."""
        size = await self.size(name)
        until = size if end is None else min(end, size)
        if start >= until:
            return _nothing()
        with failures(name, reading=True):
            found = await obstore.get_async(self._store, name, options={"range": (start, until)})
        return _read(name, found.stream(min_chunk_size=_BLOCK))

    async def size(self, name: str) -> int:
        """How many bytes the object has."""
        _check(name)
        with failures(name, reading=True):
            return (await obstore.head_async(self._store, name))["size"]

    async def delete(self, name: str) -> None:
        """Remove the object; doing it again is harmless."""
        _check(name)
        try:
            with failures(name, reading=True):
                await obstore.delete_async(self._store, name)
        except NotFound:
            return

    async def list(self, folder: str = "") -> AsyncIterator[str]:
        """Names of all objects under *folder*, at any depth, in no order."""
        if folder:
            _check(folder)
        with failures(folder):
            async for block in obstore.list(self._store, prefix=folder or None):
                for found in block:
                    yield found["path"]

    async def older(self, folder: str, before: datetime) -> AsyncIterator[str]:
        """Names of the objects under *folder* that were last written *before*, in no order."""
        _check(folder)
        with failures(folder):
            async for block in obstore.list(self._store, prefix=folder):
                for found in block:
                    if found["last_modified"] < before:
                        yield found["path"]

    async def clear_aside(self) -> None:
        """Remove what was begun and has not grown for a day; other kinds of stores have rules for that."""
        if self._root is not None:
            await to_thread.run_sync(prepare, self._root)


def _check(name: str) -> None:
    parts = name.split("/")
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name) or not {".", "..", STAGING}.isdisjoint(parts):
        raise BadRequest(f"{name[:_LONGEST_NAME]!r} cannot be the name of an object")


async def _read(name: str, chunks: Any) -> AsyncIterator[bytes]:
    with failures(name, reading=True):
        async for chunk in chunks:
            yield bytes(chunk)


async def _nothing() -> AsyncIterator[bytes]:
    for _ in range(0):
        yield b""
