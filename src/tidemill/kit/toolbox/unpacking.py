"""An archive into a directory: nothing outside of it is touched, whatever either of them holds.

Every element of a path is opened in the directory before it and never through a link. What exists is not
replaced; an existing directory is gone on with.
"""

import io
import os
import stat
import tarfile
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from .failure import ToolFailure, reason
from .places import amount, elements, is_outward, open_directory, size_text

_BLOCK = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Limits(NamedTuple):
    """What an archive may hold."""

    members: int = 2_000_000
    size: int = 256 << 30


LIMITS = Limits()


def unpack(archive: BinaryIO, destination: str, say: Callable[[str], None], limits: Limits = LIMITS) -> None:
    """Unpack *archive* into *destination*, which is made when it is missing."""
    root = open_directory(destination)
    try:
        unpacking = _Unpacking(root, limits)
        unpacking.all_of(archive)
        unpacking.close_directories()
        say(f"{amount(unpacking.members, 'entry')}, {size_text(unpacking.size)}")
    except (tarfile.TarError, EOFError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise ToolFailure(f"the archive is damaged: {error or type(error).__name__}") from error
    finally:
        os.close(root)


class _Unpacking:
    """One archive on its way into the directory that is open as *root*."""

    def __init__(self, root: int, limits: Limits) -> None:
        self.root = root
        self.limits = limits
        self.members = 0
        self.size = 0
        self.modes: list[tuple[list[str], int]] = []
        """The directories that we have made, and the modes that they get when all is in them."""

    def all_of(self, archive: BinaryIO) -> None:
        with tarfile.open(fileobj=_Ending(archive), mode="r|", errorlevel=2) as tar:
            for entry in tar:
                tar.members.clear()  # type: ignore[attr-defined]  # it would remember every entry
                self.members += 1
                if self.members > self.limits.members:
                    raise ToolFailure(f"the archive holds more than {self.limits.members:,} entries")
                path = elements(entry.name)
                if path:
                    self.enter(tar, entry, path)

    def enter(self, tar: tarfile.TarFile, entry: tarfile.TarInfo, path: list[str]) -> None:
        if entry.mode & (stat.S_ISUID | stat.S_ISGID):
            raise ToolFailure(f"the archive holds a program with the rights of another user: {entry.name!r}")
        parent = self.folder(path[:-1])
        try:
            if entry.isdir():
                self.make_directory(parent, path, entry.mode)
            elif entry.issym():
                self.make_link(parent, path, entry.linkname)
            elif entry.islnk():
                self.make_second_name(parent, path, entry.linkname)
            elif entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not entry.issparse():
                self.make_file(parent, path, tar, entry)
            else:
                raise ToolFailure(f"the archive holds what is no file, directory or link: {entry.name!r}")
        except FileExistsError:
            raise ToolFailure(f"{entry.name!r} exists already") from None
        except OSError as error:
            raise ToolFailure(f"{entry.name!r} cannot be made: {reason(error)}") from error
        finally:
            os.close(parent)

    def folder(self, path: list[str]) -> int:
        """The directory at *path* below the root, made where it is missing; the caller closes it."""
        folder = os.dup(self.root)
        for element in path:
            try:
                try:
                    inner = os.open(element, _FOLDER, dir_fd=folder)
                except FileNotFoundError:
                    os.mkdir(element, 0o755, dir_fd=folder)
                    inner = os.open(element, _FOLDER, dir_fd=folder)
            except OSError as error:
                is_link = _is_link(element, folder)
                why = "it is a link, and nothing is put through links" if is_link else reason(error)
                raise ToolFailure(
                    f"nothing can be put into {'/'.join(path)!r} at {element!r}: {why}"
                ) from None
            finally:
                os.close(folder)
            folder = inner
        return folder

    def make_directory(self, parent: int, path: list[str], mode: int) -> None:
        try:
            os.mkdir(path[-1], 0o700, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(path[-1], dir_fd=parent).st_mode):
                raise
        else:
            self.modes.append((path, mode & 0o777))

    def make_link(self, parent: int, path: list[str], target: str) -> None:
        """A link is kept as it is, also to a place of the system; one that climbs out is not."""
        if is_outward(target, len(path) - 1):
            raise ToolFailure(
                f"the archive holds a link that leads out of it: {'/'.join(path)!r} -> {target!r}"
            )
        os.symlink(target, path[-1], dir_fd=parent)

    def make_second_name(self, parent: int, path: list[str], first: str) -> None:
        """Another name of a file that stands below the root."""
        there = elements(first)
        if not there:
            raise ToolFailure(f"the archive holds a link to nothing: {'/'.join(path)!r}")
        folder = self.folder(there[:-1])
        try:
            if not stat.S_ISREG(os.lstat(there[-1], dir_fd=folder).st_mode):
                raise ToolFailure(f"the archive holds a link to what is no file: {'/'.join(path)!r}")
            os.link(there[-1], path[-1], src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(folder)

    def make_file(self, parent: int, path: list[str], tar: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        if self.size + entry.size > self.limits.size:
            raise ToolFailure(f"the archive holds more than {size_text(self.limits.size)}")
        content = tar.extractfile(entry)
        assert content is not None, "it is a file"
        with open(os.open(path[-1], _NEW_FILE, 0o600, dir_fd=parent), "wb", buffering=0) as file:
            left = entry.size
            while left:
                block = content.read(min(_BLOCK, left))
                if not block:
                    raise EOFError("it ends too early")
                left -= len(block)
                rest = memoryview(block)
                while rest:
                    rest = rest[os.write(file.fileno(), rest) :]
            os.fchmod(file.fileno(), entry.mode & 0o777)
        self.size += entry.size

    def close_directories(self) -> None:
        """Give directories their modes, the inner ones first: some may not be entered then."""
        for path, mode in reversed(self.modes):
            folder = self.folder(path)
            try:
                os.fchmod(folder, mode)
            finally:
                os.close(folder)


class _Ending(io.BufferedIOBase):
    """An archive that is read beyond its end once: tarfile would go on to any size that it claims."""

    def __init__(self, archive: BinaryIO) -> None:
        self._archive = archive
        self._has_ended = False

    def read(self, size: int | None = -1) -> bytes:
        data = self._archive.read(-1 if size is None else size)
        if not data and self._has_ended:
            raise EOFError("it ends too early")
        self._has_ended = not data
        return data


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode)
    except OSError:
        return False
