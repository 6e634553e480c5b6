"""What is ours in tasks, steps and `when`."""

from tests.core.definition.vectors import (
    IGNORED,
    RIGHT,
    depends,
    first,
    ignored,
    odd,
    pod,
    refused,
    row,
    runtime,
    steps,
    task,
    when,
    wrong,
)

TASK = [
    ignored("a number of attempts", task("retry: 3")),
    ignored(
        "a retry in full", task("retry: {attempts: 3, 'on': [lost, failed], exit_codes: [75], backoff: 10s}")
    ),
    ignored("an unquoted on is true to YAML", task("retry: {attempts: 2, on: lost}")),
    ignored("an exit code alone", task("retry: {attempts: 2, exit_codes: 75}")),
    refused("no attempts", task("retry: {'on': [lost]}"), "needs `attempts`"),
    refused("0 attempts", task("retry: 0"), "there may be 1 to 10 attempts"),
    refused("11 attempts", task("retry: {attempts: 11}"), "there may be 1 to 10 attempts"),
    refused("attempts that are a word", task("retry: three"), "must be a whole number"),
    refused(
        "an unknown end",
        task("retry: {attempts: 2, 'on': [timeot]}"),
        "unknown end of a task `timeot`: did you mean `timeout`?",
    ),
    refused(
        "an exit code of success", task("retry: {attempts: 2, exit_codes: [0]}"), "a number from 1 to 255"
    ),
    refused(
        "exit codes of what is no failure",
        task("retry: {attempts: 2, 'on': [lost], exit_codes: [1]}"),
        "put `failed` into `on`",
        beyond=True,
    ),
    refused("a negative backoff", task("retry: {attempts: 2, backoff: -1s}"), "must not be negative"),
    row(
        "an approval by two within a day",
        task("approval: {approvers: 2, expire_after: 24h}"),
        agola=wrong("must be true or false"),
    ),
    row(
        "no approvers",
        task("approval: {approvers: 0}"),
        wrong("there may be 1 to 10 approvers"),
        agola=wrong("must be true or false"),
    ),
    row(
        "a negative time to approve",
        task("approval: {expire_after: -1s}"),
        wrong("must not be negative"),
        agola=wrong("must be true or false"),
    ),
    ignored("names of labels", runtime("{type: host, labels: [gpu, big]}")),
    ignored("labels with values", runtime("{type: host, labels: {zone: eu, gpu: , cores: 8}}")),
    refused("a label that is a float", runtime("{type: host, labels: {a: 1.5}}"), "put `a` in quotes"),
    refused(
        "labels that are a word", runtime("{type: host, labels: gpu}"), "`labels` must be a list of names"
    ),
    ignored("resources", runtime("{type: host, resources: {cpu: 2, memory: 1Gi}}")),
    ignored("parts of a core", runtime("{type: host, resources: {cpu: 500m}}")),
    refused("no cores", runtime("{type: host, resources: {cpu: 0}}"), "`cpu` must be more than 0"),
    refused(
        "negative memory", runtime("{type: host, resources: {memory: -1Gi}}"), "`memory` must be more than 0"
    ),
    refused(
        "memory that is no quantity", runtime("{type: host, resources: {memory: 1GB}}"), "must be a quantity"
    ),
    ignored(
        "a service with a readiness", pod("readiness: {command: pg_isready, interval: 500ms, timeout: 1m}")
    ),
    refused(
        "a readiness of the first container", first("readiness: {command: x}"), "only services", beyond=True
    ),
    refused("a readiness without a command", pod("readiness: {interval: 1s}"), "needs a `command`"),
    refused(
        "a readiness that never waits",
        pod("readiness: {command: x, interval: 0s}"),
        "must be more than 0",
        beyond=True,
    ),
    row(
        "the condition always",
        depends("[{task: a, conditions: [always]}]"),
        agola=wrong("there is none in `.agola/`"),
    ),
]

