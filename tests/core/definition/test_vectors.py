"""Every row of the tables of configurations, read in both dialects."""

import pytest

from tests.core.definition.vectors import Says, Vector
from tests.core.definition.vectors_agola import AGOLA
from tests.core.definition.vectors_agola_steps import AGOLA_STEPS
from tests.core.definition.vectors_ours import OURS
from tests.core.definition.vectors_ours_tasks import OURS_TASKS
from tidemill.core.definition.faults import Fault, WrongDefinition
from tidemill.core.definition.nouns import Dialect
from tidemill.core.definition.reading import read_definition

VECTORS = [*AGOLA, *AGOLA_STEPS, *OURS, *OURS_TASKS]


def said(vector: Vector, dialect: Dialect) -> tuple[tuple[Fault, ...], tuple[Fault, ...]]:
    """The faults and the warnings."""
    try:
        reading = read_definition(vector.data, dialect)
    except WrongDefinition as wrong:
        return wrong.faults, wrong.warnings
    return (), reading.warnings


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.id)
def test_what_each_dialect_says(vector: Vector, dialect: Dialect) -> None:
    """What is wrong is said once, at one place, and what is odd is a warning."""
    faults, warnings = said(vector, dialect)
    expected: Says = vector.says(dialect)
    for found, words in ((faults, expected.faults), (warnings, expected.warnings)):
        messages = [fault.message for fault in found]
        assert len(messages) == len(words), messages
        for message, part in zip(messages, words, strict=True):
            assert part in message


def test_each_row_shows_something_of_its_own() -> None:
    """Rows have different names."""
    assert len({vector.id for vector in VECTORS}) == len(VECTORS)
