"""Starlark becomes plain data: its function `main` is called and must return a dict."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import starlark

from tidemill.kit.formats.computed import document_of
from tidemill.kit.formats.document import Document, NotReadable, Place
from tidemill.kit.formats.importing import Load, resolve
from tidemill.kit.formats.reading import MAX_BYTES, decode, end_of
from tidemill.kit.formats.tabs import without_tabs

_MAX_STACK = 200
_ERROR = re.compile(
    r"^error: (?P<message>.*?)\n(?: *--> (?P<file>[^\n]+):(?P<line>\d+):(?P<column>\d+)\n|\Z)",
    re.MULTILINE | re.DOTALL,
)
_UNPLAIN = re.compile(r"Operation `serde::serialize` not supported on type `(?P<type>[^`]*)`")
#: What is wrong with `main` itself when it is called: the text and no place.
_UNFIT = re.compile(r"Operation `call\(\)` not supported|Missing parameter|Found \d+ extra positional")
_ROOT = "//"
#: Calls `main` of the module that it loads, and makes lists of the ranges in what it returns.
_LISTS = """
load("program", "main")

def _plain(value):
    kind = type(value)
    if kind == "dict":
        return {key: _plain(part) for key, part in value.items()}
    if kind in ("list", "tuple", "range"):
        return [_plain(part) for part in value]
    return value

def with_lists(context):
    return _plain(main(context))
"""


def read_starlark(file: str, raw: bytes, argument: Mapping[str, Any], load: Load) -> Document:
    """What `main` of the program *raw* returns when it is called with *argument*.

    *load* gives the files that it loads: `"//path"` from the root, others relative to who loads them.
    Raises NotReadable, with the evaluator's own place.
    """
    with _memory_errors():
        value = _call(file, raw, argument, load)
    if not isinstance(value, dict):
        raise NotReadable(f"`main` must return a dict, not {type(value).__name__}")
    document = document_of(value)
    if (size := len(json.dumps(value, ensure_ascii=False).encode())) > MAX_BYTES:
        raise NotReadable(f"it evaluates to {size} bytes; at most {MAX_BYTES} are allowed")
    return document


def _call(file: str, raw: bytes, argument: Mapping[str, Any], load: Load) -> object:
    modules = _Modules(load)
    module = modules.evaluate(file, raw)
    try:
        return _result(modules, module, argument)
    except starlark.StarlarkError as error:
        raise _explain(str(error)) from None
    except TypeError as error:  # a key that Python cannot have
        raise NotReadable(f"`main` must return plain data: {error}") from None
    except ValueError:  # of more digits than Python takes
        raise NotReadable("`main` returns a whole number that is too large for a configuration") from None


def _result(modules: "_Modules", module: starlark.FrozenModule, argument: Mapping[str, Any]) -> object:
    """What `main` returns; ranges in it, which do not convert by themselves, become lists."""
    try:
        return module.call_with(modules.options, "main", dict(argument)).value
    except starlark.StarlarkError as error:
        unplain = _UNPLAIN.search(str(error))
        if unplain is None or unplain["type"] != "range":
            raise
    lists = starlark.Module()
    program = starlark.parse("lists", _LISTS, _dialect())
    loader = starlark.FileLoader(lambda _: module)
    starlark.eval_with(modules.options, lists, program, starlark.Globals.standard(), file_loader=loader)
    return lists.freeze().call_with(modules.options, "with_lists", dict(argument)).value


@contextmanager
def _memory_errors() -> Iterator[None]:
    """The evaluator panics when it gets no memory, which is no Exception and has no name to import."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise MemoryError from error
        raise


class _Modules:
    """The program and what it loads, each evaluated once."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._modules: dict[str, starlark.FrozenModule] = {}
        self._open: list[str] = []
        self.options = starlark.EvalOptions(max_callstack_size=_MAX_STACK)
        self._globals = starlark.Globals.extended_by([starlark.LibraryExtension.Print])
        self._failure: NotReadable | None = None

    def evaluate(self, file: str, raw: bytes) -> starlark.FrozenModule:
        """The module that *raw* is; raises NotReadable."""
        module = starlark.Module()
        text = without_tabs(_decoded(file, raw))
        self._open.append(file)
        try:
            program = starlark.parse(file, text, _dialect())
            starlark.eval_with(
                self.options, module, program, self._globals, file_loader=starlark.FileLoader(self._find)
            )
        except starlark.StarlarkError as error:
            raise self._blame(_at_end(_explain(str(error)), text)) from None
        finally:
            self._open.pop()
        return module.freeze()

    def _blame(self, outer: NotReadable) -> NotReadable:
        """What is at fault: what was loaded, if that failed, else the program itself."""
        if self._failure is None:
            return outer
        if not self._failure.file:  # it could not be had: shown where it is asked for
            self._failure = NotReadable(self._failure.message, outer.place, outer.file)
        return self._failure

    def _find(self, wanted: str) -> starlark.FrozenModule:
        """What `load` means by *wanted*; of a failure the innermost is kept."""
        try:
            return self._loaded(wanted)
        except NotReadable as error:
            self._failure = self._failure or error
            raise

    def _loaded(self, wanted: str) -> starlark.FrozenModule:
        folder = "" if wanted.startswith(_ROOT) else self._open[-1].rpartition("/")[0]
        path = resolve(wanted.removeprefix(_ROOT), folder=folder)
        if path in self._open:
            raise NotReadable(f"{path} loads itself: {' -> '.join([*self._open, path])}")
        if path not in self._modules:
            self._modules[path] = self.evaluate(path, self._load(path))
        return self._modules[path]


def _dialect() -> starlark.Dialect:
    dialect = starlark.Dialect.standard()
    dialect.enable_keyword_only_arguments = True
    return dialect


def _decoded(file: str, raw: bytes) -> str:
    try:
        return decode(raw)
    except NotReadable as error:
        raise NotReadable(error.message, error.place, file) from None


def _at_end(error: NotReadable, text: str) -> NotReadable:
    """*error* at its place: that the file ends too early is said of the beginning."""
    if error.place == Place(1, 1) and "unexpected new line" in error.message:
        return NotReadable(f"{error.message}: the file ends too early", end_of(text.rstrip()), error.file)
    return error


def _explain(text: str) -> NotReadable:
    """The message without the stack, and the place that it points to."""
    if text == "Module has no symbol `main`":
        return NotReadable("there is no `main`: write `def main(ctx):` that returns a dict")
    if unplain := _UNPLAIN.search(text):
        kind = unplain["type"]
        return NotReadable(f"`main` must return plain data; a {kind} cannot be part of it")
    error = _ERROR.search(text)
    if error is None:
        return NotReadable(text.strip())
    if error["file"] is None and _UNFIT.match(error["message"]):
        return NotReadable(
            f"`main` must be a function of one argument, as `def main(ctx):` ({error['message']})"
        )
    if error["file"] is None:
        return NotReadable(error["message"])
    return NotReadable(error["message"], Place(int(error["line"]), int(error["column"])), error["file"])
