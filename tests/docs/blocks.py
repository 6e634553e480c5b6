"""The fenced examples of a page, each put in its place in a whole configuration."""

import re
from pathlib import Path
from textwrap import indent
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "run-configuration.md"

_FENCE = re.compile(r"^```(?P<info>[^\n]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NEXT_TO_IT = "- {name: build, runtime: {type: host}}\n"
"""The task that an example of a task may depend on."""
_RUN = "runs:\n  - name: example\n    tasks:\n"
_TASK = f"{_RUN}      - name: example\n        runtime: {{type: host}}\n        steps:\n"


class Block(NamedTuple):
    """One fenced block: what it says of itself, and where it begins."""

    line: int
    info: str
    text: str

    @property
    def id(self) -> str:
        return f"line-{self.line}-{self.info.replace(' ', '-')}"

    @property
    def file(self) -> str:
        """The configuration that it stands for."""
        ending = {"jsonnet": "jsonnet", "starlark": "star"}.get(self.info, "yml")
        return f".tidemill/config.{ending}"

    @property
    def whole(self) -> str:
        """The configuration with the example in its place."""
        match self.info.split()[1:2]:
            case [] | ["config"]:
                return self.text
            case ["run"]:
                return "runs:\n" + _item(self.text, 2)
            case ["task"]:
                return _RUN + indent(_NEXT_TO_IT, " " * 6) + _item(self.text, 6)
            case ["tasks"]:
                return _RUN + indent(self.text, " " * 6)
            case ["steps"]:
                return _TASK + indent(self.text, " " * 10)
        raise AssertionError(f"line {self.line}: nothing is known of `{self.info}`")


def blocks(page: Path = PAGE) -> list[Block]:
    """Every fenced block that has an info string."""
    text = page.read_text()
    return [
        Block(text.count("\n", 0, found.start()) + 1, found["info"], found["text"])
        for found in _FENCE.finditer(text)
    ]


def _item(text: str, depth: int) -> str:
    """*text* as an element of a list that is *depth* deep."""
    inner = indent(text, " " * (depth + 2))
    return inner[:depth] + "-" + inner[depth + 1 :]
