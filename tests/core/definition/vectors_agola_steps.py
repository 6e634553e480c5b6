"""What Agola's own language says of steps, dependencies and several faults at once (1.5, 3.1, 6.1, 11.1, 14)."""

from tests.core.definition.vectors import (
    RIGHT,
    depends,
    graph,
    odd,
    row,
    steps,
    task,
    wrong,
)

STEPS = [
    row("a command in short", steps("{run: echo}")),
    row("a command in full", steps("{type: run, command: echo}")),
    row("a command with all its fields", steps("{run: {name: a, command: b, environment: {A: b}, tty: no}}")),
    row("a clone of nothing", steps("{clone: }")),
    row("all other kinds", steps("{restore_workspace: }, {save_to_workspace: {contents: []}}")),
    row(
        "caches",
        steps(
            "{save_cache: {key: k, contents: [{source_dir: s}]}}, {restore_cache: {keys: [k], dest_dir: d}}"
        ),
    ),
    row("a step that is a word", steps("clone"), wrong("the word `clone`: put a colon after it")),
    row("a step that is a list", steps("[a]"), wrong("a step must be a mapping such as")),
    row("a step that is a number", steps("1"), wrong("a step must be a mapping such as")),
    row("a step of nothing crashes Agola", steps("null"), wrong("not nothing")),
    row("an empty step crashes Agola", steps("{}"), wrong("an empty one")),
    row(
        "an unknown type in short",
        steps("{foo: {}}"),
        wrong("unknown step type `foo`: there are `clone`, `run`"),
    ),
    row(
        "a mistyped type in short",
        steps("{rnu: make}"),
        wrong("unknown step type `rnu`: did you mean `run`?"),
    ),
    row("an unknown type in full", steps("{type: foo}"), wrong("unknown step type `foo`")),
    row("a mistyped type in full", steps("{type: clnoe}"), wrong("did you mean `clone`?")),
    row("a type that is a number", steps("{type: 1}"), wrong("`type` must be a string")),
    row("a type of nothing", steps("{type: }"), wrong("must name the type of the step")),
    row(
        "the case of type matters",
        steps("{Type: run, command: a}"),
        wrong("a step needs a type"),
        agola=wrong("a `type`"),
    ),
    row(
        "the case of a type matters", steps("{Run: a}"), wrong("unknown step type `Run`: did you mean `run`?")
    ),
    row(
        "two types",
        steps("{run: a, clone: {}}"),
        wrong("a step has one type, not both `run` and `clone`"),
        agola=wrong("a step with several keys needs a `type`"),
    ),
    row("a command of nothing", steps("{run: }"), wrong("has no command")),
    row("an empty command", steps("{run: ''}"), wrong("has no command")),
    row("a command step without a command", steps("{run: {}}"), wrong("has no command")),
    row(
        "a command that is a number",
        steps("{run: {command: 1}}"),
        wrong("`command` must be a string, not a number"),
    ),
    row("a short command that is a number", steps("{run: 1}"), wrong("must be a mapping, not a number")),
    row(
        "only run takes a string",
        steps("{clone: x}"),
        wrong("the step `clone` must be a mapping, not a string"),
    ),
    row(
        "a step's name that is a number",
        steps("{run: {command: a, name: 1}}"),
        wrong("`name` must be a string"),
    ),
    row("a tty that is text", steps("{run: {command: a, tty: 'no'}}"), wrong("must be true or false")),
    row(
        "a working_dir that is a number",
        steps("{run: {command: a, working_dir: 1}}"),
        wrong("`working_dir` must be"),
    ),
    row(
        "two lines without a name",
        steps('{run: "a\\nb"}'),
        wrong("of more than one line needs a name"),
        beyond=True,
    ),
    row("two lines with a name", steps('{run: {name: x, command: "a\\nb"}}')),
    row(
        "one line as a block",
        steps('{run: "echo a\\n"}'),
        agola=wrong("of more than one line needs a name"),
    ),
    row("one line as a block with a name", steps('{run: {name: x, command: "echo a\\n"}}')),
    row("a depth of 0", steps("{clone: {depth: 0}}"), wrong("`depth` must be 1 or more")),
    row("a depth of 1.0", steps("{clone: {depth: 1.0}}")),
    row(
        "a depth beyond 64 bits",
        steps("{clone: {depth: 99999999999999999999}}"),
        wrong("`depth` must be a number of at most 9223372036854775807"),
        beyond=True,
    ),
    row("a depth of 1.5", steps("{clone: {depth: 1.5}}"), wrong("must be a whole number")),
    row(
        "a depth that is a word", steps("{clone: {depth: a}}"), wrong("must be a whole number, not a string")
    ),
    row(
        "a depth that is true",
        steps("{clone: {depth: true}}"),
        wrong("must be a whole number, not a boolean"),
    ),
    row("a cache without a key", steps("{save_cache: {}}"), wrong("needs a `key`")),
    row("a cache with an empty key", steps("{save_cache: {key: ''}}"), wrong("needs a `key`")),
    row("no keys to restore", steps("{restore_cache: {}}"), wrong("at least one key")),
    row("an empty list of keys", steps("{restore_cache: {keys: []}}"), wrong("at least one key")),
    row("a key that is not in a list", steps("{restore_cache: {keys: k}}"), wrong("`keys` must be a list")),
    row(
        "a key of nothing",
        steps("{restore_cache: {keys: [null]}}"),
        wrong("an element of `keys` is empty"),
        agola=RIGHT,
    ),
    row(
        "contents of nothing crash Agola",
        steps("{save_to_workspace: {contents: [null]}}"),
        wrong("an element of `contents` is empty"),
    ),
    row(
        "contents that are a word",
        steps("{save_cache: {key: k, contents: [a]}}"),
        wrong("must be a mapping, not a s"),
    ),
    row(
        "contents without paths keep nothing in Agola",
        steps("{save_to_workspace: {contents: [{source_dir: s}]}}"),
        agola=odd("it names no `paths`, so that Agola keeps nothing"),
    ),
    row(
        "an unknown field of a step",
        steps("{run: {command: a, comand: b}}"),
        odd("unknown key `comand` of a step `run`: did you mean `command`?"),
    ),
    row(
        "a field of another step",
        steps("{type: clone, command: make}"),
        odd("unknown key `command` of a step `clone`"),
    ),
    row("upper case in fields of steps", steps("{type: run, Command: a}"), beyond=True),
]

