"""Direct runs of users: there are none yet, and they are nobody else's business."""

import pytest

from tests.services.gateway.conftest import House, Person

pytestmark = pytest.mark.anyio


async def test_direct_runs_are_nobody_elses_business(house: House, alice: Person) -> None:
    """There are none yet; who asks is told so only if it is theirs."""
    bob = await house.person("bob")
    listed = await alice.ask("GET", "/users/alice/runs")
    assert (listed.status_code, listed.json(), listed.headers["X-Agola-Cursor"]) == (200, [], "")
    assert await house.admin.get("/users/alice/runs") == []
    assert await bob.failure("GET", "/users/alice/runs") == (403, "forbidden")
    assert await bob.failure("GET", "/users/alice/runs/1") == (403, "forbidden")
    assert await house.nobody.failure("GET", "/users/alice/runs") == (401, "unauthorized")
    assert await house.nobody.failure("GET", "/users/alice/runs/1") == (403, "forbidden")
    assert await alice.failure("GET", "/users/carol/runs") == (404, "userDoesNotExist")
    assert await bob.failure("GET", "/users/alice/runs/1/explain") == (403, "forbidden")
    for path in ("", "/explain", "/follow", "/tasks/t", "/tasks/t/logs?setup"):
        assert await alice.failure("GET", f"/users/alice/runs/1{path}") == (404, "runDoesNotExist")
    stop = {"action_type": "stop"}
    assert await alice.failure("PUT", "/users/alice/runs/1/actions", stop) == (404, "runDoesNotExist")
