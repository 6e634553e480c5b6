"""Key templates evaluated where the task is: in its directory, with its environment (reference 3.8)."""

import hashlib
import os
import re
import time
from collections.abc import Mapping

from .failure import ToolFailure, reason
from .places import Place
from .template_text import SUPPORTED, Call, Field, Part, fault, read

LARGEST = 1 << 20
"""Bytes of a file that a checksum is made of, and of what a template becomes."""

_NO_VALUE = "<no value>"
_VERB = re.compile(r"%(?P<options>[-+ 0]?\d{0,3}(?:\.\d{1,3})?)(?P<verb>.)", re.DOTALL)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386", "armv7l": "arm"}


def render(template: str, environment: Mapping[str, str], place: Place, now: float | None = None) -> str:
    """What *template* becomes; *now* is in seconds since the epoch."""
    context = _Context(environment, place, time.time_ns() if now is None else int(now * 1e9))
    text = "".join(_text(context.value(part)) for part in read(template))
    if len(text.encode(errors="surrogateescape")) > LARGEST:
        raise fault(f"it becomes more than {LARGEST} bytes")
    return text


class _Context:
    """What the functions know."""

    def __init__(self, environment: Mapping[str, str], place: Place, now: int) -> None:
        self.environment = environment
        self.place = place
        self.now = now
        self.day = time.localtime(now // 1_000_000_000)

    def value(self, part: Part) -> str | int | None:
        """The value of a part; None where there is none."""
        if isinstance(part, Field):
            _refuse_unknown(part)
            return None
        if not isinstance(part, Call):
            return part
        arguments = [self.value(argument) for argument in part.arguments]
        if part.function == "printf":
            return _printed(arguments)
        if part.function in ("md5sum", "sha256sum", "env"):
            return self.of_one_text(part.function, arguments)
        if arguments:
            raise fault(f"`{part.function}` takes no argument")
        return self.of_nothing(part.function)

    def of_one_text(self, function: str, arguments: list[str | int | None]) -> str:
        if len(arguments) != 1 or not isinstance(arguments[0], str):
            raise fault(f'`{function}` takes one text: {{{{ {function} "…" }}}}')
        if function == "env":
            return self.environment.get(arguments[0], "")
        return self.checksum(function.removesuffix("sum"), arguments[0])

    def checksum(self, algorithm: str, path: str) -> str:
        if not path:
            raise fault(f"`{algorithm}sum` needs the name of a file")
        try:
            with open(self.place.at(path), "rb") as file:
                data = file.read(LARGEST + 1)
        except OSError as error:
            raise ToolFailure(f"the key's template: cannot read {path}: {reason(error)}") from error
        if len(data) > LARGEST:
            raise fault(f"{path} is larger than {LARGEST} bytes, too large for a checksum")
        return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()

    def of_nothing(self, function: str) -> str | int:
        match function:
            case "os":
                return "linux"
            case "arch":
                machine = os.uname().machine
                return _ARCHITECTURES.get(machine, machine)
            case "unixtime":
                return self.now
            case "year":
                return f"{self.day.tm_year:04}"
            case "month":
                return f"{self.day.tm_mon:02}"
            case _:
                return f"{self.day.tm_mday:02}"


def _refuse_unknown(field: Field) -> None:
    """Agola's `.Environment` is never filled: whatever is asked of it has no value."""
    if len(field.path) != 2 or field.path[0] != "Environment":
        raise fault(f'there is no `.{".".join(field.path)}`, use `env "NAME"`; {SUPPORTED}')


def _printed(arguments: list[str | int | None]) -> str:
    if not arguments or not isinstance(arguments[0], str):
        raise fault('`printf` begins with a text: {{ printf "%s" … }}')
    rest = iter(arguments[1:])

    def printed(match: re.Match[str]) -> str:
        options, verb = match["options"], match["verb"]
        if verb == "%":
            return "%"
        value = next(rest, rest)
        if value is rest:
            raise fault("`printf` has fewer values than its text asks for")
        return _formatted(options, verb, value)

    text = _VERB.sub(printed, arguments[0])
    if next(rest, rest) is not rest:
        raise fault("`printf` has more values than its text asks for")
    return text


def _formatted(options: str, verb: str, value: object) -> str:
    if verb in "sv":
        return f"%{options}s" % _text(value)
    if verb == "q" and isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if verb in "dx" and isinstance(value, int):
        return f"%{options}{verb}" % value
    if verb == "x" and isinstance(value, str):
        return value.encode().hex()
    raise fault(f"`printf` knows %s, %v, %q, %d and %x, each for what fits it; `%{verb}` does not")


def _text(value: object) -> str:
    return _NO_VALUE if value is None else str(value)