STEPS = [
    ignored("a step with a time limit", steps("{run: {command: a, timeout: 5m}}")),
    ignored("a step that may fail", steps("{type: clone, ignore_failure: true}")),
    ignored("a step that is always done", steps("{run: {command: a, always: yes}}")),
    refused("a negative limit of a step", steps("{run: {command: a, timeout: -1s}}"), "must not be negative"),
    row(
        "fields beside a short command",
        steps("{run: make, timeout: 5m, environment: {A: b}, name: x}"),
        agola=wrong("several keys"),
    ),
    row(
        "fields beside a type of nothing",
        steps("{clone: , depth: 1, always: true}"),
        agola=wrong("several keys"),
    ),
    row(
        "common fields beside a mapping",
        steps("{clone: {depth: 1}, timeout: 1m}"),
        agola=wrong("several keys"),
    ),
    row(
        "a step's own field beside a mapping",
        steps("{run: {command: a}, tty: no}"),
        wrong("`tty` must stand with the other fields"),
        agola=wrong("several keys"),
    ),
    row(
        "a field said twice",
        steps("{run: {command: a, name: x}, name: z}"),
        wrong("`name` is said twice"),
        agola=wrong("several keys"),
        beyond=True,
    ),
    row(
        "a command said twice",
        steps("{run: a, command: b}"),
        wrong("`command` is said twice"),
        agola=wrong("several keys"),
    ),
    row(
        "a mistyped type beside fields",
        steps("{rnu: make, timeout: 5m}"),
        wrong("unknown step type `rnu`: did you mean `run`?"),
        agola=wrong("several keys"),
    ),
    row(
        "no type at all",
        steps("{name: a, timeout: 5m}"),
        wrong("a step needs a type as one of its keys"),
        agola=wrong("several keys"),
    ),
    row(
        "an unknown key beside a short command",
        steps("{run: make, timout: 5m}"),
        odd("unknown key `timout` of a step `run`: did you mean `timeout`?"),
        agola=wrong("several keys"),
    ),
    row(
        "an unknown key beside a mapping",
        steps("{run: {command: a}, timout: 5m}"),
        odd("unknown key `timout` of a step `run`: did you mean `timeout`?"),
        agola=wrong("several keys"),
    ),
    row(
        "two commands of more than a line with names beside",
        steps('{run: "a\\nb", name: x}'),
        agola=wrong("several keys"),
    ),
    row(
        "artifacts by globs",
        steps("{artifacts: {paths: [dist/**], expire_after: 168h}}"),
        agola=wrong("unknown step type `artifacts`: there are none"),
    ),
    row(
        "artifacts by contents",
        steps("{artifacts: {contents: [{source_dir: out}]}}"),
        agola=wrong("unknown step type `artifacts`"),
    ),
    row(
        "one glob of artifacts",
        steps("{type: artifacts, paths: dist/**}"),
        agola=wrong("unknown step type `artifacts`"),
    ),
    row(
        "artifacts of nothing",
        steps("{artifacts: }"),
        wrong("`artifacts` needs `paths`"),
        agola=wrong("unknown step type"),
    ),
    row(
        "artifacts of paths and contents",
        steps("{artifacts: {paths: [a], contents: [{source_dir: b}]}}"),
        wrong("`paths` or `contents`, not both"),
        agola=wrong("unknown step type"),
    ),
    row(
        "artifacts kept for a number of days",
        steps("{artifacts: {paths: [a], expire_after: 7d}}"),
        wrong("`7d` is not a duration"),
        agola=wrong("unknown step type"),
    ),
    row(
        "artifacts kept for no time",
        steps("{artifacts: {paths: [a], expire_after: 0}}"),
        wrong("must be more than 0"),
        agola=wrong("unknown step type"),
        beyond=True,
    ),
    row(
        "reports",
        steps("{reports: {junit: ['**/report.xml']}}, {type: reports, junit: r.xml}"),
        agola=wrong("unknown step type", "unknown step type"),
    ),
    row(
        "reports of nothing",
        steps("{reports: {}}"),
        wrong("`reports` needs `junit`"),
        agola=wrong("unknown step type"),
    ),
    row(
        "an empty glob",
        steps("{reports: {junit: ['']}}"),
        wrong("a glob is empty"),
        agola=wrong("unknown step type"),
    ),
]

WHEN = [
    row("a glob", when("{branch: 'release/*'}")),
    row(
        "a glob that no bracket closes is literal to Agola",
        when("{branch: 'a[b'}"),
        wrong("is not a pattern"),
        agola=RIGHT,
        beyond=True,
    ),
    ignored("an event", when("{event: push}")),
    ignored("events", when("{event: [push, manual], branch: main}")),
    ignored("all events but one", when("{event: {exclude: direct}}")),
    refused("an unknown event", when("{event: pushed}"), "unknown event `pushed`: did you mean `push`?"),
    refused(
        "an unknown event of a list",
        when("{event: {include: [tag]}}"),
        "unknown event `tag`: there are `push`",
    ),
    ignored("a message", when("{message: {exclude: '/skip e2e/'}}")),
    refused("a message that is a number", when("{message: 1}"), "a pattern must be a string"),
    row(
        "globs of paths",
        when("{paths: ['src/**', '*.md'], paths_ignore: docs/**}"),
        agola=odd(IGNORED, IGNORED),
    ),
    refused("an absolute path", when("{paths: /src/**}"), "without `/`, `./` or `../`"),
    refused("a path of a directory", when("{paths: [src/]}"), "write `src/**`"),
    refused("an empty path", when("{paths_ignore: ['']}"), "it is empty"),
    refused(
        "a path that is a mapping", when("{paths: {include: a}}"), "a pattern must be a string, not a mapping"
    ),
]

OURS_TASKS = [*TASK, *STEPS, *WHEN]
