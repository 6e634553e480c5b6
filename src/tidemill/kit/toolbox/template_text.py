"""Key templates as they are written: the part of Go's text/template that keys need, read into values."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from .failure import ToolFailure

FUNCTIONS = ("md5sum", "sha256sum", "env", "os", "arch", "unixtime", "year", "month", "day", "printf")
SUPPORTED = f"supported are {', '.join(FUNCTIONS)}, texts, numbers, parentheses, `|` and .Environment"

_ACTION = re.compile(
    r"\{\{(?P<left>- )?(?P<inside>(?:\"(?:\\.|[^\"\\\n])*\"|`[^`]*`|[^\"`])*?)(?P<right> -)?\}\}", re.DOTALL
)
_TOKEN = re.compile(
    r"""\s+
    | (?P<text>"(?:\\.|[^"\\\n])*")
    | (?P<raw>`[^`]*`)
    | (?P<number>[-+]?[0-9]{1,18}(?![\w.]))
    | (?P<field>\.(?:\w+(?:\.\w+)*)?)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<sign>[()|])
    """,
    re.VERBOSE,
)
_MOST_DEPTH = 50
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[0-7]{3}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class Field(NamedTuple):
    """A value of the context: `.Environment.NAME`."""

    path: tuple[str, ...]


class Call(NamedTuple):
    """A function with its arguments, each a text, a number, a field or a call."""

    function: str
    arguments: "tuple[Part, ...]"


Part = str | int | Field | Call


class _Name(NamedTuple):
    """The name of a function."""

    text: str


def read(template: str) -> list[Part]:
    """The parts of *template*: texts as they are, and what is to be evaluated in between."""
    parts: list[Part] = []
    at, trims = 0, False
    while (begin := template.find("{{", at)) >= 0:
        action = _ACTION.match(template, begin)
        if action is None:  # not looked for further on: that would take the square of the time
            raise fault(f"a `{{{{` has no `}}}}` behind it: {template[begin:][:40]!r}")
        text = template[at:begin]
        text = text.lstrip() if trims else text
        parts.append(text.rstrip() if action["left"] else text)
        inside = action["inside"].strip()
        if not (inside.startswith("/*") and inside.endswith("*/")):
            parts.append(_Reading(inside).whole())
        at, trims = action.end(), bool(action["right"])
    rest = template[at:]
    parts.append(rest.lstrip() if trims else rest)
    return parts


def fault(what: str) -> ToolFailure:
    """That a template cannot be used, and why."""
    return ToolFailure(f"the key's template: {what}")


class _Reading:
    """One action: a pipeline of calls and values."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0

    def whole(self) -> Part:
        value = self.pipeline()
        if self.at < len(self.tokens):
            raise fault(f"there is no `(` for a `)`; {SUPPORTED}")
        return value

    def pipeline(self) -> Part:
        """Each value is the last argument of the call behind the next `|`."""
        value = self.command(())
        while self.accept("|"):
            value = self.command((value,))
        return value

    def command(self, last: tuple[Part, ...]) -> Part:
        operands: list[Part | _Name] = []
        while self.at < len(self.tokens) and self.tokens[self.at] not in ("|", ")"):
            operands.append(self.operand())
        if not operands:
            raise fault(f"it has an empty `{{{{ }}}}`, `( )` or `|`; {SUPPORTED}")
        first = operands[0]
        arguments = tuple(Call(one.text, ()) if isinstance(one, _Name) else one for one in operands[1:])
        if isinstance(first, _Name):
            return Call(first.text, (*arguments, *last))
        if arguments or last:
            raise fault(f"{_shown(first)} is no function and takes no arguments; {SUPPORTED}")
        return first

    def operand(self) -> Part | _Name:
        """A value, or the name of a function."""
        if self.accept("("):
            self.depth += 1
            if self.depth > _MOST_DEPTH:
                raise fault(f"more than {_MOST_DEPTH} parentheses stand in each other")
            value = self.pipeline()
            self.depth -= 1
            if not self.accept(")"):
                raise fault("a `(` has no `)`")
            return value
        token = self.tokens[self.at]
        self.at += 1
        if isinstance(token, str):
            raise fault(f"a `{token}` stands where a value must be")
        kind, text = token
        if kind == "text":
            return _unescaped(text[1:-1])
        if kind == "raw":
            return text[1:-1]
        if kind == "number":
            return int(text)
        if kind == "field":
            return Field(tuple(name for name in text.split(".") if name))
        if text not in FUNCTIONS:
            raise fault(f"there is no function {text!r}; {SUPPORTED}")
        return _Name(text)

    def accept(self, sign: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at] == sign
        self.at += found
        return found


def _tokens(text: str) -> Iterator[str | tuple[str, str]]:
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise fault(f"{text[at:][:20]!r} cannot be read; {SUPPORTED}")
        at = token.end()
        kind = token.lastgroup
        if kind == "sign":
            yield token[0]
        elif kind:
            yield kind, token[0]


def _unescaped(text: str) -> str:
    def meaning(escape: re.Match[str]) -> str:
        code = escape[1]
        if len(code) > 1:
            return chr(int(code, 8) if code[0] not in "xu" else int(code[1:], 16))
        return _ESCAPES.get(code, code)

    return _ESCAPE.sub(meaning, text)


def _shown(part: Part) -> str:
    if isinstance(part, Field):
        return "." + ".".join(part.path)
    return f"{part.function!r}" if isinstance(part, Call) else f"{part!r}"
