"""What is ours in the run language, and that Agola's files are not changed by it."""

from tests.core.definition.vectors import (
    IGNORED,
    ignored,
    odd,
    refused,
    row,
    run,
    task,
    whole,
    wrong,
)


def axes(fragment: str) -> str:
    """A task with this matrix."""
    return task(f"matrix: {{{fragment}}}")


FILE = [
    ignored("version 1", whole("version: 1")),
    ignored("version 1 as text", whole("version: '1'")),
    ignored("version v1", whole("version: v1")),
    refused("version 2", whole("version: 2"), "version `2` of the language is not known: write `version: 1`"),
    refused("a version that is a list", whole("version: [1]"), "a list of the language is not known"),
    refused("a version that is true", whole("version: true"), "a boolean of the language is not known"),
    ignored("an include", whole("include: ci/checks.yml")),
    ignored("several includes", whole("include: [ci/a.yml, ci/b.star]")),
    refused(
        "an include of an absolute path",
        whole("include: /ci/a.yml"),
        "from the root of the repository: write `ci/a.yml`",
    ),
    refused("an include that begins with ./", whole("include: [./a.yml]"), "write `a.yml`"),
    refused("an include that leads out", whole("include: [../a.yml]"), "from the root of the repository"),
    refused("an include of a number", whole("include: [1]"), "`include` must name files"),
    refused("an empty include", whole("include: ''"), "`include` must name files"),
    ignored("variables of the file", whole("variables: {A: x, B: ''}")),
    ignored("variables of a run", run("variables: {A: x}")),
    refused(
        "a variable of the file that is a number",
        whole("variables: {A: 1}"),
        "`A` must be a string, not a number",
    ),
    refused("a variable of the file that is null", whole("variables: {A: }"), "the variable `A` is empty"),
    refused(
        "a variable of the file with a reserved name",
        whole("variables: {clone-token: x}"),
        "cannot be the name",
        beyond=True,
    ),
    refused("variables that are a list", whole("variables: [A]"), "`variables` must be a mapping"),
]

