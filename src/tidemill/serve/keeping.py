"""Small files that are made once and kept: tokens and keys, for the eyes of their owner."""

import os
from collections.abc import Callable
from pathlib import Path

from tidemill.errors import BadRequest
from tidemill.kit.crypto import Keyring, new_key, parse_keys
from tidemill.settings import ConfigstoreSettings


def kept(path: Path, make: Callable[[], str]) -> str:
    """The text in the file at *path*; made at the first start, on the disk before anybody uses it."""
    if not path.exists() or not path.read_text().strip():  # a full disk may have left it empty
        _keep(path, make() + "\n")
    return path.read_text().strip()


def _keep(path: Path, text: str) -> None:
    """Have *text* in the file at *path*, for the eyes of its owner: all of it or what was there before."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def keyring(settings: ConfigstoreSettings, data_dir: Path) -> Keyring:
    """What secrets are encrypted under: given, or made at the first start."""
    if settings.secret_key:
        return parse_keys(settings.secret_key, "configstore.secret_key")
    if settings.secret_key_file:
        return parse_keys(read(Path(settings.secret_key_file)), settings.secret_key_file)
    path = data_dir / "secret-key"
    return parse_keys(kept(path, new_key), str(path))


def add_key(settings: ConfigstoreSettings, data_dir: Path) -> Path:
    """Put a new key before those in the key file, which stay; the file."""
    if settings.secret_key:
        raise BadRequest(
            "the keys are in configstore.secret_key; put a new one before them where that is set, made with:"
            " openssl rand -hex 32",
            code="badSettings",
        )
    path = Path(settings.secret_key_file or data_dir / "secret-key").resolve()
    keys = read(path)
    parse_keys(keys, str(path))
    _keep(path, f"{new_key()}\n{keys.strip()}\n")
    return path


def read(path: Path) -> str:
    """The text of a file that a setting names; raises BadRequest when it cannot be read."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadRequest(f"{path}: {reason}; name a file that can be read", code="badSettings") from error
