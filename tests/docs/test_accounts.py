"""The commands of docs/accounts.md, as they stand there, at a real server."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.require import require
from tests.system.server import Server

PAGE = Path(__file__).parents[2] / "docs" / "accounts.md"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Reached over plain HTTP, as the page says where it has to be said."""
    running = Server(tmp_path / "data", environment={"TIDEMILL_GATEWAY_UNSECURE_COOKIES": "true"}).start()
    yield running
    assert running.stop() == 0
    running.clear_away()


def test_the_commands_of_the_page(server: Server, tmp_path: Path) -> None:
    """A password is set, it opens a session, a token is made in it, and it ends."""
    require("curl", shutil.which("curl") is not None, "install curl")
    server.user("alice")
    blocks = re.findall(r"^```\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    blocks = [block for block in blocks if "curl" in block]
    assert len(blocks) == 3
    script = "set -euo pipefail\n" + "echo\n".join([*blocks, 'curl -s -b jar "$URL/api/v1alpha/user"\n'])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "URL": server.url, "ADMIN_TOKEN": server.admin_token},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    login, user, made, ended = [
        json.loads(line) for line in re.findall(r"[{\[][^\n]*?[}\]](?=[{\[]|\n|$)", done.stdout)
    ]
    assert login["user"]["username"] == user["username"] == "alice"
    assert len(made["token"]) == 40
    assert ended[0]["code"] == "unauthorized"