RUN = [
    ignored("an input of nothing is a string", run("inputs: {a: }")),
    ignored(
        "inputs of all types",
        run("inputs: {a: {type: number, default: 1.5}, b: {type: boolean, default: no}}"),
    ),
    ignored("a choice", run("inputs: {a: {type: choice, choices: [x, 1], default: x, description: which}}")),
    refused(
        "a type of input that does not exist",
        run("inputs: {a: {type: bool}}"),
        "unknown type of input `bool`: did you mean `boolean`?",
    ),
    refused("a choice without choices", run("inputs: {a: {type: choice}}"), "write its `choices`"),
    refused("a choice of nothing", run("inputs: {a: {type: choice, choices: []}}"), "write its `choices`"),
    refused("choices of a string", run("inputs: {a: {choices: [x]}}"), "only an input of `type: choice`"),
    refused(
        "a choice that is a float",
        run("inputs: {a: {type: choice, choices: [3.10]}}"),
        "in quotes: as a number, 3.10 would be 3.1",
    ),
    refused(
        "a default that is no choice",
        run("inputs: {a: {type: choice, choices: [x], default: z}}"),
        "`z` is not allowed here: write one of `x`",
        beyond=True,
    ),
    refused(
        "a default that is no number",
        run("inputs: {a: {type: number, default: x}}"),
        "write a number",
        beyond=True,
    ),
    refused(
        "a default that is no boolean",
        run("inputs: {a: {type: boolean, default: 1}}"),
        "write `true` or `false`",
        beyond=True,
    ),
    refused(
        "a name of an input with a space", run("inputs: {'a b': {}}"), "`a b` cannot be the name of an input"
    ),
    refused(
        "two inputs of one variable",
        run("inputs: {a-b: {}, A_B: {}}"),
        "would both be TIDEMILL_INPUT_A_B",
        beyond=True,
    ),
    refused("an input that is a word", run("inputs: {a: string}"), "an input must be a mapping"),
    row(
        "a value from an input",
        f"{run('inputs: {a: }, tasks: [{name: t, runtime: {type: host}, environment: {X: {from_input: a}}}]')}",
        agola=odd(IGNORED)._replace(faults=("has no `from_variable`",)),
    ),
    row(
        "a value from no input of the run",
        task("environment: {X: {from_input: a}}"),
        wrong("`a` is not an input of this run: it has none"),
        agola=wrong("has no `from_variable`"),
        beyond=True,
    ),
    row(
        "a value from a mistyped input",
        run(
            "inputs: {target: }, tasks: [{name: t, runtime: {type: host}, environment: {X: {from_input: targt}}}]"
        ),
        wrong("`targt` is not an input of this run: did you mean `target`?"),
        agola=odd(IGNORED)._replace(faults=("has no `from_variable`",)),
        beyond=True,
    ),
    row(
        "an input outside of runs",
        whole("docker_registries_auth: {d: {auth: {from_input: a}}}"),
        wrong("only inside a run"),
        agola=wrong("has no `from_variable`"),
        beyond=True,
    ),
    row(
        "a value from a variable and an input",
        run("inputs: {a: }, docker_registries_auth: {d: {auth: {from_input: a, from_variable: b}}}"),
        wrong("not both"),
        agola=odd(IGNORED, IGNORED),
    ),
    ignored("a run that fails fast", run("fail_fast: true")),
    refused("failing fast that is a word", run("fail_fast: soon"), "must be true or false"),
    ignored("a run of an hour", run("timeout: 1h")),
    refused("a negative time for a run", run("timeout: -1h"), "must not be negative"),
    ignored("concurrency by its group", run("concurrency: 'deploy-${branch}'")),
    ignored("concurrency that cancels", run("concurrency: {group: g, superseded: cancel}")),
    refused(
        "an unknown placeholder",
        run("concurrency: 'x-${brnch}'"),
        "unknown placeholder `${brnch}`: did you mean `branch`?",
        beyond=True,
    ),
    refused("a placeholder that is not closed", run("concurrency: 'x-${branch'"), "close it", beyond=True),
    refused("concurrency without a group", run("concurrency: {superseded: queue}"), "needs a `group`"),
    refused("an empty group", run("concurrency: ''"), "is empty"),
    refused(
        "a word of superseded", run("concurrency: {group: g, superseded: cancle}"), "did you mean `cancel`?"
    ),
    refused("concurrency that is a list", run("concurrency: [g]"), "must be a group's name or a mapping"),
]

