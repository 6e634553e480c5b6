"""On which occasions something is meant (reference, run configuration 2 and 11.4, and our own keys)."""

import pytest

from tidemill.core.context import Event, Occasion
from tidemill.core.patterns import Pattern, PatternKind, parse_path_glob, parse_pattern
from tidemill.core.refs import Ref, RefType, branch, tag
from tidemill.core.when import Conditions, Ruling, When

PULL_REQUEST = Ref(type=RefType.PULL_REQUEST, name="1", full="refs/pull/1/head")


def conditions(include: str, exclude: str = "") -> Conditions:
    """Patterns separated by spaces; `=x` is literal, anything else a regular expression."""

    def patterns(text: str) -> tuple[Pattern, ...]:
        return tuple(
            Pattern(text=word[1:]) if word[0] == "=" else Pattern(text=word, kind=PatternKind.REGEXP)
            for word in text.split()
        )

    return Conditions(include=patterns(include), exclude=patterns(exclude))


def texts(*words: str) -> tuple[Pattern, ...]:
    return tuple(parse_pattern(word) for word in words)


def paths(*words: str) -> tuple[Pattern, ...]:
    return tuple(parse_path_glob(word) for word in words)


EMPTY_REGEXP = Conditions(include=(Pattern(text="", kind=PatternKind.REGEXP),))


@pytest.mark.parametrize(
    ("when", "ref", "expected"),
    [
        pytest.param(When(branch=Conditions(include=texts(""))), branch("master"), False, id="empty text"),
        pytest.param(When(branch=EMPTY_REGEXP), branch("master"), True, id="empty regexp"),
        pytest.param(When(branch=Conditions(include=texts(""))), branch(""), False, id="no name, empty text"),
        pytest.param(When(branch=EMPTY_REGEXP), branch(""), False, id="no name, empty regexp"),
        pytest.param(When(branch=conditions("=master")), branch("master"), True, id="same text"),
        pytest.param(When(branch=conditions("=master")), branch("branch01"), False, id="other text"),
        pytest.param(
            When(tag=conditions("=master"), ref=conditions("=master")),
            branch("branch01"),
            False,
            id="tag and ref for a branch",
        ),
        pytest.param(When(branch=conditions("master")), branch("master"), True, id="regexp"),
        pytest.param(When(branch=conditions("master")), branch("branch01"), False, id="other regexp"),
        pytest.param(When(branch=conditions("m.*")), branch("master"), True, id="regexp with a star"),
        pytest.param(When(branch=conditions("m.*")), branch("branch01"), False, id="no match for the star"),
        pytest.param(
            When(branch=conditions("m.*", "=maste")), branch("master"), True, id="excluded text is exact"
        ),
        pytest.param(When(branch=conditions("m.*", "=master")), branch("master"), False, id="excluded text"),
        pytest.param(When(branch=conditions("m.*", "mb.*")), branch("master"), True, id="no excluded regexp"),
        pytest.param(When(branch=conditions("m.*", "ma.*")), branch("master"), False, id="excluded regexp"),
        pytest.param(
            When(branch=conditions("m.* b.*", "b.* c.*")), branch("master"), True, id="lists, not excluded"
        ),
        pytest.param(
            When(branch=conditions("m.* b.*", "b.* ma.*")), branch("master"), False, id="lists, excluded"
        ),
        pytest.param(When(branch=conditions("=master")), tag("master"), False, id="branch for a tag"),
        pytest.param(When(tag=conditions("=master")), branch("master"), False, id="tag for a branch"),
        pytest.param(When(tag=conditions("=v1")), tag("v1"), True, id="tag"),
        pytest.param(When(), branch("master"), False, id="nothing"),
        pytest.param(When(branch=Conditions()), branch("master"), False, id="empty condition"),
        pytest.param(When(branch=conditions("", "=x")), branch("master"), False, id="only excludes"),
        pytest.param(
            When(ref=conditions(r"refs/pull/\d+/head")), PULL_REQUEST, True, id="pull request by ref"
        ),
        pytest.param(
            When(branch=conditions(".*"), tag=conditions(".*")),
            PULL_REQUEST,
            False,
            id="pull request by name",
        ),
        pytest.param(
            When(branch=conditions("=x", "=x"), ref=conditions("heads/x")),
            branch("x"),
            True,
            id="ref includes again",
        ),
        pytest.param(
            When(branch=conditions("=x"), ref=conditions("", "heads/x")),
            branch("x"),
            False,
            id="ref excludes",
        ),
        pytest.param(When(branch=conditions("ä")), branch("bär"), True, id="beyond ASCII"),
        pytest.param(When(branch=conditions("x")), branch("x\udcff"), True, id="not Unicode"),
    ],
)
def test_which_refs_match(when: When, ref: Ref, expected: bool) -> None:
    """Includes and excludes of branch, tag and ref, the later ones overriding the earlier."""
    assert when.decide(Occasion(ref=ref)).matches is expected


