"""The keys of a task, its runtime, its matrix and its dependencies."""

from tidemill.core.definition.keys.fragments import (
    AMOUNT,
    DURATION,
    ENVIRONMENT,
    FLAG,
    NAME,
    QUANTITY,
    REGISTRIES,
    SPAN,
    STRING,
    TEXT,
    WHEN,
    WORD,
    list_of,
    map_of,
    one_or_list,
    ref,
    words,
)
from tidemill.core.definition.keys.kind import Key, Kind, Schema

ARCHITECTURES = ("386", "amd64", "arm", "arm64")
RUNTIMES = ("pod", "host")
RETRY_ON = ("lost", "timeout", "failed")
MOST_ATTEMPTS = 10
MOST_APPROVERS = 10
#: A name that placeholders and variables of the environment can hold.
AXIS = "[A-Za-z_][A-Za-z0-9_-]*"

TASK = Kind(
    name="task",
    what="a task",
    keys={
        "name": Key("Its name, once in a run, at most 100 bytes.", NAME, required=True),
        "runtime": Key("Where its steps are executed.", ref("runtime"), required=True),
        "matrix": Key("Makes one task for each combination of values.", ref("matrix"), ours=True),
        "environment": Key("Variables of the environment of all its steps.", ENVIRONMENT),
        "working_dir": Key("Where its steps begin; `~/project` when it is not given.", TEXT),
        "shell": Key("What commands are given to; `/bin/sh -e` when it is not given.", TEXT),
        "user": Key("Who its steps are executed as.", TEXT),
        "steps": Key("What it does, one after the other.", list_of(ref("step"))),
        "depends": Key("What must have ended before, and how.", list_of(ref("depend"))),
        "ignore_failure": Key("Its failure does not fail the run.", FLAG),
        "approval": Key(
            "Somebody must approve it before it starts; a mapping says how many, and until when.",
            {"anyOf": [FLAG, ref("approval")]},
        ),
        "when": Key("When it is done; else it is skipped.", WHEN),
        "retry": Key(
            "How often it is tried in all, and after which ends.",
            {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST_ATTEMPTS}, ref("retry")]},
            ours=True,
        ),
        "docker_registries_auth": Key("Credentials for image registries, over the run's.", REGISTRIES),
        "task_timeout_interval": Key("How long it may take, over the run's; 0 is no limit.", DURATION),
    },
)

_IS_HOST: Schema = {"properties": {"type": {"const": "host"}}, "required": ["type"]}

RUNTIME = Kind(
    name="runtime",
    what="`runtime`",
    keys={
        "type": Key("`pod` (containers) or `host` (the executor's machine).", words(("", *RUNTIMES))),
        "arch": Key("The architecture; any when it is not given.", words(("", *ARCHITECTURES, 386))),
        "containers": Key(
            "The containers of a pod: the first is the task's own, the others are services.",
            list_of(ref("container")),
        ),
        "labels": Key(
            "What the executor must be labelled with: names, or names and values.",
            {"anyOf": [list_of(WORD), map_of({"anyOf": [WORD, {"type": "null"}]})]},
            ours=True,
        ),
        "resources": Key("What the task may use.", ref("resources"), ours=True),
    },
    rules={
        "if": _IS_HOST,
        "then": {"properties": {"containers": {"maxItems": 0}}},
        "else": {"required": ["containers"], "properties": {"containers": {"type": "array", "minItems": 1}}},
    },
)

RESOURCES = Kind(
    name="resources",
    what="`resources`",
    keys={
        "cpu": Key("Cores: 2, 0.5, or 500m for half a core.", AMOUNT),
        "memory": Key("Memory: 512Mi, 1Gi, or bytes.", AMOUNT),
    },
)

CONTAINER = Kind(
    name="container",
    what="a container",
    keys={
        "image": Key("Its image.", TEXT),
        "environment": Key("Variables of its environment.", ENVIRONMENT),
        "user": Key("Who steps are executed as when the task does not say it.", TEXT),
        "privileged": Key("Whether it is privileged; executors must allow it.", FLAG),
        "entrypoint": Key("Its entrypoint, split at spaces.", TEXT),
        "volumes": Key("Memory that is mounted in it.", list_of(ref("volume"))),
        "readiness": Key(
            "When a service (a container after the first) can be used.", ref("readiness"), ours=True
        ),
    },
)

READINESS = Kind(
    name="readiness",
    what="`readiness`",
    keys={
        "command": Key(
            "What ends with 0 in the container once it is ready.",
            {"type": "string", "minLength": 1},
            required=True,
        ),
        "interval": Key("How long between two tries; 1s when it is not given.", SPAN),
        "timeout": Key("After how long the setup fails; 60s when it is not given.", SPAN),
    },
)

VOLUME = Kind(
    name="volume",
    what="a volume",
    keys={
        "path": Key("Where it is mounted.", TEXT),
        "tmpfs": Key("That it is memory, and how much.", ref("tmpfs"), required=True),
    },
)

TMPFS = Kind(
    name="tmpfs",
    what="`tmpfs`",
    keys={"size": Key("At most so much: 512Mi, 1Gi, or bytes.", QUANTITY)},
)

_AXES: Schema = {"propertyNames": {"pattern": f"^{AXIS}$"}}
_ENTRIES = list_of(map_of(WORD) | _AXES | {"minProperties": 1})

MATRIX = Kind(
    name="matrix",
    what="`matrix`",
    keys={
        "axes": Key(
            "Values by the name of the axis: all combinations are made.",
            map_of(list_of(WORD, least=1)) | _AXES,
        ),
        "include": Key("Combinations to add, or values to add to those that agree.", _ENTRIES),
        "exclude": Key("Combinations to leave out: those that agree with an entry.", _ENTRIES),
    },
    rules={"anyOf": [{"required": ["axes"]}, {"required": ["include"]}]},
)

APPROVAL = Kind(
    name="approval",
    what="`approval`",
    keys={
        "approvers": Key(
            "How many people must approve it; 1 when it is not given.",
            {"type": "integer", "minimum": 1, "maximum": MOST_APPROVERS},
        ),
        "expire_after": Key("How long it waits for them; then it is skipped.", SPAN),
    },
)

RETRY = Kind(
    name="retry",
    what="`retry`",
    spellings={"true": "on"},
    keys={
        "attempts": Key(
            "How often the task is tried at most, the first time included.",
            {"type": "integer", "minimum": 1, "maximum": MOST_ATTEMPTS},
            required=True,
        ),
        "on": Key(
            "After which ends: lost, timeout, failed; all when it is not given.", one_or_list(words(RETRY_ON))
        ),
        "exit_codes": Key(
            "With some, a failure counts only with one of these exit codes.",
            one_or_list({"type": "integer", "minimum": 1, "maximum": 255}),
        ),
        "backoff": Key("How long before the second try; doubled before each further one.", SPAN),
    },
)

DEPEND = Kind(
    name="depend",
    what="an element of `depends`",
    keys={
        "task": Key("The name of the task.", STRING, required=True),
        "conditions": Key("On which of its ends: any of these.", list_of(ref("condition"))),
    },
)
