"""Tar streams read as they arrive, in constant memory, and written from files whose size is known.

Read is what our own packer writes: files, directories and links, with extended headers. Everything else is
damage, for whoever sends such a stream has not used it.
"""

import tarfile
from collections.abc import AsyncIterator, Iterator
from typing import Literal, NamedTuple

from tidemill.kit.archive import Damaged

_BLOCK = tarfile.BLOCKSIZE
_LONGEST_HEADER = 64 << 10
_LARGEST = 1 << 50
_KINDS: dict[bytes, Literal["file", "directory", "link", "second name"]] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "link",
    tarfile.LNKTYPE: "second name",
}


class Entry(NamedTuple):
    """What an archive holds next; the content of a file follows in pieces, *size* bytes in all."""

    name: str
    """As it stands there, whatever that is; bytes that are not UTF-8 are lone surrogates."""
    kind: Literal["file", "directory", "link", "second name"]
    size: int = 0
    mode: int = 0o644
    target: str = ""
    """Where a link leads; the first name of a file that has another one."""


async def entries(chunks: AsyncIterator[bytes]) -> AsyncIterator[Entry | bytes]:
    """The entries of a tar stream, each file followed by its content; raises `Damaged`."""
    reading = _Reading()
    async for chunk in chunks:
        for piece in reading.take(chunk):
            yield piece
    if not reading.is_over:
        raise Damaged("the archive is damaged: it is cut off")


def header(name: str, size: int, mode: int, changed_at: float) -> bytes:
    """What stands before the content of a file."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, mode, int(changed_at)
    return entry.tobuf(tarfile.PAX_FORMAT)


def padding(size: int) -> bytes:
    """What stands behind a content of *size* bytes."""
    return bytes(-size % _BLOCK)


#: What stands behind the last of all.
END = bytes(2 * _BLOCK)


class _Reading:
    """A stream on its way; what has arrived and is not understood yet is less than a header."""

    def __init__(self) -> None:
        self.is_over = False
        self._held = bytearray()
        self._content = 0
        """Bytes of the current file that are still to come."""
        self._padding = 0
        self._extended: int | None = None
        """The length of an extended header that is to come."""
        self._known: dict[str, str] = {}
        """What an extended header says of the next entry."""

    def take(self, chunk: bytes) -> Iterator[Entry | bytes]:
        """What is understood now."""
        rest = memoryview(chunk)
        while rest and not self.is_over:
            if self._content:
                piece, rest = rest[: self._content], rest[self._content :]
                self._content -= len(piece)
                yield bytes(piece)
            elif self._padding:
                skipped = min(self._padding, len(rest))
                rest, self._padding = rest[skipped:], self._padding - skipped
            else:
                wanted = (_BLOCK if self._extended is None else self._extended) - len(self._held)
                self._held += rest[:wanted]
                rest = rest[wanted:]
                if len(self._held) == (_BLOCK if self._extended is None else self._extended):
                    yield from self._understand()

    def _understand(self) -> Iterator[Entry]:
        block = bytes(self._held)
        self._held.clear()
        if self._extended is not None:
            self._known = _records(block)
            self._padding, self._extended = -len(block) % _BLOCK, None
        elif not any(block):
            self.is_over = True
        else:
            yield from self._enter(_parsed(block))

    def _enter(self, entry: tarfile.TarInfo) -> Iterator[Entry]:
        if entry.type == tarfile.XHDTYPE:
            if not 0 < entry.size <= _LONGEST_HEADER:
                raise Damaged("the archive is damaged: a header is too long")
            self._extended = entry.size
            return
        kind = _KINDS.get(entry.type)
        if kind is None:
            raise Damaged("the archive holds what is no file, directory or link")
        known, self._known = self._known, {}
        text = known.get("size", str(entry.size))
        size = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1
        if not 0 <= size <= _LARGEST or (size and kind != "file"):
            raise Damaged("the archive is damaged: an entry has an impossible size")
        self._content, self._padding = size, -size % _BLOCK
        name, target = known.get("path", entry.name), known.get("linkpath", entry.linkname)
        yield Entry(name, kind, size, entry.mode & 0o777, target)


def _parsed(block: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError) as error:
        raise Damaged(f"the archive is damaged: {error}") from error


def _records(data: bytes) -> dict[str, str]:
    """An extended header: `length key=value` in lines."""
    found = {}
    while data:
        digits, _, _ = data[:20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record, data = data[:length], data[length:]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if len(record) != length or not record.endswith(b"\n") or not equals:
            raise Damaged("the archive is damaged: a header cannot be read")
        found[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
    return found
