"""docs/compatibility.md is true: what differs from Agola, tried row by row."""

from typing import NamedTuple

import pytest

from tests.planning.trees import Shelf
from tidemill.core.context import Context
from tidemill.core.environment import static_environment
from tidemill.core.refs import branch
from tidemill.planning.evaluate import evaluate
from tidemill.planning.frames import Question
from tidemill.planning.planned import Planned

REF = branch("main")
CONTEXT = Context(ref=REF, commit_sha="a" * 40)
FILES = {"lib/tasks.star": b"NAME = 'loaded'\n", "lib/name.libsonnet": b"'imported'", "lib/raw": b"bytes"}
IGNORED = "is ignored in `.agola/`: move the configuration to `.tidemill/`"


class Said(NamedTuple):
    """What becomes of a configuration: words of its errors and warnings, or the names of its runs."""

    runs: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def runs(*names: str, warning: str = "") -> Said:
    return Said(runs=names, warnings=(warning,) if warning else ())


def error(words: str) -> Said:
    return Said(errors=(words,))


def evaluated(file: str, text: str) -> Planned:
    return evaluate(Question(file=file, raw=text.encode(), context=CONTEXT), Shelf(FILES))


def check(file: str, text: str, said: Said) -> None:
    planned = evaluated(file, text)
    assert tuple(plan.name for plan in planned.plans) == said.runs, planned.problems
    for words, problems in ((said.errors, planned.problems), (said.warnings, planned.warnings)):
        assert bool(words) == bool(problems), problems
        assert all(any(word in problem.message for problem in problems) for word in words), problems


def task(fragment: str, runtime: str = "{type: host}") -> str:
    return f"runs: [{{name: r, tasks: [{{name: t, runtime: {runtime}, {fragment}}}]}}]"


def container(fragment: str) -> str:
    return task("steps: []", f"{{containers: [{fragment}]}}")


def when(fragment: str) -> str:
    return f"runs: [{{name: r, when: {fragment}}}]"


ONE, OTHER = "{name: t, runtime: {type: host}}", "{name: u, runtime: {type: host}, depends: [{t: [%s]}]}"
BLOCK = "runs:\n- name: r\n  tasks:\n  - name: t\n    runtime: {type: host}\n    steps:\n    - run: |\n        make\n"
ALWAYS = f"runs: [{{name: r, tasks: [{ONE}, {OTHER % 'always'}]}}]"
MISSPELT = f"runs: [{{name: r, tasks: [{ONE}, {OTHER % 'on_sucess'}]}}]"
R = runs("r")

