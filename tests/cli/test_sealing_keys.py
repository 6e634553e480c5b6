"""`tidemill sealing-key` against a real server, and beside one."""

import json
import stat
from pathlib import Path

from tests.cli.conftest import Tidemill
from tests.system.server import User


def test_keys_are_listed_and_one_takes_over(as_administrator: None, tidemill: Tidemill) -> None:
    """With nothing to do it says so."""
    key = json.loads(tidemill("sealing-key", "list", "-o", "json").out)[0]
    assert (key["current"], key["here"]) == (True, True)
    heading, row = tidemill("sealing-key", "list").out.splitlines()
    assert heading.split() == ["KEY", "CURRENT", "HERE", "SECRETS"]
    assert row.split()[0] == key["id"]
    done = tidemill("sealing-key", "reseal", "-o", "json")
    assert json.loads(done.out) == {"resealed": 0, "unopened": 0}
    told = tidemill("sealing-key", "reseal")
    assert told.out == "0 secrets encrypted anew; what is left under older keys: 0 secrets\n"
    assert (told.code, told.err) == (0, "")


def test_keys_are_for_administrators(as_alice: User, tidemill: Tidemill) -> None:
    """Who is none is told."""
    assert "administrators" in tidemill("sealing-key", "list").complaint


def test_a_new_key_is_put_into_the_file(tmp_path: Path, tidemill: Tidemill) -> None:
    """It says where, and what to do next; the key itself is not printed."""
    file = tmp_path / "secret-key"
    file.write_text("1" * 64 + "\n")
    told = tidemill("sealing-key", "new", "--data-dir", str(tmp_path))
    new, old = file.read_text().split()
    assert old == "1" * 64
    assert str(file) in told.out
    assert "restart" in told.out
    assert new not in told.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
