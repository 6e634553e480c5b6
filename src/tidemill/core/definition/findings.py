"""What one reading of a configuration has found so far, and how much work it may still do."""

from collections.abc import Callable, Collection

from tidemill.core.definition.faults import Fault, nearest
from tidemill.core.definition.nouns import Dialect

_COMPARISONS = 20_000
_PATTERNS = 400
_MATRIX_TASKS = 5_000
_MATRIX_VALUES = 100_000
_MATRIX_COMPARISONS = 500_000
_MATRIX_CHARACTERS = 8 * 1024 * 1024
_MATRIX_EDGES = 100_000


CheckTemplate = Callable[[str], str]
"""Says what is wrong with the template of a cache's key; "" when it can be used."""


class Allowance:
    """So many of something may be used in one reading."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._left = most

    def take(self, count: int = 1) -> bool:
        """Use *count* of it; False, and nothing is used, when there is not that much left."""
        if count > self._left:
            return False
        self._left -= count
        return True


class Findings:
    """Faults and warnings of one reading, the rules that it follows, its allowances.

    What a small text can ask for is bounded before it is built: the combinations of matrices, the
    edges between them, the patterns that are compiled, the words that are compared for a hint.
    """

    def __init__(self, dialect: Dialect, check_template: CheckTemplate | None = None) -> None:
        self.dialect = dialect
        self.check_template = check_template or _unchecked
        self.is_agola = dialect is Dialect.AGOLA
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []
        self.inputs: dict[str, None] | None = None
        """Names of the inputs of the run that is being read; None outside of runs."""
        self.most_patterns = _PATTERNS
        self.matrix_tasks = Allowance(_MATRIX_TASKS)
        self.matrix_values = Allowance(_MATRIX_VALUES)
        self.matrix_characters = Allowance(_MATRIX_CHARACTERS)
        self.matrix_edges = Allowance(_MATRIX_EDGES)
        self.matrix_comparisons = Allowance(_MATRIX_COMPARISONS)
        self._comparisons = Allowance(_COMPARISONS)
        self._patterns: set[str] = set()

    def nearest(self, word: str, known: Collection[str]) -> str:
        """A hint as `nearest` gives it; nothing once very many words were compared."""
        return nearest(word, known) if self._comparisons.take(len(known)) else ""

    def may_compile(self, pattern: str) -> bool:
        """Whether another expression or glob may be compiled; one that is known costs nothing."""
        if len(self._patterns) < self.most_patterns:
            self._patterns.add(pattern)
        return pattern in self._patterns


def _unchecked(template: str) -> str:  # noqa: ARG001 - whoever reads without a check takes every template
    return ""
