"""Names and values that a command line gives: as words, or in files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tidemill.cli.usage import WRONG_USAGE
from tidemill.errors import BadRequest
from tidemill.kit.formats.document import NotReadable
from tidemill.kit.formats.reading import read_yaml


def pairs(words: Sequence[str], option: str, form: str = "NAME=VALUE") -> dict[str, str]:
    """Each `name=value` of *words*; raises BadRequest for another word."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise BadRequest(f"{option} {word}: write {option} {form}", code=WRONG_USAGE)
        found[name] = value
    return found


def read_values(path: Path) -> dict[str, str]:
    """A YAML or JSON mapping of names to texts; raises BadRequest that says what is wrong with the file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}") from error
    return parse_values(raw, str(path))


def parse_values(raw: bytes, path: str) -> dict[str, str]:
    """The same of what was read already; *path* is what it is called."""
    try:
        document = read_yaml(raw)
    except NotReadable as error:
        where = f":{error.place.line}:{error.place.column}" if error.place else ""
        raise BadRequest(f"{path}{where}: {error.message}") from error
    data: Any = document.data
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise BadRequest(f"{path} must hold a mapping such as `NAME: value`")
    for name, value in data.items():
        if not isinstance(value, str):
            place = document.place((name,))
            raise BadRequest(
                f"{path}:{place.line}:{place.column}: the value of {name!r} must be a text: put it in quotes"
            )
    return dict(data)
