"""What names are compared with: text, regular expressions, globs."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.patterns import (
    Pattern,
    PatternKind,
    first_matching,
    first_other,
    parse_path_glob,
    parse_pattern,
)


def regexp(text: str) -> Pattern:
    return Pattern(text=text, kind=PatternKind.REGEXP)


def glob(text: str) -> Pattern:
    return Pattern(text=text, kind=PatternKind.GLOB)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main", Pattern(text="main")),
        ("//", Pattern(text="//")),
        ("##", Pattern(text="##")),
        ("/", Pattern(text="/")),
        ("", Pattern(text="")),
        ("/a#", Pattern(text="/a#")),
        ("/a/", regexp("a")),
        ("#a/b#", regexp("a/b")),
        ("/(?i)MAIN/", regexp("(?i)MAIN")),
        ("/a*/", regexp("a*")),
        ("release/*", Pattern(text="release/*")),
        ("[x]", Pattern(text="[x]")),
    ],
)
def test_what_is_a_regular_expression(text: str, expected: Pattern) -> None:
    """What stands between two slashes or two hashes; the rest is text, as in Agola."""
    assert parse_pattern(text) == expected
    assert parse_pattern(expected.written) == expected


@pytest.mark.parametrize("text", ["*", "a?", "[ab]", "{a,b}", "release/**"])
def test_what_is_a_glob(text: str) -> None:
    """Where globs are asked for, text with one of their characters; regular expressions stay such."""
    assert parse_pattern(text, globs=True) == glob(text)
    assert parse_pattern(f"/{text.replace('*', '.')}/", globs=True).kind is PatternKind.REGEXP
    assert parse_pattern("main", globs=True) == Pattern(text="main")


@pytest.mark.parametrize("text", ["/(/", "/a{1001}/", "/(?=a)/", r"/\1/"])
def test_expressions_that_re2_refuses(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """They are refused with RE2's reason, and nothing is printed."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_pattern(text)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "matching", "others"),
    [
        ("main", "main", "mai main2 xmain"),
        ("*", "a a.b .x", "a/b"),
        ("release/*", "release/1 release/", "release release/1/2 xrelease/1"),
        ("release/**", "release/1 release/1/2", "release xrelease/1"),
        ("**", "a a/b a/b/c", ""),
        ("**/x", "x a/x a/b/x", "ax a/bx x/a"),
        ("a/**/x", "a/x a/b/x a/b/c/x", "ax a/bx b/a/x"),
        ("a**x", "ax a/x a/b/x abx", "x ax/"),
        ("***/x", "x a/x", "ax"),
        ("?", "a ä", "ab /"),
        ("a?c", "abc", "ac a/c abbc"),
        ("[a-c]x", "ax cx", "dx x -x"),
        ("[!a-c]x", "dx", "ax /x x"),
        ("[^a]", "b", "a /"),
        ("[]a]", "] a", "b"),
        ("[!]]", "a", "]"),
        ("[a-]", "a -", "b"),
        (r"[\]", "\\", "a"),
        ("[[]", "[", "a"),
        ("[&~^]", "& ~ ^", "a"),
        ("{a,b}", "a b", "ab {a,b} ,"),
        ("{a,b{c,d}}x", "ax bcx bdx", "bx cx"),
        ("{a,}x", "ax x", "bx"),
        ("*.{py,md}", "x.py x.md", "x.p a/x.py xpy"),
        ("{*.md,docs/**}", "a.md docs/x/y", "x/a.md docs"),
        ("a,b}", "a,b}", "a"),
        (r"\*", "*", "a"),
        (r"\{a\}", "{a}", "a"),
        (r"a\\b", "a\\b", "ab"),
        ("v1.0+(x)|$^*", "v1.0+(x)|$^ v1.0+(x)|$^y", "v1x0"),
        ("ä*", "ä äb", "a"),
    ],
)
def test_which_names_a_glob_matches(text: str, matching: str, others: str) -> None:
    """The whole name; `*`, `?` and `[…]` do not cross a slash, `**` does."""
    pattern = glob(text)
    assert [name for name in matching.split(" ") if not pattern.matches(name)] == []
    assert [name for name in others.split(" ") if name and pattern.matches(name)] == []


