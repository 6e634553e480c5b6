"""A carrier behind which there is nobody."""

import pytest

from tests.kit.probe import Probe, Ref
from tidemill.errors import Unavailable
from tidemill.kit.carriers import absent

pytestmark = pytest.mark.anyio


async def test_nobody_answers_whatever_is_asked() -> None:
    """With the reason, which says what to set; streams too, before their first byte."""
    nobody = absent(Probe, "the probe is not here; set probe.url")
    for asked in (nobody.path(Ref("x"), 1), nobody.items(), nobody.download(3)):
        with pytest.raises(Unavailable, match=r"set probe\.url"):
            await asked
