"""Patterns of `paths`: what they match and what not."""

import pytest

from tidemill.kit.toolbox.failure import ToolFailure
from tidemill.kit.toolbox.globs import matcher


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("**", "a/b/c", True),
        ("*", "a", True),
        ("*", ".hidden", True),
        ("*", "a/b", False),
        ("*.txt", "a.txt", True),
        ("*.txt", "a.txt/b", False),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("**/c", "c", True),
        ("**/c", "a/b/c", True),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/b/c", True),
        ("a/**/c", "ab/c", False),
        ("a**", "ab", True),
        ("a**", "a/b", False),
        ("?.c", "x.c", True),
        ("?.c", "/.c", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        ("[!a]x", "/x", False),
        ("[]]x", "]x", True),
        ("{a,b}.c", "b.c", True),
        ("{a,b}.c", "c.c", False),
        ("{src,test}/**/*.py", "test/a/b.py", True),
        ("{**/a,b}", "x/a", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("a.b", "axb", False),
        ("a,b", "a,b", True),
        ("a}", "a}", True),
        ("é*", "école", True),
        ("*", "a\nb", True),
    ],
)
def test_a_pattern_is_matched_against_a_whole_path(pattern: str, path: str, matches: bool) -> None:
    """`*` and `?` stay within an element, `**` as an element is any number of them."""
    assert matcher([pattern])(path) is matches


def test_one_of_several_patterns_is_enough() -> None:
    """Without any nothing matches."""
    assert matcher(["a", "b"])("b")
    assert not matcher([])("b")


@pytest.mark.parametrize("pattern", ["[a", "{a", "a\\", "[z-a]"])
def test_a_pattern_that_cannot_be_read_says_so(pattern: str) -> None:
    """The step fails with the pattern's fault."""
    with pytest.raises(ToolFailure, match="cannot be read"):
        matcher([pattern])
