"""Logging in and out: what is kept, for whom, and which server is asked."""

import io
import json
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Tidemill
from tests.system.server import Server, User
from tidemill.cli.logins import path

PASSWORD = "correct horse battery"


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """What comes in at standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


@pytest.fixture(scope="module")
def dora(server: Server) -> User:
    return server.user("dora")


def test_a_token_is_kept_for_one_server_and_for_its_owner_alone(
    dora: User, tidemill: Tidemill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is checked, stored with mode 0600, used without options, and sent to no other server."""
    url = dora.server.url
    typed(monkeypatch, "wrong")
    assert "does not know this token" in tidemill("login", url, "--with-token").complaint
    assert not path().exists()
    typed(monkeypatch, dora.token)
    assert tidemill("login", f"{url}/", "--with-token") == (0, "", f"logged in at {url} as dora\n")
    assert stat.S_IMODE(path().stat().st_mode) == 0o600
    assert [file.name for file in path().parent.iterdir()] == ["logins.json"]
    assert tidemill("whoami").out == f"dora at {url}\n"
    assert json.loads(tidemill("whoami", "-o", "json").out) == {"server": url, "user": "dora"}
    other = url.replace("127.0.0.1", "localhost")
    assert "a token is needed" in tidemill("whoami", "-u", other).complaint
    assert "does not know this token" in tidemill("whoami", "--token", "other").complaint
    assert tidemill("logout") == (0, "", f"logged out at {url}\n")
    assert "nobody is logged in" in tidemill("logout").complaint
    assert tidemill("whoami", "-u", url, "--token", dora.token).code == 0


def test_a_password_becomes_a_token_that_goes_with_the_login(
    dora: User, tidemill: Tidemill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`password` sets it, `login` makes a token with it and leaves no session, `logout` deletes the token."""
    url = dora.server.url
    monkeypatch.setenv("TIDEMILL_GATEWAY_URL", url)
    monkeypatch.setenv("TIDEMILL_TOKEN", dora.token)
    typed(monkeypatch, "", PASSWORD)
    assert tidemill("password") == (0, "", "the password of dora is set\n")
    monkeypatch.delenv("TIDEMILL_TOKEN")
    typed(monkeypatch, "guessed wrong")
    refused = tidemill("login", url, "--user", "dora")
    assert refused.complaint == f"dora has another password at {url}"
    typed(monkeypatch, PASSWORD)
    assert tidemill("login", url, "--user", "dora").code == 0
    kept = json.loads(path().read_text())["tokens"][url]
    assert kept != dora.token
    assert tidemill("whoami").out == f"dora at {url}\n"
    assert tidemill("logout").code == 0
    assert "does not know this token" in tidemill("whoami", "--token", kept).complaint
    typed(monkeypatch, PASSWORD, "another long password")
    assert tidemill("password", "--token", dora.token).code == 0


def test_a_file_that_is_no_file_of_logins_is_said(tidemill: Tidemill) -> None:
    """What to do about it too; a server and a token that are given need no file."""
    path().parent.mkdir(parents=True)
    path().write_text("{")
    answer = tidemill("whoami")
    assert answer.code == 1
    assert "is not a file of logins" in answer.complaint
    assert "remove it and log in again" in answer.complaint


def test_nothing_secret_is_asked_for_what_is_no_address(tidemill: Tidemill, tmp_path: Path) -> None:
    """An address that cannot be one is refused first."""
    assert "begins with http" in tidemill("login", "ci.example").complaint
    assert (
        "give --user or --with-token"
        in tidemill("login", "http://x", "--user", "a", "--with-token").complaint
    )
