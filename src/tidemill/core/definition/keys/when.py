"""The keys of `when`."""

from tidemill.core.definition.keys.fragments import STRING, one_or_list, ref, words
from tidemill.core.definition.keys.kind import Key, Kind, Schema

EVENTS = ("push", "pull_request", "manual", "direct")


def _conditions(name: str, one: Schema) -> Schema:
    return {"anyOf": [*one_or_list(one)["anyOf"], ref(name)]}


def _kind(name: str, one: Schema) -> Kind:
    patterns = one_or_list(one)
    return Kind(
        name=name,
        what="a condition",
        is_exact=True,
        keys={
            "include": Key("Patterns of which one must match.", patterns),
            "exclude": Key("Patterns of which none may match.", patterns),
        },
    )


#: Of branch, tag, ref and message: /…/ and #…# are regular expressions.
CONDITIONS = _kind("conditions", STRING)
EVENT_CONDITIONS = _kind("event_conditions", words(EVENTS))

_NAMES = _conditions("conditions", STRING)
_GLOB: Schema = {"type": "string", "minLength": 1, "pattern": "^(?!/|\\.\\.?/)(.*[^/])?$"}

WHEN = Kind(
    name="when",
    what="`when`",
    keys={
        "branch": Key("Branches: names, globs, /regular expressions/.", _NAMES),
        "tag": Key("Tags: names, globs, /regular expressions/.", _NAMES),
        "ref": Key("Full refs such as refs/heads/main: names, globs, /regular expressions/.", _NAMES),
        "event": Key(
            "Events: push, pull_request, manual, direct.",
            _conditions("event_conditions", words(EVENTS)),
            ours=True,
        ),
        "message": Key("What is searched for in the commit's message.", _NAMES, ours=True),
        "paths": Key(
            "Globs; one of the changed files must match one of them.", one_or_list(_GLOB), ours=True
        ),
        "paths_ignore": Key(
            "Globs; one of the changed files must match none of them.", one_or_list(_GLOB), ours=True
        ),
    },
)