DEPENDS = [
    row("a task by its name", depends("[a]")),
    row("a task with conditions", depends("[{task: a, conditions: [on_success, on_failure]}]")),
    row("a task with one condition in short", depends("[{a: [on_skipped]}]")),
    row("a task without conditions in short", depends("[{a: []}]")),
    row("a task in full without conditions", depends("[{task: a}]")),
    row(
        "`task` in short is a task of that name",
        depends("[{task: [on_success]}]"),
        wrong("depends on `task`"),
        beyond=True,
    ),
    row("no list", depends("a"), wrong("`depends` must be a list, not a string")),
    row("an element of nothing", depends("[null]"), wrong("a task's name or a mapping, not nothing")),
    row(
        "an element that is a number",
        depends("[1]"),
        wrong("a task's name or a mapping, not a number: put it in q"),
    ),
    row("an element that is a list", depends("[[a]]"), wrong("a task's name or a mapping, not a list")),
    row("a condition that is not in a list", depends("[{a: on_success}]"), wrong("names no task")),
    row("a nested mapping", depends("[{a: {b: c}}]"), wrong("names no task")),
    row(
        "a condition that Agola does not know",
        depends("[{a: [always]}]"),
        agola=wrong("unknown condition `always`"),
    ),
    row("a mistyped condition", depends("[{a: [on_sucess]}]"), wrong("did you mean `on_success`?")),
    row("a condition that is a number", depends("[{a: [1]}]"), wrong("must be a string, not a number")),
    row(
        "a task that does not exist",
        depends("[x]"),
        wrong("`b` depends on `x`, which is not a task"),
        beyond=True,
    ),
    row("a mistyped task", graph("lint b:lnt"), wrong("did you mean `lint`?"), beyond=True),
    row("a task twice", depends("[a, a]"), wrong("lists `a` 2 times"), beyond=True),
    row("a task that depends on itself", graph("a:a"), wrong("`a` depends on itself"), beyond=True),
    row("two tasks after one", graph("a b:a c:a")),
    row(
        "two tasks after each other",
        graph("a:b b:a"),
        wrong("`a` depends on `b`, which depends on `a`", "`b` depends on `a`, which depends on `b`"),
        beyond=True,
    ),
    row(
        "three tasks in a circle",
        graph("a:c b:a c:b"),
        wrong("`a` depends on `c`", "`b` depends on `a`", "`c` depends on `b`"),
        beyond=True,
    ),
    row(
        "a task before a circle is not in it",
        graph("a:b b:c c:b"),
        wrong("`b` depends on `c`", "`c` depends on `b`"),
        beyond=True,
    ),
    row(
        "an edge that another implies",
        graph("a b:a c:b,a"),
        wrong("task `c` and its dependency `b` both depend on `a`"),
        beyond=True,
    ),
    row(
        "an edge that two others imply",
        graph("a b:a c:b d:c,a"),
        wrong("task `d` and its dependency `c` both depend on `a`"),
        beyond=True,
    ),
]

ORDER = [
    row(
        "all faults at once in the order of the text",
        """
        runs:
          - name: r
            tasks:
              - name: a
                environment: {X: 1}
                steps: [{rum: make}, {clone: {depth: 0}}]
                runtime: {type: host}
              - name: b
                depends: [c]
                task_timeout_interval: soon
              - name: b
                runtime: {type: host}
          -
          - name: r
        """,
        wrong(
            "value of `X`",
            "did you mean `run`?",
            "`depth` must be",
            "the task has no `runtime`",
            "`soon` is not a duration",
            "another task of run `r`",
            "index 1 is empty",
            "another run",
        ),
    ),
    row(
        "faults of a graph beside others",
        """
        runs:
          - name: r
            tasks:
              - {name: a, runtime: {type: host}, user: [x]}
              - {name: b, runtime: {type: host}, depends: [x, a, a]}
              - {name: c, runtime: {type: host}, depends: [c]}
        """,
        wrong("`user` must be a string", "depends on `x`", "lists `a` 2 times", "depends on itself"),
    ),
    row(
        "a task that cannot be read may be the one that is meant",
        "runs: [{name: r, tasks: [null, {name: b, runtime: {type: host}, depends: [a]}]}]",
        wrong("the task at index 0 is empty"),
    ),
    row(
        "warnings beside faults",
        task("user: [x], step: []"),
        wrong("`user` must be a string")._replace(warnings=("unknown key `step`",)),
    ),
]

AGOLA_STEPS = [*STEPS, *DEPENDS, *ORDER]
