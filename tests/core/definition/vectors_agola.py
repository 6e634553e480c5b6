"""What Agola's own language says (reference, run configuration 1.2 to 2, 3.1, 6.1, 11.1, 14)."""

from tests.core.definition.vectors import (
    IGNORED,
    Says,
    odd,
    row,
    run,
    runtime,
    steps,
    task,
    when,
    whole,
    wrong,
)

LONG = "n" * 101
ONE = "{name: t, runtime: {type: host}}"

TOP = [
    row("an empty document has no runs", "", wrong("no runs defined")),
    row("an empty mapping has no runs", "{}", wrong("no runs defined")),
    row("runs of nothing", "runs:", wrong("no runs defined")),
    row("an empty list of runs", "runs: []", wrong("no runs defined")),
    row(
        "a document that is a list",
        "[]",
        wrong("the configuration (`runs: [{name: …, tasks: […]}]`) must be"),
    ),
    row("a document that is a word", "runs", wrong("must be a mapping, not a string")),
    row("runs that are a mapping", "runs: {a: b}", wrong("`runs` must be a list, not a mapping")),
    row("a run of nothing", "runs: [null]", wrong("the run at index 0 is empty")),
    row("a run that is a word", "runs: [a]", wrong("a run must be a mapping, not a string")),
    row("a run may have no tasks", "runs: [{name: r}]"),
    row("a run may have null for tasks", run("tasks: ")),
    row(
        "a version of Agola's documentation", whole("version: v0"), wrong("version `v0`"), agola=odd(IGNORED)
    ),
    row(
        "an unknown key of the file",
        whole("rums: []"),
        odd("unknown key `rums` of the configuration: did you mean `runs`?"),
    ),
    row("upper case in keys does not matter", "Runs: [{NAME: r, Tasks: []}]", beyond=True),
    row(
        "one key in two cases",
        "runs: [{name: a, Name: b}]",
        wrong("`Name` and `name` are the same key: leave out one"),
        agola=odd("`Name` and `name` are the same key: `name` counts"),
    ),
    row(
        "credentials of nothing for all runs", whole("docker_registries_auth: {d: }"), wrong("`d` are empty")
    ),
    row("credentials of nothing for a run", run("docker_registries_auth: {d: }"), wrong("`d` are empty")),
    row("credentials of nothing for a task", task("docker_registries_auth: {d: }"), wrong("`d` are empty")),
    row(
        "credentials of all kinds of values",
        whole("docker_registries_auth: {d: {username: u, password: {from_variable: p}}, e: {auth: x}}"),
    ),
    row("a number for a user", task("docker_registries_auth: {a: {username: 1}}"), wrong("not a number")),
    row(
        "an unknown type of credentials is not refused",
        whole("docker_registries_auth: {d: {type: basik}}"),
        odd("unknown type of credentials `basik`: did you mean `basic`?"),
        beyond=True,
    ),
]

NAMES = [
    row("a run without a name", "runs: [{}]", wrong("the run needs a `name`")),
    row("a run with an empty name", "runs: [{name: ''}]", wrong("the run needs a `name`")),
    row("a name that is a list", "runs: [{name: [a]}]", wrong("`name` must be a string, not a list")),
    row("a name that is a number", "runs: [{name: 123}]"),
    row("a name of 100 bytes", f"runs: [{{name: {LONG[1:]}}}]"),
    row("a name of 101 bytes", f"runs: [{{name: {LONG}}}]", wrong("longer than 100 bytes")),
    row(
        "bytes count, not characters", f"runs: [{{name: {'ä' * 51}}}]", wrong("longer than 100"), beyond=True
    ),
    row(
        "two runs of one name",
        "runs: [{name: a}, {name: a}]",
        wrong("another run with the name `a`"),
        beyond=True,
    ),
    row("a task without a name", run("tasks: [{runtime: {type: host}}]"), wrong("the task needs a `name`")),
    row("a task of nothing", run("tasks: [null]"), wrong("the task at index 0 is empty")),
    row(
        "a task's name of 101 bytes",
        run(f"tasks: [{{name: {LONG}, runtime: {{type: host}}}}]"),
        wrong("longer"),
    ),
    row(
        "two tasks of one name", run(f"tasks: [{ONE}, {ONE}]"), wrong("another task of run `r`"), beyond=True
    ),
    row(
        "a task's name in another run is free",
        f"runs: [{{name: a, tasks: [{ONE}]}}, {{name: b, tasks: [{ONE}]}}]",
    ),
]

