"""What the fuzz starts from: the examples, the blocks of the documentation, and the vectors."""

from typing import NamedTuple

from tests.core.definition.test_vectors import VECTORS
from tests.docs.blocks import blocks
from tests.examples.repositories import EXAMPLES, files_of
from tidemill.planning.planned import CANDIDATES


class Commit(NamedTuple):
    """A configuration and the other files of its commit."""

    file: str
    raw: bytes
    beside: dict[str, bytes]

    @property
    def language(self) -> str:
        return self.file.rpartition(".")[2]

    @property
    def files(self) -> dict[str, bytes]:
        return self.beside | {self.file: self.raw}


def _examples() -> list[Commit]:
    found = []
    for example in EXAMPLES:
        files = files_of(example)
        file = next(path for path in CANDIDATES if path in files)
        raw = files.pop(file)
        found.append(Commit(file, raw, files))
    return found


def corpus() -> list[Commit]:
    """All of it, always in the same order."""
    page = [Commit(block.file, block.whole.encode(), {}) for block in blocks()]
    vectors = [
        Commit(f"{folder}/config.yml", vector.text.encode(), {})
        for vector in VECTORS
        for folder in (".tidemill", ".agola")
    ]
    return [*_examples(), *page, *vectors]
