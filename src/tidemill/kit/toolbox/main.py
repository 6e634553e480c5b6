"""The start of the toolbox: `main SPEC`, with the archive as descriptor 3.

SPEC is a JSON file, removed once it is read: `{"do": "pack", "contents": […]}`, `{"do": "unpack",
"dest_dir": "…"}` or `{"do": "render", "template": "…"}`, whose text is written where an archive would be.
"""

import json
import os
import resource
import sys
from typing import Any

from .failure import ToolFailure, reason
from .packing import Content, pack
from .places import Place
from .templates import render
from .unpacking import unpack

ARCHIVE = 3
_MEMORY = 1 << 30
"""Bytes of memory: what an archive claims of itself cannot take more."""


def main() -> None:
    """Do what is asked, say what was done, and end with 0, or with 1 and a sentence."""
    with open(sys.argv[1], "rb") as file:
        order = json.load(file)
    os.unlink(sys.argv[1])
    _limit_memory()
    try:
        _obey(order)
    except ToolFailure as failure:
        _say(str(failure))
        sys.exit(1)
    except OSError as error:
        _say(f"{error.filename}: {reason(error)}" if error.filename else reason(error))
        sys.exit(1)


def _obey(order: dict[str, Any]) -> None:
    place = Place(os.environ.get("HOME", "/"))
    match order["do"]:
        case "pack":
            os.ftruncate(ARCHIVE, 0)
            with open(ARCHIVE, "wb", buffering=1 << 20) as archive:
                pack(archive, [Content(**content) for content in order["contents"]], place, _say)
        case "unpack":
            with open(ARCHIVE, "rb", buffering=1 << 20) as archive:
                unpack(archive, place.at(order["dest_dir"]), _say)
        case "render":
            text = render(order["template"], os.environ, place)
            with open(ARCHIVE, "wb") as file:
                file.write(text.encode(errors="surrogateescape"))


def _say(line: str) -> None:
    sys.stdout.buffer.write(line.encode(errors="surrogateescape") + b"\n")
    sys.stdout.buffer.flush()


def _limit_memory() -> None:
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (OSError, ValueError):
        pass  # a stricter limit is there already
