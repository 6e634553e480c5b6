"""Jsonnet becomes plain data: a program of its own language, which sees nothing but what it is handed."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import _jsonnet
import msgspec

from tidemill.kit.formats.computed import document_of
from tidemill.kit.formats.document import Document, NotReadable, Place
from tidemill.kit.formats.importing import Load, resolve
from tidemill.kit.formats.reading import MAX_BYTES, decode, end_of

_MAX_STACK = 500
#: `file:line:column`, `file:line:column-column` or `file:(line:column)-(line:column)`.
_PLACE = r"(?P<file>[^\n\t]+?):\(?(?P<line>\d+):(?P<column>\d+)[-\d:()]*"
_STATIC = re.compile(rf"STATIC ERROR: {_PLACE}: (?P<message>.*)", re.DOTALL)
_FRAME = re.compile(rf"\t{_PLACE}(?:\t.*)?")
#: Files of the evaluator itself, where no user's mistake is.
_INTERNAL = ("std.jsonnet", "tla:", "<")
#: What is wrong with the function that the program is: the text and no place.
_UNFIT = re.compile(r"function (?:has no parameter|parameter \S+ not bound)")
_IMPORT = re.compile(r"couldn't open import \"[^\n]*?\": ")


def read_jsonnet(
    file: str,
    raw: bytes,
    argument: Mapping[str, Any],
    load: Load,
    *,
    name: str = "ctx",
    lazy: Mapping[str, Callable[[], Any]] | None = None,
) -> Document:
    """What the program *raw* evaluates to; as a function it is called with *argument* by its *name*.

    The fields in *lazy* are computed when the program looks at them. *load* gives the files that it
    imports. Raises NotReadable, with the evaluator's own place.
    """
    fields = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in argument.items()]
    fields += [f"{json.dumps(key)}: std.native({json.dumps(key)})()" for key in lazy or {}]
    imports = _Imports(load)
    try:
        text = _jsonnet.evaluate_snippet(
            file,
            _program(raw),
            max_stack=_MAX_STACK,
            tla_codes={name: f"{{{', '.join(fields)}}}"},
            import_callback=imports.find,
            native_callbacks={key: ((), compute) for key, compute in (lazy or {}).items()},
        )
    except RuntimeError as error:
        raise _explain(str(error)) from None
    except UnicodeDecodeError:
        raise NotReadable(
            "a text in what it evaluates to is not valid Unicode: half a surrogate pair"
        ) from None
    if (size := len(text.encode())) > MAX_BYTES:
        raise NotReadable(f"it evaluates to {size} bytes; at most {MAX_BYTES} are allowed")
    return document_of(msgspec.json.decode(text))


def _program(raw: bytes) -> str:
    text = decode(raw)
    if (at := text.find("\0")) >= 0:  # the evaluator takes no such text
        raise NotReadable("the character U+0000 is not allowed here: remove it", end_of(text[:at]))
    return text


class _Imports:
    """The files that a program imports, each loaded once."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._found: dict[str, bytes] = {}

    def find(self, folder: str, wanted: str) -> tuple[str, bytes]:
        path = resolve(wanted, folder=folder)
        if path not in self._found:
            self._found[path] = self._load(path)
        return path, self._found[path]


def _explain(text: str) -> NotReadable:
    """The evaluator's message, and the innermost place in a file of the user's."""
    if static := _STATIC.fullmatch(text.rstrip()):
        return _at(static, static["message"])
    lines = text.removeprefix("RUNTIME ERROR: ").rstrip().split("\n")
    frames = [found for line in lines if (found := _FRAME.fullmatch(line))]
    message = "\n".join(line for line in lines if not line.startswith("\t"))
    message = _IMPORT.sub("", message)
    own = next((frame for frame in frames if not frame["file"].startswith(_INTERNAL)), None)
    if own is not None:
        return _at(own, message or "an error without a message")
    if _UNFIT.match(message):
        return NotReadable(f"a function must take `ctx` alone, as `function(ctx) {{…}}`: {message}")
    return NotReadable(message)


def _at(found: re.Match[str], message: str) -> NotReadable:
    return NotReadable(message, Place(int(found["line"]), int(found["column"])), found["file"])