@pytest.mark.parametrize("text", ["a\nb", "\n", "a/\n"])
def test_a_line_break_is_a_character_like_another(text: str) -> None:
    """In names that are compared with globs, and at their ends."""
    assert glob("**").matches(text)
    assert not glob("a").matches("a\n")
    assert glob("a?b").matches("a\nb")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "a `[` has no `]`"),
        ("[]", "a `[` has no `]`"),
        ("{a", "a `{` has no `}`"),
        ("{a,{b}", "a `{` has no `}`"),
        ("*\\", "it ends with a `\\`"),
        ("[a/b]", "cannot hold a `/`"),
        ("[+-9]", "cannot hold a `/`"),
        ("[z-a]", "invalid character class range"),
        pytest.param("?" * 300_000, "too large", id="too large"),
    ],
)
def test_globs_that_say_nothing(text: str, message: str) -> None:
    """They are refused with what is wrong."""
    with pytest.raises(
        ValueError, match=message.replace("[", r"\[").replace("{", r"\{").replace("\\`", r"\\`")
    ):
        parse_pattern(text, globs=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("/src/*", "begin at the root"),
        ("./src", "begin at the root"),
        ("../src", "begin at the root"),
        ("docs/", r"write `docs/\*\*`"),
        ("src/[", r"has no `\]`"),
    ],
)
def test_globs_that_no_path_matches(text: str, message: str) -> None:
    """Of paths it is known how they look: one that never matches is refused."""
    with pytest.raises(ValueError, match=message):
        parse_path_glob(text)


def test_paths_are_always_globs() -> None:
    """Also those that look like regular expressions or hold no special character."""
    assert parse_path_glob("a.py") == glob("a.py")
    assert parse_path_glob("#a#") == glob("#a#")
    assert parse_path_glob("src/**").matches("src/a/b.py")


def test_the_first_path_that_some_glob_matches() -> None:
    """Of several globs at once; a name that is not valid Unicode is looked at too."""
    globs = (glob("docs/**"), glob("*.md"))
    assert first_matching(globs, ("src/a.py", "x\udcff.md", "docs/x")) == "x\udcff.md"
    assert first_matching(globs, ("src/a.py", "a/b.md")) is None
    assert first_other(globs, ("docs/a", "src/a.py")) == "src/a.py"
    assert first_other(globs, ("docs/a", "b.md")) is None


def test_globs_that_are_too_many_for_one_expression() -> None:
    """They are compared one by one."""
    globs = tuple(glob("[a-zA-Zä-ö]?" * 40 + f"{number}*") for number in range(300))
    assert first_matching(globs, ("x", "y" * 80 + "299.txt")) == "y" * 80 + "299.txt"


def test_text_is_found_in_messages() -> None:
    """A simple pattern anywhere, a regular expression by its own anchors."""
    assert Pattern(text="[deploy]").is_found_in("Mend it [deploy] now")
    assert not Pattern(text="deploy").is_found_in("Mend it")
    assert regexp("(?m)^Fixes: #[0-9]+$").is_found_in("Mend it\n\nFixes: #12\n")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (regexp("^(a+)+$"), "a" * 50_000 + "b"),
        (glob("*a" * 20 + "b"), "a" * 50_000),
        (glob("**/" * 20 + "x"), "a/" * 25_000),
        (glob("{a,aa,aaa}" * 20), "a" * 50_000),
    ],
)
def test_hostile_patterns_take_no_time(pattern: Pattern, text: str) -> None:
    """RE2 is linear: what hangs other engines is answered at once."""
    began = time.monotonic()
    assert not pattern.matches(text)
    assert time.monotonic() - began < 1


def naive(pattern: str, name: str) -> bool:
    """A glob of letters, `/`, `*`, `**` and `?`, matched by trying everything."""
    if not pattern:
        return not name
    if pattern.startswith("**/"):
        rests = [name, *(name[at + 1 :] for at in range(len(name)) if name[at] == "/")]
        return any(naive(pattern[3:], rest) for rest in rests)
    if pattern.startswith("**"):
        return any(naive(pattern[2:], name[at:]) for at in range(len(name) + 1))
    if pattern.startswith("*"):
        ends = len(re.match(r"[^/]*", name)[0])  # type: ignore[index]
        return any(naive(pattern[1:], name[at:]) for at in range(ends + 1))
    if not name or (pattern[0] == "?" and name[0] == "/"):
        return False
    return pattern[0] in ("?", name[0]) and naive(pattern[1:], name[1:])


SEGMENTS = st.sampled_from(["**", "a", "b", "*", "?", "a*", "*b", "a?", "*a*"])


@given(
    pattern=st.lists(SEGMENTS, min_size=1, max_size=5).map("/".join),
    name=st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join),
)
def test_globs_match_as_a_naive_matcher_does(pattern: str, name: str) -> None:
    """The translation to RE2 means what the words say."""
    assert glob(pattern).matches(name) is naive(pattern, name)
