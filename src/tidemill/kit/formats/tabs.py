"""Tabs in the code of a Starlark program, which its evaluator does not take and Go's does, become spaces."""

import re

_STOP = 8
_PIECE = re.compile(
    r"""
    (?P<kept>
        \#[^\n]*+
      | \"{3} (?: [^\\"]++ | \\. | "(?!"") )*+ (?: \"{3} | \\?\Z )
      | '{3} (?: [^\\']++ | \\. | '(?!'') )*+ (?: '{3} | \\?\Z )
      | " (?: [^"\\\n]++ | \\. )*+ "?
      | ' (?: [^'\\\n]++ | \\. )*+ '?
    )
    | (?P<indent>^[ \t]+)
    | (?P<tab>\t)
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)


def without_tabs(program: str) -> str:
    """*program* with the tabs of its code as spaces, to the next multiple of 8; its texts are left alone."""
    return _PIECE.sub(_spaced, program) if "\t" in program else program


def _spaced(piece: re.Match[str]) -> str:
    if piece["indent"]:
        return piece["indent"].expandtabs(_STOP)
    return piece["kept"] or " "
