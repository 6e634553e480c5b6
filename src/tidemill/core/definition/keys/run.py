"""The keys of a whole configuration, its runs, and what only runs have."""

from tidemill.core.definition.keys.fragments import (
    DURATION,
    FLAG,
    NAME,
    REGISTRIES,
    SPAN,
    TEXT,
    VARIABLES,
    WHEN,
    list_of,
    map_of,
    one_or_list,
    ref,
)
from tidemill.core.definition.keys.kind import Key, Kind

_REGISTRIES = (
    "Credentials for image registries, by the name of the registry; an inner level replaces an entry."
)
_TIMEOUT = "How long a task may take, from the end of its setup; 0 is no limit."

WHOLE = Kind(
    name="configuration",
    what="the configuration",
    keys={
        "version": Key("The version of the language: 1.", {"enum": [1, "1", "v1"]}, ours=True),
        "include": Key(
            "Files of the same repository whose runs come before these.",
            one_or_list({"type": "string", "minLength": 1, "pattern": "^(?!/|\\.\\.?/)"}),
            ours=True,
        ),
        "variables": Key(
            "What variables are when neither the server nor the command line says it.", VARIABLES, ours=True
        ),
        "runs": Key("The runs that a commit may get.", list_of(ref("run"), least=1)),
        "docker_registries_auth": Key(_REGISTRIES, REGISTRIES),
        "task_timeout_interval": Key(_TIMEOUT, DURATION),
    },
    rules={
        "anyOf": [
            {"required": ["runs"], "properties": {"runs": {"type": "array"}}},
            {"required": ["include"], "properties": {"include": {"not": {"type": "null"}}}},
        ]
    },
)

RUN = Kind(
    name="run",
    what="a run",
    keys={
        "name": Key("Its name, once in a file, at most 100 bytes.", NAME, required=True),
        "when": Key("For which refs and occasions the run is made; always, when it is not given.", WHEN),
        "inputs": Key(
            "What who starts the run by hand may say, by name.",
            map_of({"anyOf": [ref("input"), {"type": "null"}]})
            | {"propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_-]*$", "maxLength": 40}},
            ours=True,
        ),
        "variables": Key("Like the file's, over them.", VARIABLES, ours=True),
        "concurrency": Key(
            "Runs of the same group are not at work at the same time; a string is the group.",
            {"anyOf": [{"type": "string", "minLength": 1}, ref("concurrency")]},
            ours=True,
        ),
        "fail_fast": Key(
            "The first failure stops what runs, and nothing begins but what is there for failures.",
            FLAG,
            ours=True,
        ),
        "timeout": Key("How long the whole run may take; 0 is no limit.", SPAN, ours=True),
        "tasks": Key("Its tasks.", list_of(ref("task"))),
        "docker_registries_auth": Key(_REGISTRIES, REGISTRIES),
        "task_timeout_interval": Key(_TIMEOUT, DURATION),
    },
)

INPUT = Kind(
    name="input",
    what="an input",
    keys={
        "type": Key(
            "What its value may be; `string` when it is not given.",
            {"enum": ["string", "number", "boolean", "choice"]},
        ),
        "description": Key("What it is for.", TEXT),
        "default": Key("What it is when nobody says it; without one it must be said.", TEXT),
        "choices": Key(
            "What a choice is one of.", list_of({"type": ["string", "integer", "boolean"]}, least=1)
        ),
    },
    rules={
        "if": {"properties": {"type": {"const": "choice"}}, "required": ["type"]},
        "then": {"required": ["choices"]},
        "else": {"properties": {"choices": {"type": "null"}}},
    },
)

CONCURRENCY = Kind(
    name="concurrency",
    what="`concurrency`",
    keys={
        "group": Key(
            "The group; it may hold ${branch}, ${tag}, ${ref}, ${pull_request_id} and ${run}.",
            {"type": "string", "minLength": 1},
            required=True,
        ),
        "superseded": Key(
            "Whether a new run waits for those before it (`queue`) or has them cancelled (`cancel`).",
            {"enum": ["cancel", "queue"]},
        ),
    },
)

REGISTRY = Kind(
    name="registry",
    what="the credentials of a registry",
    keys={
        "type": Key("`basic` (user and password) or `encodedauth` (both in `auth`).", TEXT),
        "username": Key("Who to log in as.", ref("value")),
        "password": Key("The password.", ref("value")),
        "auth": Key("The base64 form of `user:password`.", ref("value")),
    },
)

VALUE = Kind(
    name="value",
    what="a value",
    is_exact=True,
    keys={
        "from_variable": Key("The variable that says it.", {"type": "string", "minLength": 1}),
        "from_input": Key(
            "The input of the run that says it.", {"type": "string", "minLength": 1}, ours=True
        ),
    },
    rules={"minProperties": 1, "maxProperties": 1},
)
