"""For which refs a run is meant (reference, run configuration 2 and 11.4)."""

import pytest

from tidemill.core.context import Occasion
from tidemill.core.patterns import Pattern, PatternKind, parse_pattern
from tidemill.core.refs import Ref, RefType, branch, tag
from tidemill.core.when import Conditions, When

PULL_REQUEST = Ref(type=RefType.PULL_REQUEST, name="1", full="refs/pull/1/head")


def conditions(include: str, exclude: str = "") -> Conditions:
    """Patterns separated by spaces; `=x` is literal, anything else a regular expression."""

    def patterns(text: str) -> tuple[Pattern, ...]:
        words = text.split()
        return tuple(parse_pattern(w.removeprefix("=") if w.startswith("=") else f"/{w}/") for w in words)

    return Conditions(include=patterns(include), exclude=patterns(exclude))


@pytest.mark.parametrize(
    ("when", "ref", "expected"),
    [
        (When(branch=Conditions(include=(Pattern(text=""),))), branch("master"), False),
        (
            When(branch=Conditions(include=(Pattern(text="", kind=PatternKind.REGEXP),))),
            branch("master"),
            True,
        ),
        (When(branch=Conditions(include=(Pattern(text=""),))), branch(""), False),
        (When(branch=Conditions(include=(Pattern(text="", kind=PatternKind.REGEXP),))), branch(""), False),
        (When(branch=conditions("=master")), branch("master"), True),
        (When(branch=conditions("=master")), branch("branch01"), False),
        (When(tag=conditions("=master"), ref=conditions("=master")), branch("branch01"), False),
        (When(branch=conditions("master")), branch("master"), True),
        (When(branch=conditions("master")), branch("branch01"), False),
        (When(branch=conditions("m.*")), branch("master"), True),
        (When(branch=conditions("m.*")), branch("branch01"), False),
        (When(branch=conditions("m.*", "=maste")), branch("master"), True),
        (When(branch=conditions("m.*", "=master")), branch("master"), False),
        (When(branch=conditions("m.*", "mb.*")), branch("master"), True),
        (When(branch=conditions("m.*", "ma.*")), branch("master"), False),
        (When(branch=conditions("m.* b.*", "b.* c.*")), branch("master"), True),
        (When(branch=conditions("m.* b.*", "b.* ma.*")), branch("master"), False),
        (When(branch=conditions("=master")), tag("master"), False),
        (When(tag=conditions("=master")), branch("master"), False),
        (When(tag=conditions("=v1")), tag("v1"), True),
        (When(), branch("master"), False),
        (When(branch=conditions("", "=x")), branch("master"), False),
        (When(ref=conditions(r"refs/pull/\d+/head")), PULL_REQUEST, True),
        (When(branch=conditions(".*"), tag=conditions(".*")), PULL_REQUEST, False),
        (When(branch=conditions("=x", "=x"), ref=conditions("heads/x")), branch("x"), True),
        (When(branch=conditions("=x"), ref=conditions("", "heads/x")), branch("x"), False),
        (When(branch=conditions("ä")), branch("bär"), True),
        (When(branch=conditions("x")), branch("x\udcff"), True),
    ],
)
def test_which_refs_match(when: When, ref: Ref, expected: bool) -> None:
    """Includes and excludes of branch, tag and ref, the later ones overriding the earlier."""
    assert when.decide(Occasion(ref=ref)).matches is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main", Pattern(text="main")),
        ("//", Pattern(text="//")),
        ("##", Pattern(text="##")),
        ("/", Pattern(text="/")),
        ("", Pattern(text="")),
        ("/a#", Pattern(text="/a#")),
        ("/a/", Pattern(text="a", kind=PatternKind.REGEXP)),
        ("#a/b#", Pattern(text="a/b", kind=PatternKind.REGEXP)),
        ("/(?i)MAIN/", Pattern(text="(?i)MAIN", kind=PatternKind.REGEXP)),
    ],
)
def test_what_is_a_regular_expression(text: str, expected: Pattern) -> None:
    """What stands between two slashes or two hashes."""
    assert parse_pattern(text) == expected


@pytest.mark.parametrize("text", ["/(/", "/a{1001}/", "/(?=a)/", r"/\1/"])
def test_expressions_that_re2_refuses(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """They are refused with RE2's reason, and nothing is printed."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_pattern(text)
    assert capfd.readouterr().err == ""


def test_hostile_expressions_take_no_time() -> None:
    """RE2 is linear: what hangs other engines is answered at once."""
    pattern = parse_pattern("/^(a+)+$/")
    assert not pattern.matches("a" * 10_000 + "b")
