"""Plain scalars of YAML 1.1 as Go's yaml.v2 reads them, which is what existing files rely on."""

import math
import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([1-9][0-9]*|0))", re.ASCII)
_BASES = (16, 2, 8, 10)
_MOST_DIGITS = 64
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


def plain(text: str) -> Scalar:
    """What an unquoted scalar means: a word, a number, or itself. Dates stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789":
        return number(text)
    return text


def number(text: str) -> Scalar:
    """*text* as a number if it is one: octal with a leading 0, hex, binary, underscores between digits."""
    digits = text if text.startswith(".") else text.replace("_", "")
    value = _integer(digits)
    if value is not None:
        return value
    if _FLOAT.fullmatch(digits):
        real = float(digits)
        return text if math.isinf(real) else real
    return text


def _integer(digits: str) -> int | None:
    found = _INTEGER.fullmatch(digits)
    if found is None or len(digits) > _MOST_DIGITS + 3:
        return None
    sign, *by_base = found.groups()
    value = next(int(part, base) for part, base in zip(by_base, _BASES, strict=True) if part is not None)
    value = -value if sign == "-" else value
    return value if _SMALLEST <= value <= _LARGEST else None
