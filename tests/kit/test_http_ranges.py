"""Parts of downloads: what a Range header asks for, and under which name an answer is saved."""

import pytest

from tidemill.kit.http.ranges import Unsatisfiable, asked_range, disposition, names_tag


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("bytes=0-", (0, 10)),
        ("bytes=3-5", (3, 6)),
        ("Bytes=9-99", (9, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-3", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
        ("bytes=\u0663-\u0665", None),
        ("bytes=" + "9" * 40 + "-", None),
    ],
)
def test_one_range_is_understood(text: str, part: tuple[int, int] | None) -> None:
    """Everything else is answered with the whole."""
    assert asked_range(text, 10) == part


@pytest.mark.parametrize("text", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_what_lies_behind_the_end_is_not_there(text: str) -> None:
    """Nor is the last nothing of a file."""
    with pytest.raises(Unsatisfiable):
        asked_range(text, 10)


@pytest.mark.parametrize(
    ("header", "known"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("a", False)],
)
def test_a_tag_is_found_among_others(header: str, known: bool) -> None:
    """As If-None-Match compares them."""
    assert names_tag(header, '"a"') is known


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a b.whl", 'attachment; filename="a b.whl"'),
        ("ü.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%BC.txt"),
        ('a"; x="', "attachment; filename=\"a__ x__\"; filename*=UTF-8''a%22%3B%20x%3D%22"),
        ("a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
    ],
)
def test_a_download_has_a_name(name: str, says: str) -> None:
    """For old clients and new ones; nothing in it ends the header."""
    assert disposition(name) == says
