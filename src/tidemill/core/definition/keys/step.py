"""The keys of steps: those that all kinds have, and each kind's own."""

from tidemill.core.definition.keys.fragments import (
    ENVIRONMENT,
    FLAG,
    SPAN,
    STRING,
    WHEN,
    list_of,
    one_or_list,
    ref,
)
from tidemill.core.definition.keys.kind import Key, Kind, Schema

SOME_TEXT: Schema = {"type": "string", "minLength": 1}
_CONTENTS = list_of(ref("content"))

COMMON = {
    "name": Key("What it is called.", STRING),
    "when": Key("When it is done; else it is passed over.", WHEN),
    "timeout": Key("How long it may take.", SPAN, ours=True),
    "ignore_failure": Key("Its failure does not fail the task.", FLAG, ours=True),
    "always": Key("It is done also after a failure, a stop or the end of the time.", FLAG, ours=True),
}

_OWN = {
    "clone": {
        "depth": Key(
            "How many commits are fetched; all when it is not given.", {"type": "integer", "minimum": 1}
        ),
        "recurse_submodules": Key("Fetch submodules too.", FLAG),
    },
    "run": {
        "command": Key("What the shell is given.", SOME_TEXT, required=True),
        "environment": Key("Variables of its environment, over the task's.", ENVIRONMENT),
        "working_dir": Key("Where it begins, instead of the task's.", STRING),
        "shell": Key("What the command is given to, instead of the task's.", STRING),
        "tty": Key("Whether it has a terminal; true when it is not given.", FLAG),
    },
    "save_to_workspace": {
        "contents": Key("What is kept for the tasks that depend on this one.", _CONTENTS),
    },
    "restore_workspace": {
        "dest_dir": Key("Where the files of the tasks that this one depends on go.", STRING),
    },
    "save_cache": {
        "key": Key("Under which key, a template.", SOME_TEXT, required=True),
        "contents": Key("What is kept.", _CONTENTS),
    },
    "restore_cache": {
        "keys": Key(
            "Keys, templates: the first that is found counts.", list_of(STRING, least=1), required=True
        ),
        "dest_dir": Key("Where the files go.", STRING),
    },
    "artifacts": {
        "paths": Key("Globs of files below the working directory.", one_or_list(STRING)),
        "contents": Key("What is kept, from other directories.", _CONTENTS),
        "expire_after": Key("After how long it may be deleted, such as 168h.", SPAN),
    },
    "reports": {
        "junit": Key("Globs of files in JUnit's format.", one_or_list(SOME_TEXT), required=True),
    },
}
_RULES: dict[str, Schema] = {
    "artifacts": {"oneOf": [{"required": ["paths"]}, {"required": ["contents"]}]},
}
#: Kinds of steps that Agola does not know.
OURS = frozenset({"artifacts", "reports"})

STEPS = {
    name: Kind(name=f"step_{name}", what=f"a step `{name}`", keys=own | COMMON, rules=_RULES.get(name, {}))
    for name, own in _OWN.items()
}

CONTENT = Kind(
    name="content",
    what="an element of `contents`",
    keys={
        "source_dir": Key("The directory; the working directory when it is not given.", STRING),
        "dest_dir": Key("Under which directory they are kept.", STRING),
        "paths": Key("Globs of the files; all when it is not given.", list_of(STRING)),
    },
)
