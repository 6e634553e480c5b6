"""Bytes become a document: limits, encoding, and syntax errors that say where and what to do."""

import yaml

from tidemill.kit.formats.building import Builder
from tidemill.kit.formats.document import Document, NotReadable, Place

MAX_BYTES = 1024 * 1024


def read_yaml(raw: bytes) -> Document:
    """The first document of *raw* (YAML 1.1, of which JSON is a part); NotReadable says what is wrong."""
    if len(raw) > MAX_BYTES:
        raise NotReadable(f"the file has {len(raw)} bytes; at most {MAX_BYTES} are read")
    text = decode(raw)
    builder = Builder()
    try:
        for event in yaml.parse(text, Loader=yaml.CLoader):
            builder.take(event)
            if builder.is_complete:
                break
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode(errors="replace")
        raise NotReadable(
            f"the character U+{error.character:04X} is not allowed here: remove it", end_of(before)
        ) from None
    except yaml.MarkedYAMLError as error:
        raise _explain(error, text) from None
    return builder.document()


def decode(raw: bytes) -> str:
    """Text in UTF-8; NotReadable says what is wrong with it."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise NotReadable("the file is UTF-16: save it as UTF-8", Place(1, 1)) from None
        before = raw[: error.start].decode("utf-8-sig")
        byte = raw[error.start]
        raise NotReadable(
            f"the byte 0x{byte:02x} is not valid UTF-8: save the file as UTF-8", end_of(before)
        ) from None


def end_of(text: str) -> Place:
    """The place of the character that follows *text*."""
    lines = text.split("\n")
    return Place(len(lines), len(lines[-1]) + 1)


def _explain(error: yaml.MarkedYAMLError, text: str) -> NotReadable:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return NotReadable(f"not valid YAML: {error}")
    end = end_of(text)
    place = min(Place(mark.line + 1, mark.column + 1), end)
    line = text.split("\n")[place.line - 1]
    if line[place.column - 1 : place.column] == "\t":
        return NotReadable("YAML does not allow tabs for indentation: use spaces", place)
    message = f"not valid YAML: {error.problem}"
    begin = error.context_mark
    if error.context and begin is not None and begin.line + 1 < place.line:
        message += f" ({error.context} that begins in line {begin.line + 1})"
    if error.problem == "mapping values are not allowed in this context":
        message += ": indent the line like those beside it, or put a text with a colon and a space in quotes"
    elif place == end:
        message += ": the file ends too early"
    return NotReadable(message, place)
