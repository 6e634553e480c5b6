"""A configuration and what it includes become one body of data that knows where each part is from."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tidemill.core.definition.faults import Fault, Path
from tidemill.core.definition.nouns import Dialect
from tidemill.core.definition.reading import read_includes
from tidemill.kit.formats.document import NOWHERE, Document, NotReadable
from tidemill.kit.formats.importing import resolve
from tidemill.planning.documents import Setting, read_document
from tidemill.planning.planned import Problem
from tidemill.planning.problems import Part, unreadable

MAX_FILES = 50
MAX_DEPTH = 10
_INCLUDE = "include"
_RUNS = "runs"


class Whole(NamedTuple):
    """The data of all files; each of its paths leads back to a path in one of them."""

    data: Any
    parts: tuple[Part, ...]
    """Included files come before those that include them."""
    origins: dict[Path, tuple[Part, Path]]

    def origin(self, path: Path) -> tuple[Part, Path]:
        """The file that the value at *path* is from, and its path there."""
        for end in (2, 1):
            if path[:end] in self.origins:
                part, start = self.origins[path[:end]]
                return part, (*start, *path[end:])
        return self.parts[-1], path


def gather(file: str, raw: bytes, setting: Setting) -> tuple[Whole | None, list[Problem]]:
    """The configuration *file* with what it includes; None and what is wrong when it cannot be read."""
    including = _Including(setting)
    including.read(file, raw, ())
    parts = tuple(including.parts)
    if including.problems or not parts:
        return None, including.problems
    if len(parts) == 1:
        return Whole(parts[0].document.data, parts, {}), []
    return _merge(parts), []


class _Including:
    """Reads file after file, those that a file includes before it, each once."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._seen: set[str] = set()
        self.parts: list[Part] = []
        self.problems: list[Problem] = []

    def read(self, file: str, raw: bytes, above: tuple[str, ...]) -> None:
        """Read one file, named by those *above* it, the outermost first."""
        self._seen.add(file)
        try:
            part = Part(file, raw, read_document(file, raw, self._setting))
        except NotReadable as error:
            self.problems.append(self._unreadable(file, raw, error))
            return
        if self._setting.dialect is Dialect.TIDEMILL:
            self._include(part, (*above, file))
        if above:
            self.problems += [part.problem(fault) for fault in _misshapen(part.document.data)]
        self.parts.append(part)

    def _include(self, part: Part, above: tuple[str, ...]) -> None:
        wanted = []
        for place, name in read_includes(part.document.data):
            try:
                wanted.append((place, self._checked(name, above)))
            except NotReadable as error:
                self._complain(part, place, error.message)
        new = list(dict.fromkeys(path for _, path in wanted if path not in self._seen))
        if len(self._seen) + len(new) > MAX_FILES + 1:
            self._complain(part, (_INCLUDE,), f"more than {MAX_FILES} files are included")
            return
        try:
            self._setting.commit.fetch(new)
        except NotReadable as error:
            self._complain(part, (_INCLUDE,), error.message)
            return
        for place, path in wanted:
            if path not in self._seen:
                try:
                    raw = self._setting.commit.load(path)
                except NotReadable as error:
                    self._complain(part, place, error.message)
                else:
                    self.read(path, raw, above)

    def _checked(self, name: str, above: tuple[str, ...]) -> str:
        """The path that an entry of `include` means; raises NotReadable."""
        if name.startswith("/"):
            raise NotReadable(f"`include` takes paths from the repository's root: write {name.lstrip('/')!r}")
        path = resolve(name)
        if path != name:
            raise NotReadable(f"`include` takes plain paths from the repository's root: write {path!r}")
        if path in above:
            raise NotReadable(f"{path} includes itself: {' -> '.join([*above, path])}")
        if len(above) > MAX_DEPTH:
            raise NotReadable(f"`include` is nested more than {MAX_DEPTH} deep")
        return path

    def _complain(self, part: Part, place: Path, message: str) -> None:
        self.problems.append(part.problem(Fault(path=place, message=message)))

    def _unreadable(self, file: str, raw: bytes, error: NotReadable) -> Problem:
        part = Part(file, raw, Document(None, NOWHERE))
        if not error.file or error.file == file:
            return unreadable(part, error)
        imported = self._setting.commit.loaded(error.file)
        if imported is None:  # a program says what it likes in its errors, places too
            return unreadable(part, NotReadable(error.message))
        return unreadable(part, error, imported)


def _misshapen(data: Any) -> Iterable[Fault]:
    """What would keep an included file from being merged; all else is looked at with the whole."""
    if data is not None and not isinstance(data, dict):
        yield Fault(path=(), message="an included file must be a mapping, as any configuration")
        return
    for key, value in (data or {}).items():
        if key.lower() == _RUNS and not isinstance(value, list | None):
            yield Fault(path=(key,), message="`runs` must be a list")
        if key == _INCLUDE:
            entries = value if isinstance(value, list) else [value]
            if not all(isinstance(entry, str) for entry in entries):
                yield Fault(path=(key,), message="`include` must be a path or a list of paths")


def _merge(parts: tuple[Part, ...]) -> Whole:
    """Runs one after the other; of mappings the later file's entries win, of all else the later file's."""
    data: dict[str, Any] = {}
    origins: dict[Path, tuple[Part, Path]] = {}
    for part in parts:
        own = part.document.data
        if part is parts[-1] and not isinstance(own, dict):
            return Whole(own, parts, {})
        for key, value in (own or {}).items():
            name = key.lower() if key.lower() == _RUNS else key
            if name == _INCLUDE and part is not parts[-1]:
                continue
            _put(data, origins, name, value, (part, (key,)))
    return Whole(data, parts, origins)


def _put(
    data: dict[str, Any],
    origins: dict[Path, tuple[Part, Path]],
    name: str,
    value: Any,
    origin: tuple[Part, Path],
) -> None:
    """Let *value* join what earlier files say under *name*."""
    part, path = origin
    before = data.get(name)
    if name == _RUNS and isinstance(value, list) and isinstance(before, list):
        for number in range(len(value)):
            origins[name, len(before) + number] = (part, (*path, number))
        data[name] = before + value
        return
    if isinstance(value, dict) and isinstance(before, dict):
        origins.update({(name, key): (part, (*path, key)) for key in value})
        data[name] = before | value
        return
    if value is None and before is not None:
        return
    data[name] = value
    origins[name,] = origin
    entries: Iterable[str | int] = ()
    if isinstance(value, dict):
        entries = value
    elif isinstance(value, list):
        entries = range(len(value))
    origins.update({(name, entry): (part, (*path, entry)) for entry in entries})
