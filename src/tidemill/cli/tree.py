"""A tree of lines: drawn with colours on a terminal, with plain characters elsewhere."""

import sys
from collections.abc import Iterator
from typing import NamedTuple

from tidemill.cli.output import inert

Piece = tuple[str, str]
"""Text and its style."""


class Node(NamedTuple):
    """A line, and those below it."""

    pieces: tuple[Piece, ...]
    below: "tuple[Node, ...]" = ()

    @property
    def text(self) -> str:
        return "".join(_one_line(text) for text, _ in self.pieces)


def print_tree(node: Node) -> None:
    """Print *node* on stdout."""
    if sys.stdout.isatty():
        _print_in_colour(node)
        return
    for line in plain(node):
        sys.stdout.write(line + "\n")


def plain(node: Node, first: str = "", rest: str = "") -> Iterator[str]:
    """The lines of the tree in characters that every file and terminal has."""
    yield first + node.text
    for number, child in enumerate(node.below, 1):
        is_last = number == len(node.below)
        yield from plain(
            child, f"{rest}{'`-- ' if is_last else '|-- '}", f"{rest}{'    ' if is_last else '|   '}"
        )


def _print_in_colour(node: Node) -> None:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    def grown(node: Node, into: Tree | None = None) -> Tree:
        label = Text.assemble(*((_one_line(text), style) for text, style in node.pieces))
        tree = Tree(label, guide_style="dim") if into is None else into.add(label)
        for child in node.below:
            grown(child, tree)
        return tree

    Console(highlight=False, emoji=False, markup=False).print(grown(node))


def _one_line(text: str) -> str:
    """*text* in one line, the blanks at its ends kept."""
    return inert(text).replace("\n", " ").replace("\t", " ")
