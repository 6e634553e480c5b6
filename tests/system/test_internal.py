"""What only services may ask of each other."""

import httpx2
import pytest

from tests.system.server import Server


@pytest.mark.parametrize("path", ["configstore/users", "runservice/executors", "nothing"])
def test_nobody_reaches_the_services_behind_the_gateway(server: Server, path: str) -> None:
    """With all services in one process nobody may ask them, not even a job on the same machine."""
    answer = httpx2.get(f"{server.url}/internal/{path}", timeout=10)
    assert (answer.status_code, answer.json()[0]["code"]) == (401, "wrongServiceToken")
