"""Which paths of a tree are meant: `*`, `**`, `?`, `[class]`, `{a,b}`, as in Agola's configurations."""

import re
from collections.abc import Callable, Sequence

from .failure import ToolFailure

_ANY = "[^/]"


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path, relative and with `/` between its elements, matches one of *patterns*."""
    if "**" in patterns:
        return lambda _: True
    try:
        found = re.compile(
            "|".join(f"(?:{_Translation(pattern).whole()})" for pattern in patterns), re.DOTALL
        )
    except re.error as error:
        raise ToolFailure(f"a pattern of `paths` cannot be read: {error}") from None
    return lambda path: bool(patterns) and found.fullmatch(path) is not None


class _Translation:
    """One pattern on its way to a regular expression."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0

    def whole(self) -> str:
        pieces = []
        while self.at < len(self.pattern):
            pieces.append(self.piece())
        if self.depth:
            raise self.fault("a `{` has no `}`")
        return "".join(pieces)

    def piece(self) -> str:
        character = self.pattern[self.at]
        self.at += 1
        if character == "*":
            return self.stars()
        if character == "?":
            return _ANY
        if character == "[":
            return self.members()
        if character in "{,}":
            return self.alternative(character)
        if character == "\\":
            if self.at == len(self.pattern):
                raise self.fault("it ends with a `\\`")
            character = self.pattern[self.at]
            self.at += 1
        return re.escape(character)

    def stars(self) -> str:
        """`**` as a whole element is any number of elements, and at the end at least one."""
        begin = self.at - 1
        while self.pattern.startswith("*", self.at):
            self.at += 1
        is_element = self.at - begin == 2 and self.pattern[:begin].endswith(("/", "{", ",")) | (begin == 0)
        if is_element and self.pattern.startswith("/", self.at):
            self.at += 1
            return f"(?:{_ANY}+/)*"
        if is_element and self.at == len(self.pattern):
            return ".+"
        return f"{_ANY}*"

    def members(self) -> str:
        is_negated = self.pattern.startswith(("!", "^"), self.at)
        begin = self.at + is_negated
        end = self.pattern.find("]", begin + 1)
        if end < 0:
            raise self.fault("a `[` has no `]`")
        self.at = end + 1
        inside = re.sub(r"([\[\]\\&~|^])", r"\\\1", self.pattern[begin:end])
        return f"(?!/)[{'^' if is_negated else ''}{inside}]"

    def alternative(self, character: str) -> str:
        if character == "{":
            self.depth += 1
            return "(?:"
        if not self.depth:
            return re.escape(character)
        self.depth -= character == "}"
        return "|" if character == "," else ")"

    def fault(self, what: str) -> ToolFailure:
        return ToolFailure(f"the pattern {self.pattern!r} of `paths` cannot be read: {what}")
