"""Inputs and concurrency of a run: what runs have that Agola's do not."""

import re

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import listed, shown
from tidemill.core.definition.fields import Fields, fields_of
from tidemill.core.definition.keys.run import CONCURRENCY, INPUT
from tidemill.core.definition.nouns import Input, InputType
from tidemill.core.plan import Concurrency, Superseded

#: What a group of runs may be named after.
PLACEHOLDERS = ("branch", "tag", "ref", "pull_request_id", "run")

_TYPES = tuple(each.value for each in InputType)
_SUPERSEDED = tuple(each.value for each in Superseded)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_PLACEHOLDER = re.compile(r"\$\{([^}]*)(\}?)")


def read_inputs(cursor: Cursor) -> tuple[Input, ...]:
    """The inputs of a run, in their order."""
    found: dict[str, Input] = {}
    for entry in cursor.entries():
        variable = entry.key.upper().replace("-", "_")
        if not _NAME.fullmatch(entry.key):
            rule = "letters, digits, `_` and `-`, a letter or `_` first, at most 40 of them"
            entry.complain(f"{shown(entry.key)} cannot be the name of an input: write {rule}", at_key=True)
        elif variable in found:
            other = shown(found[variable].name)
            entry.complain(
                f"the inputs {other} and {shown(entry.key)} would both be TIDEMILL_INPUT_{variable}",
                at_key=True,
            )
        found[variable] = _input(entry)
    return tuple(found.values())


def _input(cursor: Cursor) -> Input:
    fields = fields_of(cursor, INPUT)
    if fields is None:
        return Input(name=cursor.key)
    type_ = _type(fields)
    choices = tuple(item.word() for item in fields["choices"].items())
    read = Input(
        name=cursor.key,
        type=type_ or InputType.STRING,
        description=fields["description"].text(),
        choices=choices,
    )
    if type_ is InputType.CHOICE and not choices and fields["choices"].data in (None, []):
        cursor.complain(f"the input {shown(cursor.key)} is a choice: write its `choices`")
    elif type_ not in (InputType.CHOICE, None) and fields.has("choices"):
        fields["choices"].complain("only an input of `type: choice` has choices", at_key=True)
    default = fields["default"]
    if default.is_null or type_ is None:
        return read
    return Input(
        name=read.name,
        type=read.type,
        description=read.description,
        default=_default(default, read),
        choices=choices,
    )


def _type(fields: Fields) -> InputType | None:
    """The type that is written; None after complaining."""
    cursor = fields["type"]
    word = cursor.string()
    if word in _TYPES:
        return InputType(word)
    if cursor.is_null:
        return InputType.STRING
    if isinstance(cursor.data, str):
        near = cursor.findings.nearest(word, _TYPES)
        cursor.complain(f"unknown type of input {shown(word)}{near or f': there are {listed(_TYPES)}'}")
    return None


def _default(cursor: Cursor, of: Input) -> str | None:
    """A default that the input's type allows."""
    if of.type is InputType.NUMBER and isinstance(cursor.data, float):
        text = repr(cursor.data)
    else:
        before = len(cursor.findings.faults)
        text = cursor.word()
        if len(cursor.findings.faults) > before:
            return None
    if not of.allows(text) and (of.type is not InputType.CHOICE or of.choices):
        cursor.complain(f"{shown(text)} is not allowed here: write {of.allowed}")
    return text


def read_concurrency(cursor: Cursor) -> Concurrency | None:
    """A group, alone or with what becomes of superseded runs."""
    if cursor.is_null:
        return None
    if isinstance(cursor.data, str):
        return Concurrency(group=_group(cursor))
    if not isinstance(cursor.data, dict):
        cursor.complain(f"`concurrency` must be a group's name or a mapping with `group`, not {cursor.kind}")
        return None
    fields = Fields(cursor, CONCURRENCY)
    group, superseded = fields["group"], fields["superseded"]
    if group.is_null:
        cursor.complain("`concurrency` needs a `group`: write `group: deploy-${branch}` or another name")
    word = superseded.string() or Superseded.QUEUE.value
    if word not in _SUPERSEDED:
        near = cursor.findings.nearest(word, _SUPERSEDED)
        superseded.complain(f"{shown(word)} is not known here{near or f': write {listed(_SUPERSEDED)}'}")
        word = Superseded.QUEUE.value
    return Concurrency(group=_group(group), superseded=Superseded(word))


def _group(cursor: Cursor) -> str:
    text = cursor.string()
    if not text and cursor.data == "":
        cursor.complain("the group of `concurrency` is empty: write a name such as `deploy-${branch}`")
    for found in _PLACEHOLDER.finditer(text):
        name, end = found.groups()
        if not end:
            cursor.complain(f"{shown(found.group())} has no `}}`: close it")
        elif name not in PLACEHOLDERS:
            near = cursor.findings.nearest(name, PLACEHOLDERS)
            there_are = f": there are {listed(f'${{{each}}}' for each in PLACEHOLDERS)}"
            cursor.complain(f"unknown placeholder {shown(found.group())}{near or there_are}")
    return text