#: What, the text, what becomes of it in `.agola/`, and in `.tidemill/` where that differs.
YAML: dict[str, tuple[str, Said] | tuple[str, Said, Said]] = {
    "an unknown key": ("runs: [{name: r, nmae: x}]", runs("r", warning="did you mean `name`")),
    "a key twice": (
        "runs: [{name: a}]\nruns: [{name: r}]",
        runs("r", warning="this one wins"),
        error("remove one of them"),
    ),
    "a key in two spellings": (
        "runs: [{name: r}]\nRuns: [{name: b}]",
        runs("r", warning="`runs` counts"),
        error("leave out one of them"),
    ),
    "a key in another spelling": ("RUNS: [{Name: r}]", R),
    "many mistakes": (
        "runs: [{name: r, tasks: {}}, {}, null]",
        Said(errors=("must be a list", "needs a `name`", "the run at index 2 is empty")),
    ),
    "several documents": ("runs: [{name: r}]\n---\nruns: [{name: b}]", R),
    "numbers as names": ("runs: [{name: 1.10}, {name: 0777}, {name: yes}]", runs("1.1", "511", "true")),
    "dates": ("runs: [{name: 2001-01-01}]", runs("2001-01-01")),
    "deep nesting": (f"runs: {'[' * 101}", error("nested more than 100 levels")),
    "aliases": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{'abcdefgh'[n + 1]}: &{'abcdefgh'[n + 1]} [{','.join(['*' + 'abcdefgh'[n]] * 9)}]\n"
            for n in range(7)
        ),
        error("more than 200000 values, aliases unfolded"),
    ),
    "many patterns": (
        when(f"{{branch: [{', '.join(f'/{n}/' for n in range(401))}]}}"),
        error("more than 400 regular expressions"),
    ),
    "a key of ours": (task("matrix: {axes: {a: [1]}}"), runs("r", warning=f"`matrix` {IGNORED}"), R),
    "a version of Agola's": (
        "version: v0\nruns: [{name: r}]",
        runs("r", warning=IGNORED),
        error("version `v0`"),
    ),
    "the version of ours": ("version: 1\nruns: [{name: r}]", runs("r", warning=IGNORED), R),
    "the condition always": (ALWAYS, error("unknown condition `always`"), R),
    "a misspelt condition": (MISSPELT, error("did you mean `on_success`?")),
    "an empty value": (task("environment: {A: {}}"), error("has no `from_variable`")),
    "a misspelt value": (
        task("environment: {A: {from_varable: x}}"),
        error("did you mean `from_variable`?"),
    ),
    "a variable without a name": (
        task("environment: {A: {from_variable: ''}}"),
        error("must name a variable"),
    ),
    "a reserved variable": (task("environment: {A: {from_variable: clone-token}}"), error("is reserved")),
    "a wrong name of a variable": (task("environment: {A=B: x}"), error("cannot be the name")),
    "a zero byte": (task('environment: {A: "\\0"}'), error("zero byte")),
    "an unknown type of credentials": (
        "docker_registries_auth: {x: {type: other}}\nruns: [{name: r}]",
        runs("r", warning="unknown type of credentials"),
    ),
    "an empty step": (task("steps: [{}]"), error("a step must be a mapping")),
    "a null step": (task("steps: [null]"), error("a step must be a mapping")),
    "a null container": (container("null"), error("is empty")),
    "null in contents": (task("steps: [{save_to_workspace: {contents: [null]}}]"), error("is empty")),
    "a null task": ("runs: [{name: r, tasks: [null]}]", error("is empty")),
    "when of a step": (
        task("steps: [{type: run, command: a, when: {branch: x}}]"),
        runs("r", warning="`when` of a step is ignored"),
        R,
    ),
    "a number to include": (
        when("{branch: {include: 5, exclude: x}, ref: '/main/'}"),
        runs("r", warning="Agola takes it for an empty list"),
        error("must be a string"),
    ),
    "a star in a pattern": (when("{branch: 'ma*'}"), Said(), R),
    "a block of one line": (BLOCK, error("needs a name"), R),
    "contents without paths": (
        task("steps: [{save_to_workspace: {contents: [{source_dir: a}]}}]"),
        runs("r", warning="Agola keeps nothing"),
        R,
    ),
    "a duration with a fraction": (task("task_timeout_interval: 1.5"), error("whole number")),
    "a duration in nanoseconds": (task("task_timeout_interval: 10"), R),
    "the runtime host": (task("steps: []"), R),
    "a lookahead": (when("{branch: '/(?=a)/'}"), error("is not a pattern")),
    "any byte": (when(r"{branch: '/\C/'}"), R),
}


@pytest.mark.parametrize("what", YAML)
def test_a_file_of_yaml(what: str) -> None:
    """In Agola's folder and in ours."""
    text, agola, *ours = YAML[what]
    check(".agola/config.yml", text, agola)
    check(".tidemill/config.yml", text, ours[0] if ours else agola)


def test_a_step_without_a_name_has_no_half_character() -> None:
    """Its name is as much of the command as fits into a hundred bytes."""
    planned = evaluated(".agola/config.yml", task(f"steps: [{{run: x{'é' * 80}}}]"))
    assert planned.plans[0].tasks[0].steps[0].name == "x" + "é" * 49


JSONNET = {
    "an import of the repository": ("{runs: [{name: import '../lib/name.libsonnet'}]}", runs("imported")),
    "the text of a file": ("{runs: [{name: importstr '../lib/raw'}]}", runs("bytes")),
    "the bytes of a file": ("{runs: [{name: std.toString(std.length(importbin '../lib/raw'))}]}", runs("5")),
    "an absolute path": ("{runs: importstr '/etc/passwd'}", error("is an absolute path")),
    "a way out": ("{runs: importstr '../../x'}", error("leads out of the repository")),
    "the context": ("function(ctx) {runs: [{name: ctx.branch + ctx.tag}]}", runs("main")),
    "no parameter ctx": ("function(context) {runs: []}", error("no parameter ctx")),
    "a number with an underscore": ("{runs: [{name: std.toString(1_000)}]}", runs("1000")),
    "isNull and id": (
        "{runs: [{name: '%s %s' % [std.objectHasAll(std, name) for name in ['isNull', 'id']]}]}",
        runs("true false"),
    ),
    "deep calls": ("local f(n) = if n == 0 then 0 else 1 + f(n - 1); {a: f(600)}", error("max stack frames")),
}


@pytest.mark.parametrize("folder", [".agola", ".tidemill"])
@pytest.mark.parametrize("what", JSONNET)
def test_a_program_in_jsonnet(what: str, folder: str) -> None:
    """The same in both folders, but for what `ctx` holds."""
    check(f"{folder}/config.jsonnet", *JSONNET[what])


