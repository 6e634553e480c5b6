"""What has happened in a world, in order, for whoever has to understand it."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

from tests.simulation.process import PROCESS


class Violation(Exception):
    """Something that must never be."""

    def __init__(self, what: str, details: str) -> None:
        super().__init__(f"{what}: {details}")
        self.what = what


class History:
    """Everything that was told, and the first thing that was wrong."""

    def __init__(self) -> None:
        self.violation: Violation | None = None
        self.stop: Callable[[], None] = lambda: None
        """Ends the world, in which nothing more is worth seeing."""
        self._told: list[tuple[float, str, str, tuple[Any, ...]]] = []

    def tell(self, text: str, *values: Any, who: str = "") -> None:
        """Note something; it is put into words only if somebody asks."""
        process = PROCESS.get()
        teller = who or (repr(process) if process is not None else "world")
        self._told.append((asyncio.get_running_loop().time(), teller, text, values))

    def complain(self, what: str, details: str) -> None:
        """Note what must not be; only the first counts."""
        self.tell("VIOLATION {}: {}", what, details)
        if self.violation is None:
            self.violation = Violation(what, details)
            self.stop()

    def lines(self) -> list[str]:
        """In words."""
        return [f"{at:9.3f}  {who:14} {text.format(*values)}" for at, who, text, values in self._told]

    def digest(self) -> str:
        """The same for the same history, letter by letter."""
        return hashlib.sha256("\n".join(self.lines()).encode()).hexdigest()[:16]
