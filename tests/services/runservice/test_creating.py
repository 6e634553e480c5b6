"""Plans that the server cannot run as they say."""

import pytest
from msgspec.structs import replace

from tests.services.runservice.playing import Service, create, plan
from tidemill.core.plan import Concurrency
from tidemill.core.run import Phase

pytestmark = pytest.mark.anyio


async def test_a_concurrency_group_is_not_ignored(service: Service) -> None:
    """The run says that the server does not know them yet, and nothing of it runs."""
    (run,) = await create(service.runs, replace(plan(), concurrency=Concurrency(group="deploy")))
    assert run.phase is Phase.SETUP_ERROR
    assert run.setup_errors == ("not supported by this server: `concurrency`",)