def test_the_context_has_more_fields_in_our_folder() -> None:
    """Agola's six, and three of ours."""
    names = "function(ctx) {runs: [{name: std.join(' ', std.objectFields(ctx))}]}"
    six = "branch commit_sha pull_request_id ref ref_type tag"
    check(".agola/config.jsonnet", names, runs(six))
    nine = "branch changed_files commit_sha event inputs pull_request_id ref ref_type tag"
    check(".tidemill/config.jsonnet", names, runs(nine))


def value(expression: str) -> str:
    return f"def main(ctx):\n  return {{'runs': [{{'name': str({expression})}}]}}\n"


CALLS = "def f(n):\n  return 0 if n == 0 else f(n - 1)\ndef main(ctx):\n  return {'runs': [{'name': str(f(%d))}]}\n"
STARLARK = {
    "load": ("load('../lib/tasks.star', 'NAME')\n" + value("NAME"), runs("loaded")),
    "load from the root": ("load('//lib/tasks.star', 'NAME')\n" + value("NAME"), runs("loaded")),
    "recursion": (CALLS % 190, runs("0")),
    "endless recursion": (CALLS % 1000, error("call stack overflow")),
    "a global twice": ("X = 1\nX = 2\n" + value("X"), runs("2")),
    "an unknown escape": (value(r"'\d'"), runs(r"\d")),
    "a byte escape": (value(r"'\xff'"), runs("ÿ")),
    "bytes": (value("b'x'"), error("Parse error")),
    "elem_ords": (value("'x'.elem_ords()"), error("no attribute `elem_ords`")),
    "codepoint_ords": (value("'x'.codepoint_ords()"), error("no attribute `codepoint_ords`")),
    "a character in a format": (value("'%c' % 97"), error("Unsupported format character")),
    "an integer in a format": (value("'%i' % 97"), error("Unsupported format character")),
    "print with a separator": (value("print(1, sep='')"), error("extra named parameter")),
    "a variable called assert": ("assert = 1\n" + value("1"), error("reserved keyword `assert`")),
    "the builtin bytes": (value("bytes('x')"), error("Variable `bytes` not found")),
    "a variable outside ASCII": ("é = 1\n" + value("1"), error("invalid input")),
    "the length of a text": (value("len('é')"), runs("1")),
    "codepoints": (value("list('ab'.codepoints())"), runs("[97, 98]")),
    "a fraction as text": (value("123456789.0"), runs("1.234568e+08")),
    "the type of a builtin": (value("type(len)"), runs("function")),
    "repr": (value("repr('é')"), runs(r'"\xe9"')),
    "not a number": ("def main(ctx):\n  return {'runs': [{'name': 'r', 'tasks': float('nan')}]}", runs("r")),
    "tabs": ("def main(ctx):\n\treturn {'runs': [{'name': 'r'}]}", runs("r")),
    "while": ("def main(ctx):\n  while True:\n    pass\n", error("reserved keyword `while`")),
    "if outside a function": ("if True:\n  X = 1\n" + value("1"), error("`if` cannot be used outside `def`")),
    "for outside a function": (
        "for x in []:\n  pass\n" + value("1"),
        error("`for` cannot be used outside `def`"),
    ),
    "set": (value("set([1])"), error("Variable `set` not found")),
    "texts side by side": (value("'a' 'b'"), error("unexpected string literal")),
    "large integers": (value("1 << 70"), runs("1180591620717411303424")),
    "print": ("print('x')\n" + value("1"), runs("1")),
    "a range": ("def main(ctx):\n  return {'runs': [{'name': str(n)} for n in range(2)]}", runs("0", "1")),
    "a key that is no text": ("def main(ctx):\n  return {1: 2}", error("a key must be a string")),
}


@pytest.mark.parametrize("what", STARLARK)
def test_a_program_in_starlark(what: str) -> None:
    """The dialect of the evaluator in Rust."""
    check(".agola/config.star", *STARLARK[what])


def test_every_variable_of_agola_has_a_twin() -> None:
    """And the deploy key is empty where there is none."""
    environment = static_environment(REF, "a" * 40, "http://host:8000/git/x.git")
    assert environment["AGOLA_SSHPRIVKEY"] == ""
    agola = {
        name.removeprefix("AGOLA_"): text for name, text in environment.items() if name.startswith("AGOLA_")
    }
    ours = {
        name.removeprefix("TIDEMILL_"): text
        for name, text in environment.items()
        if name.startswith("TIDEMILL_")
    }
    assert agola == ours