MATRIX = [
    ignored("a matrix", axes("axes: {python: ['3.11', '3.12'], os: [linux]}")),
    ignored("values that are numbers and booleans", axes("axes: {n: [1, 2], b: [yes, no]}")),
    ignored("only includes", axes("include: [{a: x}, {a: y}]")),
    ignored(
        "includes and excludes",
        axes("axes: {a: [x, y], b: [u, v]}, include: [{a: z, b: u}, {b: u, c: w}], exclude: [{a: x, b: v}]"),
    ),
    refused(
        "a value that is a float",
        axes("axes: {python: [3.10]}"),
        "put an element of `python` in quotes: as a number, 3.10 would be 3.1",
    ),
    refused("two values that are floats", axes("axes: {python: [3.10, 3.11]}"), "in quotes", "in quotes"),
    refused(
        "a value that is null",
        axes("axes: {a: [null]}"),
        "a string, a whole number or a boolean, not nothing",
    ),
    refused(
        "a value that is a list",
        axes("axes: {a: [[x]]}"),
        "a string, a whole number or a boolean, not a list",
    ),
    refused("an axis that is no list", axes("axes: {a: x}"), "`a` must be a list, not a string"),
    refused("an axis of nothing", axes("axes: {a: []}"), "the axis `a` has no values"),
    refused("a value twice", axes("axes: {a: [x, 'y', x]}"), "the axis `a` has `x` twice", beyond=True),
    refused("no axes", axes(""), "`matrix` needs `axes`"),
    refused("axes that are a list", axes("axes: [a]"), "`axes` must be a mapping"),
    refused("a name of an axis with a space", axes("axes: {'a b': [x]}"), "cannot be the name of an axis"),
    refused(
        "two axes of one variable",
        axes("axes: {a-b: [x], a_b: [x]}"),
        "would both be MATRIX_A_B",
        beyond=True,
    ),
    refused(
        "an unknown axis in exclude",
        axes("axes: {python: [x]}, exclude: [{pyhton: x}]"),
        "unknown axis `pyhton`: did you mean `python`?",
        beyond=True,
    ),
    refused("an empty exclude", axes("axes: {a: [x]}, exclude: [{}]"), "an entry of `exclude` is empty"),
    refused(
        "a matrix that excludes all",
        axes("axes: {a: [x]}, exclude: [{a: x}]"),
        "leaves no combination",
        beyond=True,
    ),
    row(
        "an exclude of what is not there",
        axes("axes: {a: [x]}, exclude: [{a: z}]"),
        odd("the axis `a` has no `z`: nothing is excluded"),
        agola=odd(IGNORED),
        beyond=True,
    ),
    refused(
        "the same include twice",
        axes("axes: {a: [x]}, include: [{a: z}, {a: z}]"),
        "included twice",
        beyond=True,
    ),
    refused(
        "257 combinations",
        axes(f"axes: {{a: [{', '.join(f'v{n}' for n in range(257))}]}}"),
        "has 257 combinations; there may be 256",
        beyond=True,
    ),
    refused(
        "very many combinations",
        axes(f"axes: {{{', '.join(f'a{n}: [1, 2, 3, 4]' for n in range(200))}}}"),
        "combinations; there may be 256",
        beyond=True,
    ),
    refused(
        "256 combinations and an include",
        axes(f"axes: {{a: [{', '.join(f'v{n}' for n in range(256))}]}}, include: [{{a: w}}]"),
        "257 combinations",
        beyond=True,
    ),
    refused(
        "257 includes",
        axes(f"include: [{', '.join(f'{{a: v{n}}}' for n in range(257))}]"),
        "has 257 entries",
        beyond=True,
    ),
    row(
        "an unknown axis in a string",
        task("matrix: {axes: {python: [x]}}, shell: 'a ${matrix.pyton}'"),
        wrong("unknown axis `pyton`: did you mean `python`?"),
        agola=odd(IGNORED),
        beyond=True,
    ),
    row(
        "a placeholder that no brace closes",
        task("matrix: {axes: {a: [x]}}, shell: '${matrix.a'"),
        wrong("close it"),
        agola=odd(IGNORED),
        beyond=True,
    ),
    row(
        "a fault in every combination is one",
        task(
            "matrix: {axes: {a: [amd46, amd64, arm46]}}, user: [x], runtime: {type: host, arch: '${matrix.a}'}"
        ),
        wrong("unknown architecture `amd46`", "`user` must be"),
        agola=odd(IGNORED)._replace(faults=("unknown architecture `${matrix.a}`", "`user` must be")),
    ),
    row(
        "a combination that is wrong",
        task("matrix: {axes: {a: [amd64, arm46]}}, runtime: {type: host, arch: '${matrix.a}'}"),
        wrong("unknown architecture `arm46`: did you mean `arm64`?"),
        agola=odd(IGNORED)._replace(faults=("unknown architecture `${matrix.a}`",)),
        beyond=True,
    ),
    row(
        "a wrong matrix beside other faults",
        task("matrix: {axes: {a: []}}, user: [x], runtime: {type: host, arch: '${matrix.a}'}"),
        wrong("has no values", "`user` must be"),
        agola=odd(IGNORED)._replace(faults=("unknown architecture", "`user` must be")),
    ),
    row(
        "a warning in every combination is one",
        task("matrix: {axes: {a: [x, y]}}, step: []"),
        odd("unknown key `step`"),
        agola=odd(IGNORED, "unknown key `step`"),
    ),
    refused(
        "a name that the values make too long",
        axes(f"axes: {{a: [x, {'v' * 100}]}}"),
        "longer than 100 bytes",
        beyond=True,
    ),
    row(
        "an unknown key of a matrix",
        axes("axis: {a: [x]}, axes: {a: [x]}"),
        odd("unknown key `axis` of `matrix`: did you mean `axes`?"),
        agola=odd(IGNORED),
    ),
]


OURS = [*FILE, *RUN, *MATRIX]