RUNTIMES = [
    row("a task without a runtime", run("tasks: [{name: t}]"), wrong("the task has no `runtime`")),
    row("a runtime that is a word", runtime("host"), wrong("`runtime` must be a mapping, not a string")),
    row("a pod without containers", runtime("{}"), wrong("at least one entry in `containers`")),
    row("a pod with an empty list of containers", runtime("{containers: []}"), wrong("at least one entry")),
    row(
        "a type of runtime that does not exist", runtime("{type: vm}"), wrong("unknown type of runtime `vm`")
    ),
    row("a pod is meant when no type is given", runtime("{containers: [{image: i}]}")),
    row(
        "a container of nothing", runtime("{containers: [null]}"), wrong("the container at index 0 is empty")
    ),
    row("an image is not looked at", runtime("{containers: [{}]}")),
    row("a host with containers", runtime("{type: host, containers: [{}]}"), wrong("has no containers")),
    row(
        "a privileged host",
        runtime("{type: host, privileged: true}"),
        Says(faults=("is never privileged",), warnings=("unknown key `privileged`",)),
    ),
    row("arch 386 is a number in YAML", runtime("{type: host, arch: 386}")),
    row("an unknown arch", runtime("{type: host, arch: amd46}"), wrong("`amd46`: did you mean `amd64`?")),
    row("the case of arch matters", runtime("{type: host, arch: AMD64}"), wrong("unknown architecture")),
    row(
        "an unknown key of a container",
        runtime("{containers: [{image: i, auth: {unknown: true}}]}"),
        odd("unknown key `auth` of a container"),
    ),
    row("a volume without tmpfs", runtime("{containers: [{volumes: [{path: /x}]}]}"), wrong("needs `tmpfs`")),
    row(
        "a tmpfs of null", runtime("{containers: [{volumes: [{path: /x, tmpfs: }]}]}"), wrong("needs `tmpfs`")
    ),
    row("a tmpfs without a size", runtime("{containers: [{volumes: [{path: /x, tmpfs: {}}]}]}")),
    row("a tmpfs of 1Gi", runtime("{containers: [{volumes: [{tmpfs: {size: 1Gi}}]}]}")),
    row("a tmpfs of bytes", runtime("{containers: [{volumes: [{tmpfs: {size: 512}}]}]}")),
    row(
        "a size that is no quantity",
        runtime("{containers: [{volumes: [{tmpfs: {size: 1GB}}]}]}"),
        wrong("`size` must be a quantity"),
    ),
    row("privileged takes YAML's words", runtime("{containers: [{privileged: on}]}")),
    row("privileged takes no text", runtime("{containers: [{privileged: 'on'}]}"), wrong("true or false")),
]

SCALARS = [
    row("numbers and booleans where a string is wanted", task("working_dir: 1, shell: true, user: 0")),
    row("a variable of the environment that is text", task('environment: {A: "1"}')),
    row(
        "a variable that is a number",
        task("environment: {A: 1}"),
        wrong("value of `A` must be a string, not a num"),
    ),
    row("a variable that is true", task("environment: {A: true}"), wrong("not a boolean")),
    row("a variable that is yes", task("environment: {A: yes}"), wrong("not a boolean")),
    row("a variable that is null", task("environment: {A: }"), wrong("must be a string, not nothing")),
    row("a variable that is a list", task("environment: {A: [x]}"), wrong("must be a string, not a list")),
    row("a value of an empty mapping", task("environment: {A: {}}"), wrong("has no `from_variable`")),
    row("a value from a variable", task("environment: {A: {from_variable: x}}")),
    row(
        "a mistyped from_variable",
        task("environment: {A: {from_varible: x}}"),
        wrong("has no `from_variable`: did you mean `from_variable`?"),
    ),
    row(
        "the case of from_variable matters",
        task("environment: {A: {From_Variable: x}}"),
        wrong("has no `from"),
    ),
    row(
        "a number for a variable's name",
        task("environment: {A: {from_variable: 1}}"),
        wrong("must be a string"),
    ),
    row("an empty name of a variable", task("environment: {A: {from_variable: ''}}"), wrong("must name a")),
    row(
        "a reserved name of a variable",
        task("environment: {A: {from_variable: clone-token}}"),
        wrong("reserved"),
        beyond=True,
    ),
    row(
        "a name with an equals sign",
        task("environment: {'A=B': x}"),
        wrong("cannot be the name"),
        beyond=True,
    ),
    row("a zero byte in a value", task('environment: {A: "x\\0y"}'), wrong("zero byte"), beyond=True),
    row("an environment that is a list", task("environment: [A]"), wrong("`environment` must be a mapping")),
    row(
        "a boolean that is text", task("ignore_failure: 'true'"), wrong("must be true or false, not a string")
    ),
    row("a duration that is a number", task("task_timeout_interval: 10")),
    row("a duration with a unit", task("task_timeout_interval: 10s")),
    row("no limit", task("task_timeout_interval: 0")),
    row("a negative duration is Agola's", task("task_timeout_interval: -5s")),
    row(
        "a duration whose last unit is missing",
        task("task_timeout_interval: 10m30"),
        wrong("`10m30` is not a dur"),
    ),
    row("a duration that is no whole number", task("task_timeout_interval: 1.5"), wrong("a whole number")),
    row("a duration that is a list", task("task_timeout_interval: [1]"), wrong("a whole number, not a list")),
    row(
        "an unknown key of a task",
        task("step: []"),
        odd("unknown key `step` of a task: did you mean `steps`?"),
    ),
]

