"""Globs as expressions of RE2: `*`, `**`, `?`, `[…]`, `{a,b}`, a backslash before what is meant itself."""

_SPECIAL = frozenset("*?[{")
_QUOTED = frozenset(r"\.+*?()|[]{}^$")
_ANY = "[^/]"


def is_glob(text: str) -> bool:
    """Whether *text* holds a character that globs give a meaning to."""
    return not _SPECIAL.isdisjoint(text)


def glob_expression(glob: str) -> str:
    """The expression for names that are, as a whole, as *glob* says.

    `*` and `?` do not cross a `/`, `**` does; `**/` may be nothing. Raises ValueError.
    """
    return rf"\A(?s:{_Translation(glob).whole()})\z"


class _Translation:
    """One walk over a glob."""

    def __init__(self, glob: str) -> None:
        self._glob = glob
        self._at = 0
        self._depth = 0

    def whole(self) -> str:
        found = []
        while self._at < len(self._glob):
            found.append(self._next())
        if self._depth:
            raise ValueError("a `{` has no `}`: close it, or write `\\{`")
        return "".join(found)

    def _next(self) -> str:
        character = self._glob[self._at]
        self._at += 1
        if character in "{,}":
            return self._alternative(character)
        match character:
            case "*":
                return self._stars()
            case "?":
                return _ANY
            case "[":
                return self._class()
            case "\\":
                return self._escaped()
        return _quoted(character)

    def _alternative(self, character: str) -> str:
        if character == "{":
            self._depth += 1
            return "(?:"
        if not self._depth:
            return _quoted(character)
        self._depth -= character == "}"
        return {",": "|", "}": ")"}[character]

    def _stars(self) -> str:
        begin = self._at - 1
        while self._glob[self._at : self._at + 1] == "*":
            self._at += 1
        if self._at - begin == 1:
            return f"{_ANY}*"
        if self._glob[self._at : self._at + 1] == "/" and self._glob[begin - 1 : begin] in ("", "/"):
            self._at += 1
            return "(?:.*/)?"
        return ".*"

    def _class(self) -> str:
        """`[a-z]` or `[!a-z]`; a `/` is never in it."""
        is_negated = self._glob[self._at : self._at + 1] in ("!", "^")
        begin = self._at + is_negated
        end = self._glob.find("]", begin + 1)  # a `]` that comes first is meant itself
        if end < 0:
            raise ValueError("a `[` has no `]`: close it, or write `\\[`")
        members = self._glob[begin:end]
        ranges = zip(members, members[1:], members[2:], strict=False)
        if "/" in members or any(low <= "/" <= high for low, dash, high in ranges if dash == "-"):
            raise ValueError("a `[…]` cannot hold a `/`")
        self._at = end + 1
        inside = "".join(f"\\{one}" if one in "\\[]^&~" else one for one in members)
        return f"[^/{inside}]" if is_negated else f"[{inside}]"

    def _escaped(self) -> str:
        if self._at == len(self._glob):
            raise ValueError("it ends with a `\\`: write what it stands before, or `\\\\`")
        self._at += 1
        return _quoted(self._glob[self._at - 1])


def _quoted(character: str) -> str:
    return f"\\{character}" if character in _QUOTED else character
