"""Two thousand configurations, always the same ones: each becomes a plan or problems within the limits."""

import pytest

from tests.fuzz.cases import case, cases
from tests.fuzz.running import Report, run
from tidemill.planning.frames import Limits

pytestmark = pytest.mark.anyio

SEED = 1
COUNT = 2000


async def test_every_configuration_is_planned_or_refused() -> None:
    """None kills the child but by its limits, none lacks an answer, every problem has a message and a place."""
    report: Report = await run(cases(SEED, COUNT))
    told = "\n".join(report.lines())
    assert [f"case {case.number}: {complaint}" for case, complaint in report.complaints] == [], told
    assert report.count == COUNT
    assert report.peak <= Limits().memory
    outcomes = report.outcomes()
    for outcome in ("planned", "planned, with warnings", "one problem", "several problems"):
        assert outcomes[outcome] >= COUNT // 20, told


async def test_a_case_is_the_same_whenever_it_is_made() -> None:
    """By seed and number alone, so that what was found once is found again."""
    some = list(cases(7, 120, first=80))
    assert [case(7, number) for number in (199, 100, 81)] == [some[119], some[20], some[1]]
    assert {each.kind for each in some} == {"data", "yaml", "jsonnet", "starlark", "hostile"}