WHEN = [
    row("a when that is a word", when("master"), wrong("`when` must be a mapping such as `{branch: main}`")),
    row("a when without conditions", when("{}")),
    row("a branch of null", when("{branch: }")),
    row("a branch by its name", when("{branch: master}")),
    row("a list of tags", when("{tag: [v1.x, v2.x]}")),
    row("an include and an exclude", when("{ref: {include: master, exclude: [/branch01/, branch02]}}")),
    row("only an exclude", when("{branch: {exclude: x}}")),
    row("an empty mapping of conditions", when("{branch: {}}")),
    row(
        "a misspelt include",
        when("{branch: {includes: x}}"),
        wrong("unknown key `includes`: a condition has"),
    ),
    row("the case of include matters", when("{branch: {Include: x}}"), wrong("unknown key `Include`")),
    row("a branch that is a number", when("{branch: 5}"), wrong("a pattern must be a string, not a number")),
    row("a branch in a list that is a number", when("{branch: [5]}"), wrong("a pattern must be a string")),
    row("a branch in a list that is null", when("{branch: [null]}"), wrong("a pattern must be a string")),
    row(
        "an include that is a number",
        when("{branch: {include: 5}}"),
        wrong("a pattern must be a string"),
        agola=odd("Agola takes it for an empty list"),
    ),
    row(
        "an exclude that is a mapping",
        when("{branch: {exclude: {a: b}}}"),
        wrong("a pattern must be a string"),
        agola=odd("a mapping is not a pattern"),
    ),
    row("an include of null", when("{branch: {include: , exclude: x}}")),
    row("two slashes are no expression", when("{branch: '//'}")),
    row("two hashes are no expression", when("{branch: '##'}")),
    row("an expression between slashes", when("{branch: /a/}")),
    row("an expression between hashes", when(r"{ref: '#refs/pull/\d+/head#'}")),
    row(
        "an expression that does not compile",
        when("{branch: /(/}"),
        wrong("`/(/` is not a pattern: "),
        beyond=True,
    ),
    row("what RE2 cannot do", when("{branch: /(?=a)/}"), wrong("is not a pattern"), beyond=True),
    row(
        "an unknown key of when",
        when("{brach: x}"),
        odd("unknown key `brach` of `when`: did you mean `branch`?"),
    ),
    row("a when of a run", run("when: {branch: master}")),
    row("a wrong when of a run", run("when: [master]"), wrong("`when` must be a mapping")),
    row(
        "a when of a step",
        steps("{run: {command: a, when: {branch: b}}}"),
        agola=odd(f"`when` of a step {IGNORED}"),
    ),
    row("a wrong when of a step", steps("{run: {command: a, when: x}}"), wrong("`when` must be a mapping")),
    row(
        "a wrong expression in a step",
        steps("{type: clone, when: {tag: /(/}}"),
        wrong("not a pattern"),
        agola=wrong("not a pattern")._replace(warnings=(IGNORED,)),
        beyond=True,
    ),
]


AGOLA = [*TOP, *NAMES, *RUNTIMES, *SCALARS, *WHEN]
