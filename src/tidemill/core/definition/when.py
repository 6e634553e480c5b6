"""`when` as it is written: names, globs and regular expressions become conditions (reference 2.1)."""

from collections.abc import Callable

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import listed, shown
from tidemill.core.definition.fields import Fields
from tidemill.core.definition.keys.kind import Kind
from tidemill.core.definition.keys.when import CONDITIONS, EVENT_CONDITIONS, EVENTS, WHEN
from tidemill.core.globs import is_glob
from tidemill.core.patterns import Pattern, parse_path_glob, parse_pattern
from tidemill.core.when import Conditions, When

_DELIMITERS = ("/", "#")
_Read = Callable[[Cursor], Pattern]


def read_when(cursor: Cursor) -> When | None:
    """Conditions on the ref and the occasion; None where there are none to fulfil."""
    if cursor.is_null:
        return None
    if not isinstance(cursor.data, dict):
        cursor.complain(f"`when` must be a mapping such as `{{branch: main}}`, not {cursor.kind}")
        return None
    fields = Fields(cursor, WHEN)
    name = _literal_name if cursor.findings.is_agola else _name
    return When(
        branch=_conditions(fields["branch"], CONDITIONS, name),
        tag=_conditions(fields["tag"], CONDITIONS, name),
        ref=_conditions(fields["ref"], CONDITIONS, name),
        event=_conditions(fields["event"], EVENT_CONDITIONS, _event),
        message=_conditions(fields["message"], CONDITIONS, _literal_name),
        paths=tuple(_path(item) for item in fields["paths"].one_or_more()),
        paths_ignore=tuple(_path(item) for item in fields["paths_ignore"].one_or_more()),
    )


def _conditions(cursor: Cursor, kind: Kind, read: _Read) -> Conditions | None:
    if cursor.is_null:
        return None
    if not isinstance(cursor.data, dict):
        return Conditions(include=tuple(read(item) for item in cursor.one_or_more()))
    known = kind.keys
    for key in cursor.data:
        if key not in known:
            near = cursor.findings.nearest(key, known)
            what = f"unknown key {shown(key)}: a condition has `include` and `exclude`{near}"
            cursor.at(key, None).complain(what, at_key=True)
    return Conditions(
        include=_patterns(cursor.at("include", cursor.data.get("include")), read),
        exclude=_patterns(cursor.at("exclude", cursor.data.get("exclude")), read),
    )


def _patterns(cursor: Cursor, read: _Read) -> tuple[Pattern, ...]:
    if cursor.findings.is_agola and not isinstance(cursor.data, str | list | None):
        cursor.warn(f"{cursor.kind} is not a pattern: Agola takes it for an empty list; write a string")
        return ()
    return tuple(read(item) for item in cursor.one_or_more())


def _name(cursor: Cursor) -> Pattern:
    return _parsed(cursor, lambda text: parse_pattern(text, globs=True))


def _literal_name(cursor: Cursor) -> Pattern:
    return _parsed(cursor, parse_pattern)


def _path(cursor: Cursor) -> Pattern:
    return _parsed(cursor, parse_path_glob)


def _event(cursor: Cursor) -> Pattern:
    word = _text(cursor)
    if word is not None and word not in EVENTS:
        near = cursor.findings.nearest(word, EVENTS)
        cursor.complain(f"unknown event {shown(word)}{near or f': there are {listed(EVENTS)}'}")
    return Pattern(text=word or "")


def _parsed(cursor: Cursor, parse: Callable[[str], Pattern]) -> Pattern:
    text = _text(cursor)
    if text is None:
        return Pattern(text="")
    findings = cursor.findings
    is_compiled = text.startswith(_DELIMITERS) or is_glob(text)
    if is_compiled and not findings.may_compile(text):
        cursor.complain(f"more than {findings.most_patterns} regular expressions and globs: leave some out")
        return Pattern(text=text)
    try:
        return parse(text)
    except ValueError as error:
        cursor.complain(f"{shown(text)} is not a pattern: {error}")
        return Pattern(text="")


def _text(cursor: Cursor) -> str | None:
    if isinstance(cursor.data, str):
        return cursor.data
    cursor.complain(f"a pattern must be a string, not {cursor.kind}: put it in quotes")
    return None