MAIN = Conditions(include=texts("main"))
PUSH = Conditions(include=texts("push"))


@pytest.mark.parametrize(
    ("when", "occasion", "expected"),
    [
        (When(event=PUSH), {}, True),
        (When(event=PUSH), {"event": Event.MANUAL}, False),
        (When(event=Conditions(include=texts("manual", "direct"))), {"event": Event.DIRECT}, True),
        (When(event=Conditions(exclude=texts("pull_request"))), {}, True),
        (When(event=Conditions(exclude=texts("pull_request"))), {"event": Event.PULL_REQUEST}, False),
        (When(event=Conditions(include=texts("push"), exclude=texts("push"))), {}, False),
        (When(event=Conditions()), {}, False),
        (When(event=PUSH, branch=MAIN), {}, True),
        (When(event=PUSH, branch=MAIN), {"ref": branch("dev")}, False),
        (When(event=PUSH, branch=Conditions(exclude=texts("dev"))), {}, False),
        (When(event=PUSH, tag=MAIN), {}, False),
        (When(message=Conditions(include=texts("[deploy]"))), {"message": "Go [deploy]\n"}, True),
        (When(message=Conditions(include=texts("[deploy]"))), {"message": "Go"}, False),
        (When(message=Conditions(exclude=texts("/(?i)wip/"))), {"message": "WIP: go"}, False),
        (When(message=Conditions(exclude=texts("/(?i)wip/"))), {"message": "Go"}, True),
        (When(message=Conditions(include=texts("/^Go$/"))), {"message": "Go\n\nmore"}, False),
        (When(paths=paths("src/**")), {"changed_files": ("a", "src/b/c")}, True),
        (When(paths=paths("src/**", "a")), {"changed_files": ("a",)}, True),
        (When(paths=paths("src/**")), {"changed_files": ("a", "lib/src/b")}, False),
        (When(paths=paths("src/**")), {"changed_files": ()}, False),
        (When(paths=paths("src/**")), {"changed_files": None}, True),
        (When(paths_ignore=paths("docs/**")), {"changed_files": ("docs/a", "docs/b")}, False),
        (When(paths_ignore=paths("docs/**", "*.md")), {"changed_files": ("docs/a", "x.md")}, False),
        (When(paths_ignore=paths("docs/**")), {"changed_files": ("docs/a", "b")}, True),
        (When(paths_ignore=paths("docs/**")), {"changed_files": ()}, False),
        (When(paths_ignore=paths("docs/**")), {"changed_files": None}, True),
        (When(paths=paths("**"), paths_ignore=paths("*.md")), {"changed_files": ("a.md",)}, False),
        (When(paths=paths("**"), branch=MAIN), {"ref": branch("dev"), "changed_files": ("a",)}, False),
        (When(paths=paths("**"), branch=MAIN, event=PUSH), {"changed_files": ("a",)}, True),
    ],
)
def test_what_agola_does_not_know(when: When, occasion: dict[str, object], expected: bool) -> None:
    """Each of our keys must hold beside the ref's; unknown changes keep nothing from running."""
    asked = Occasion(**{"ref": branch("main"), **occasion})  # type: ignore[arg-type]
    assert when.decide(asked).matches is expected


