"""Where the key of secrets comes from: settings, a file of theirs, or the first start."""

import stat
from pathlib import Path

import pytest

from tidemill.errors import BadRequest
from tidemill.kit.crypto import Keyring, key_id
from tidemill.serve.hiding import hidden
from tidemill.serve.keeping import add_key, keyring
from tidemill.settings import ConfigstoreSettings, Secret, Settings

ONE, TWO = "1" * 64, "2" * 64


def given(**configstore: str) -> ConfigstoreSettings:
    return ConfigstoreSettings(
        **{name: Secret(text) if name == "secret_key" else text for name, text in configstore.items()}
    )


def keys(data: Path, **configstore: str) -> Keyring:
    return keyring(given(**configstore), data)


def test_the_first_start_makes_a_key_and_the_next_ones_keep_it(tmp_path: Path) -> None:
    """For the eyes of the owner alone; a file that a full disk left empty is made anew."""
    path = tmp_path / "secret-key"
    path.write_text("")
    made = keys(tmp_path).current
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys(tmp_path).current == made == key_id(bytes.fromhex(path.read_text().strip()))
    assert [file.name for file in tmp_path.iterdir()] == ["secret-key"]


def test_settings_win_and_make_no_file(tmp_path: Path) -> None:
    """Keys in a setting, or in a file that one names: which no task sees."""
    file = tmp_path / "keys"
    file.write_text(f"{TWO}\n{ONE}\n")
    data = tmp_path / "data"
    assert keys(data, secret_key=ONE).current == key_id(bytes.fromhex(ONE))
    both = keys(data, secret_key_file=str(file))
    assert both.current == key_id(bytes.fromhex(TWO))
    assert key_id(bytes.fromhex(ONE)) in both.ids()
    assert not data.exists()
    settings = Settings(data_dir=data, configstore=given(secret_key_file=str(file)))
    assert file in hidden(settings, data, None, [])


def test_a_new_key_stands_before_the_others(tmp_path: Path) -> None:
    """In the file that is used, whole, for the eyes of its owner; what a link points to is changed."""
    first = keys(tmp_path).current
    path = add_key(given(), tmp_path)
    assert path == tmp_path / "secret-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ring = keys(tmp_path)
    assert ring.ids() == (ring.current, first)
    assert ring.current != first
    (tmp_path / "link").symlink_to(path)
    add_key(given(secret_key_file=str(tmp_path / "link")), tmp_path)
    assert (tmp_path / "link").is_symlink()
    assert keys(tmp_path).ids()[1:] == ring.ids()


def test_a_new_key_is_not_put_where_keys_are_not(tmp_path: Path) -> None:
    """Neither beside a setting that holds them, nor before a damaged one, nor into no file."""
    with pytest.raises(BadRequest, match=r"configstore\.secret_key"):
        add_key(given(secret_key=ONE), tmp_path)
    with pytest.raises(BadRequest, match="No such file"):
        add_key(given(), tmp_path)
    (tmp_path / "secret-key").write_text("damaged")
    with pytest.raises(BadRequest, match="expected keys"):
        add_key(given(), tmp_path)
    assert (tmp_path / "secret-key").read_text() == "damaged"


def test_what_cannot_be_a_key_stops_the_start(tmp_path: Path) -> None:
    """Saying where; a key that is damaged is never replaced, since secrets may need it."""
    path = tmp_path / "secret-key"
    path.write_text("damaged\n")
    with pytest.raises(BadRequest, match="secret-key: expected keys"):
        keys(tmp_path)
    assert path.read_text() == "damaged\n"
    with pytest.raises(BadRequest, match=r"configstore\.secret_key: expected keys"):
        keys(tmp_path, secret_key="short")
    with pytest.raises(BadRequest, match="none: No such file"):
        keys(tmp_path, secret_key_file=str(tmp_path / "none"))
