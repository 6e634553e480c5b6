"""What an evaluation gets from its source: within bounds, within a time, and never a failure as absence."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio

from tidemill.errors import TooLarge, Unavailable
from tidemill.planning.frames import ChangesGiven, FilesGiven, Limits
from tidemill.planning.source import Source

#: Files asked for at once, so that little more than what is allowed is ever fetched.
_PORTION = 8


class Supply:
    """The wishes of one evaluation, counted. Whatever keeps the source from answering is raised."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._asked: set[str] = set()
        self._size = 0

    async def first(self, candidates: Sequence[str]) -> tuple[str, bytes] | None:
        """The first of *candidates* that exists, all asked for at once; TooLarge if it is too large."""
        try:
            found = await self._read(candidates)
        except TooLarge:  # perhaps another one than the first
            for path in candidates:
                if alone := await self._alone(path):
                    return path, alone[path]
            return None
        return next(((path, found[path]) for path in candidates if path in found), None)

    async def files(self, paths: Sequence[str]) -> FilesGiven:
        """Those of *paths* that exist, or the bound that this evaluation has come to."""
        self._asked.update(paths)
        if len(self._asked) > self._limits.files:
            return FilesGiven(refusal=f"more than {self._limits.files} files are asked for")
        found: dict[str, bytes] = {}
        for start in range(0, len(paths), _PORTION):
            try:
                found |= await self._read(paths[start : start + _PORTION])
            except TooLarge as error:
                return FilesGiven(refusal=error.message)
            self._size += sum(len(found[path]) for path in paths[start : start + _PORTION] if path in found)
            if self._size > self._limits.contents:
                return FilesGiven(refusal=f"more than {self._limits.contents} bytes are asked for")
        return FilesGiven(files=found)

    async def changes(self) -> ChangesGiven:
        """The changed files, if they are known."""
        async with self._patience():
            return ChangesGiven(paths=await self._source.changed())

    async def _read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        async with self._patience():
            return await self._source.files(tuple(paths))

    async def _alone(self, path: str) -> Mapping[str, bytes]:
        try:
            return await self._read((path,))
        except TooLarge as error:
            raise TooLarge(error.message, details=path) from error

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        with anyio.move_on_after(self._limits.patience) as scope:
            yield
        if scope.cancelled_caught:
            raise Unavailable(f"the repository was not read within {self._limits.patience:g} s")