@pytest.mark.parametrize(
    ("when", "occasion", "ruling"),
    [
        (
            When(branch=MAIN),
            Occasion(ref=branch("dev")),
            Ruling(
                matches=False,
                rule="when.branch.include",
                values={"branch": "dev", "pattern": "main"},
                because="`when.branch` includes `main`, this is `dev`",
            ),
        ),
        (
            When(branch=conditions("m =x y z", "=main")),
            Occasion(ref=branch("main")),
            Ruling(
                matches=False,
                rule="when.branch.exclude",
                values={"branch": "main", "pattern": "main"},
                because="`when.branch` excludes `main`",
            ),
        ),
        (
            When(branch=conditions("a =b c d")),
            Occasion(ref=branch("x")),
            Ruling(
                matches=False,
                rule="when.branch.include",
                values={"branch": "x", "pattern": "/a/, b, /c/, /d/"},
                because="`when.branch` includes `/a/`, `b`, `/c/` and 1 more, this is `x`",
            ),
        ),
        (
            When(branch=Conditions(exclude=texts("x"))),
            Occasion(ref=branch("y")),
            Ruling(
                matches=False,
                rule="when.branch.include",
                values={"branch": "y", "pattern": ""},
                because="`when.branch` includes nothing, this is `y`",
            ),
        ),
        (
            When(branch=MAIN),
            Occasion(ref=PULL_REQUEST),
            Ruling(
                matches=False,
                rule="when",
                values={"ref_type": "pull_request", "ref": "refs/pull/1/head"},
                because="`when` has no condition for a pull request, this is the pull request `1`",
            ),
        ),
        (
            When(),
            Occasion(ref=branch("x")),
            Ruling(matches=False, rule="when", because="`when` has no condition, which never matches"),
        ),
        (
            When(branch=MAIN, event=PUSH, paths=paths("src/**", "*.py")),
            Occasion(ref=branch("main"), changed_files=("a.py",)),
            Ruling(
                matches=True,
                rule="when.branch.include and when.event.include and when.paths",
                values={
                    "branch": "main",
                    "event": "push",
                    "path": "a.py",
                    "changed_files": "1",
                    "pattern": "main, push, src/**, *.py",
                },
                because="`when.branch` includes `main` and `when.event` includes `push`"
                " and `when.paths` is `src/**`, `*.py`, which `a.py` matches",
            ),
        ),
        (
            When(branch=MAIN, event=PUSH),
            Occasion(ref=branch("main"), event=Event.MANUAL),
            Ruling(
                matches=False,
                rule="when.event.include",
                values={"event": "manual", "pattern": "push"},
                because="`when.event` includes `push`, this is `manual`",
            ),
        ),
        (
            When(paths_ignore=paths("docs/**")),
            Occasion(ref=branch("main"), changed_files=("docs/a",)),
            Ruling(
                matches=False,
                rule="when.paths_ignore",
                values={"pattern": "docs/**", "changed_files": "1"},
                because="`when.paths_ignore` is `docs/**`, which every changed file matches",
            ),
        ),
        (
            When(paths=paths("docs/**")),
            Occasion(ref=branch("main")),
            Ruling(
                matches=True,
                rule="when.paths",
                values={"pattern": "docs/**"},
                because="`when.paths` holds, as it is not known which files have changed",
            ),
        ),
        (
            When(message=Conditions(exclude=texts("wip"))),
            Occasion(ref=branch("main"), message="Go\n\nmore"),
            Ruling(
                matches=True,
                rule="when.message.exclude",
                values={"message": "Go", "pattern": "wip"},
                because="`when.message` excludes only `wip`, this is `Go`",
            ),
        ),
    ],
)
def test_a_ruling_says_what_decided(when: When, occasion: Occasion, ruling: Ruling) -> None:
    """The rule, what was compared, and a sentence; with several keys all that hold, or the first that does not."""
    assert when.decide(occasion) == ruling
