"""Files into an archive: what of a directory tree matches, as a tar stream in constant memory."""

import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from .failure import ToolFailure, reason
from .globs import matcher
from .places import Place, amount, elements, is_outward, size_text

Say = Callable[[str], None]


def pack(archive: BinaryIO, contents: Sequence["Content"], place: Place, say: Say) -> None:
    """Write an archive of *contents*; what there is to tell goes to *say*."""
    packing = _Packing(archive, place, say)
    for number, content in enumerate(contents, 1):
        packing.add(*content, is_last=number == len(contents))
    packing.close()


class Content(NamedTuple):
    """Files to archive: what matches one of *paths* below *source_dir*, under *dest_dir*."""

    source_dir: str
    dest_dir: str = ""
    paths: Sequence[str] = ("**",)


class _Packing:
    """An archive that is being written."""

    def __init__(self, archive: BinaryIO, place: Place, say: Say) -> None:
        self._tar = tarfile.TarFile(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT, errorlevel=2)
        self._place = place
        self._say = say
        self._names: set[str] = set()
        """Names that another content may not have too."""
        self._first_names: dict[tuple[int, int], str] = {}
        """Of files with several names, the first that was archived."""
        self._counts = dict.fromkeys(("file", "directory", "link"), 0)
        self._size = 0

    def close(self) -> None:
        """Write the archive's end."""
        self._tar.close()

    def add(self, source_dir: str, dest_dir: str, paths: Sequence[str], *, is_last: bool) -> None:
        """Add a content."""
        if not source_dir:
            raise ToolFailure("`source_dir` is empty: write `.` for the working directory")
        root = self._place.at(source_dir)
        matches = matcher(paths)
        prefix = "/".join(elements(dest_dir.lstrip("/")))
        self._counts = dict.fromkeys(self._counts, 0)
        self._size = 0
        for path, status in _walk(root, ""):
            if matches(path):
                name = f"{prefix}/{path}" if prefix else path
                if name in self._names:
                    raise ToolFailure(
                        f"two of the contents have a file {name}: give them different `dest_dir`s"
                    )
                if not is_last:
                    self._names.add(name)
                self._enter(f"{root}/{path}", name, status)
        counted = ", ".join(amount(count, what) for what, count in self._counts.items() if count)
        self._say(f"{source_dir}: {counted or 'nothing matches'}, {size_text(self._size)}")

    def _enter(self, path: str, name: str, status: os.stat_result) -> None:
        entry = tarfile.TarInfo(name)
        entry.mode = stat.S_IMODE(status.st_mode) & 0o777
        entry.mtime = int(status.st_mtime)
        if stat.S_ISDIR(status.st_mode):
            entry.type = tarfile.DIRTYPE
            self._write(entry, "directory")
        elif stat.S_ISLNK(status.st_mode):
            entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(path)
            if is_outward(entry.linkname, len(elements(name)) - 1):
                self._say(f"{path}: a link that leads out of what is kept, to {entry.linkname}, left out")
                return
            self._write(entry, "link")
        elif stat.S_ISREG(status.st_mode):
            self._enter_file(path, entry)
        else:
            self._say(f"{path}: neither a file nor a directory nor a link, left out")

    def _enter_file(self, path: str, entry: tarfile.TarInfo) -> None:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            identity = (status.st_dev, status.st_ino)
            if status.st_nlink > 1 and identity in self._first_names:
                entry.type, entry.linkname = tarfile.LNKTYPE, self._first_names[identity]
                self._write(entry, "link")
                return
            if status.st_nlink > 1:
                self._first_names[identity] = entry.name
            entry.size = status.st_size
            try:
                self._write(entry, "file", file)
            except (OSError, tarfile.TarError) as error:
                if "unexpected end of data" in str(error):
                    raise ToolFailure(f"{path} became shorter while it was archived") from error
                raise
        self._size += entry.size

    def _write(self, entry: tarfile.TarInfo, what: str, file: BinaryIO | None = None) -> None:
        self._tar.addfile(entry, file)
        self._tar.members.clear()  # type: ignore[attr-defined]  # it would remember every entry
        self._counts[what] += 1


def _walk(root: str, below: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every path below *root*, in order, links not followed; sockets are passed over."""
    pending = [below]
    while pending:
        folder = pending.pop()
        inner = []
        for name in _listed(f"{root}/{folder}" if folder else root):
            path = f"{folder}/{name}" if folder else name
            try:
                status = os.lstat(f"{root}/{path}")
            except FileNotFoundError:
                continue  # it has gone meanwhile
            if stat.S_ISSOCK(status.st_mode):
                continue
            yield path, status
            if stat.S_ISDIR(status.st_mode):
                inner.append(path)
        pending += reversed(inner)


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise ToolFailure(f"cannot read the directory {folder}: {reason(error)}") from error
