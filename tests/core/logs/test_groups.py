"""Groups that programs mark in their output."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidemill.core.logs.groups import MOST, MOST_MARKS, Group, Scanner

TITLED = b"""first
::group::Install
one
two
::endgroup::
between
##[group]Build
::group::Test
three
"""
SECTIONS = (
    b"\x1b[0Ksection_start:1560896352:prepare[collapsed=true]\r\x1b[0K\x1b[1mPrepare it\x1b[0m\r\n"
    b"section_start:1560896353:inner\r\x1b[0K\r\n"
    b"text\r\n"
    b"section_end:1560896354:nobody\r\x1b[0K\r\n"
    b"\x1b[0Ksection_end:1560896354:prepare\r\x1b[0K\r\n"
    b"after\r\n"
)


def scanned(data: bytes, *cuts: int, is_whole: bool = True) -> Scanner:
    scanner = Scanner()
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        scanner.feed(data[start:end])
    if is_whole:
        scanner.conclude()
    return scanner


def shown(groups: tuple[Group, ...]) -> list[tuple[str, int, int | None]]:
    return [(group.name, group.line, group.last_line) for group in groups]


def test_titles_end_each_other() -> None:
    """With an end of their own, with the next title, or with the log."""
    assert shown(scanned(TITLED).groups()) == [("Install", 2, 5), ("Build", 7, 7), ("Test", 8, 9)]


def test_sections_stand_in_each_other() -> None:
    """The title is what is shown behind the mark, else the name; an end ends what was begun inside."""
    assert shown(scanned(SECTIONS).groups()) == [("Prepare it", 1, 5), ("inner", 2, 5)]


def test_groups_of_a_growing_log_have_no_end() -> None:
    """Until it comes."""
    assert shown(scanned(TITLED, is_whole=False).groups())[-1] == ("Test", 8, None)
    scanner = scanned(TITLED, is_whole=False)
    scanner.copy().conclude()
    assert shown(scanner.groups())[-1] == ("Test", 8, None)


def test_a_last_line_without_an_end_counts() -> None:
    """As a line, and as a mark; nothing is no line."""
    whole = scanned(b"::group::a\nx\n::endgroup::")
    assert (whole.lines, shown(whole.groups())) == (3, [("a", 1, 3)])
    assert scanned(b"").lines == 0
    assert scanned(b"\n").lines == 1
    assert shown(scanned(b"::group::only").groups()) == [("only", 1, 1)]


def test_offsets_are_those_of_lines() -> None:
    """Where the first line begins, and where the end was seen."""
    (first, *_) = scanned(TITLED).groups()
    assert TITLED[first.offset :].startswith(b"::group::Install")
    assert first.last_offset is not None
    assert TITLED[first.last_offset :].startswith(b"::endgroup::")


@pytest.mark.parametrize("line", [b" ::group::x", b"x::group::y", b"\r::group::x", b"::Group::x", b"group"])
def test_marks_begin_their_line(line: bytes) -> None:
    """Elsewhere they are text."""
    assert scanned(b"text\n" + line + b"\nmore\n").groups() == ()


def test_names_are_for_eyes() -> None:
    """Without escapes, and no longer than anybody reads."""
    (one,) = scanned(b"::group::\x1b[31mred\x1b[0m\x07 \xff" + b"x" * 5000 + b"\n").groups()
    assert one.name.startswith("red �xxx")
    assert len(one.name) == 200


def test_no_log_makes_endless_groups() -> None:
    """What is too much is ignored; lines are counted all the same."""
    scanner = scanned(b"::group::x\n::endgroup::\n" * (MOST + 1))
    assert (len(scanner.groups()), scanner.lines) == (MOST, 2 * MOST + 2)
    scanner = scanned(b"::endgroup::\n" * MOST_MARKS + b"::group::late\n")
    assert scanner.groups() == ()


WORDS = [b"::group::a", b"::endgroup::", b"\n", b"\r\n", b"x" * 2000, b"section_start:1:s", b"\r\x1b[0K"]
WORDS += [b"section_end:1:s", b"##[group]b", b"\x1b[0K", b"title", b"::group::" + b"y" * 1100]


@given(
    words=st.lists(st.sampled_from(WORDS), max_size=40),
    cuts=st.lists(st.floats(0, 1), max_size=6),
)
@example(words=[b"\n", b"::group::a", b"\n"], cuts=[0.3])
def test_it_does_not_matter_how_a_log_is_cut(words: list[bytes], cuts: list[float]) -> None:
    """Groups and lines are those of the whole."""
    data = b"".join(words)
    one, other = scanned(data), scanned(data, *sorted(int(cut * len(data)) for cut in cuts))
    assert one.groups() == other.groups()
    assert one.lines == other.lines == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
