"""What a name is compared with: itself, a regular expression, a glob; every comparison takes linear time."""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

from tidemill.core.globs import glob_expression, is_glob

_DELIMITERS = "/#"
#: Bytes of a compiled expression: enough for any that people write, and compiled within milliseconds.
_MOST_MEMORY = 256 * 1024


class PatternKind(StrEnum):
    """How a pattern is compared."""

    SIMPLE = "simple"
    """The name is the text."""
    REGEXP = "regexp"
    """The expression (RE2) is found anywhere in the name."""
    GLOB = "glob"
    """The whole name is as the glob says."""


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """What a name is compared with; *text* is without the delimiters of a regular expression."""

    text: str
    kind: PatternKind = PatternKind.SIMPLE

    @property
    def written(self) -> str:
        """As it stands in a configuration."""
        return f"/{self.text}/" if self.kind is PatternKind.REGEXP else self.text

    def matches(self, name: str) -> bool:
        """Whether *name* is meant."""
        if self.kind is PatternKind.SIMPLE:
            return name == self.text
        return _compiled(self.text, self.kind).search(_clean(name)) is not None

    def is_found_in(self, text: str) -> bool:
        """Whether something in *text* is meant: of a simple pattern, its own text."""
        if self.kind is PatternKind.SIMPLE:
            return self.text in text
        return self.matches(text)


def parse_pattern(text: str, *, globs: bool = False) -> Pattern:
    """`/…/` and `#…#` hold a regular expression (RE2); with *globs*, text with any of `*?[{` is a glob.

    Everything else is meant literally. Raises ValueError, which says what is wrong.
    """
    if len(text.encode("utf-8", "replace")) > 2 and text[0] == text[-1] and text[0] in _DELIMITERS:
        return checked_pattern(text[1:-1], PatternKind.REGEXP)
    if globs and is_glob(text):
        return checked_pattern(text, PatternKind.GLOB)
    return Pattern(text=text)


def parse_path_glob(text: str) -> Pattern:
    """A glob that paths of the repository's files are compared with; raises ValueError."""
    if not text:
        raise ValueError("it is empty: write a path such as `src/**`")
    if text.startswith(("/", "./", "../")):
        raise ValueError("paths begin at the root of the repository: write them without `/`, `./` or `../`")
    if text.endswith("/"):
        raise ValueError(f"it names a directory: write `{text}**` for the files below it")
    return checked_pattern(text, PatternKind.GLOB)


def first_matching(patterns: tuple[Pattern, ...], names: tuple[str, ...]) -> str | None:
    """The first of *names* that one of *patterns*, which are all globs, matches."""
    alternatives = _joined(tuple(pattern.text for pattern in patterns))
    return next((name for name in names if _is_in(name, alternatives)), None)


def first_other(patterns: tuple[Pattern, ...], names: tuple[str, ...]) -> str | None:
    """The first of *names* that none of *patterns*, which are all globs, matches."""
    alternatives = _joined(tuple(pattern.text for pattern in patterns))
    return next((name for name in names if not _is_in(name, alternatives)), None)


def _is_in(name: str, alternatives: Sequence[Any]) -> bool:
    clean = _clean(name)
    return any(alternative.search(clean) is not None for alternative in alternatives)


def checked_pattern(text: str, kind: PatternKind) -> Pattern:
    """A regular expression or glob; raises ValueError for one that is wrong."""
    _compiled(text, kind)
    return Pattern(text=text, kind=kind)


def _clean(name: str) -> str:
    """*name* as RE2 can read it: without halves of surrogate pairs."""
    return name.encode("utf-8", "replace").decode()


@lru_cache(maxsize=256)
def _compiled(text: str, kind: PatternKind) -> Any:
    return compile_expression(glob_expression(text) if kind is PatternKind.GLOB else text)


@lru_cache(maxsize=64)
def _joined(globs: tuple[str, ...]) -> list[Any]:
    """One expression for all of *globs*; several when RE2 finds it too large."""
    try:
        return [compile_expression("|".join(glob_expression(glob) for glob in globs))]
    except ValueError:
        return [_compiled(glob, PatternKind.GLOB) for glob in globs]


def compile_expression(expression: str) -> Any:
    """A regular expression (RE2); raises ValueError, which says what is wrong."""
    import re2  # noqa: PLC0415 - clients know these nouns, and have no need of it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason) from None
