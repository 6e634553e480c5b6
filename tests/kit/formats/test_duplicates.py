"""Keys that are written twice in one mapping are remembered; the last one is in the data."""

from tidemill.kit.formats.document import Duplicate, Place
from tidemill.kit.formats.reading import read_yaml

TEXT = b"""\
a: 1
list:
  - x: 1
    z: {k: 1, k: 2}
    x: 2
a: 2
a: 3
"""


def test_each_has_its_path_and_both_places() -> None:
    """In the order in which their values end."""
    document = read_yaml(TEXT)
    assert document.data == {"a": 3, "list": [{"x": 2, "z": {"k": 2}}]}
    assert document.duplicates == (
        Duplicate(("list", 0, "z", "k"), Place(4, 15), Place(4, 9)),
        Duplicate(("list", 0, "x"), Place(5, 5), Place(3, 5)),
        Duplicate(("a",), Place(6, 1), Place(1, 1)),
        Duplicate(("a",), Place(7, 1), Place(6, 1)),
    )


def test_merged_keys_are_none() -> None:
    """A mapping says less than what it merges, on purpose."""
    text = b"base: &b {x: 1}\none: {<<: *b, x: 2}\ntwo: {<<: *b, <<: *b}\nalias: *b\n"
    assert read_yaml(text).duplicates == ()


def test_numbers_that_are_equal_as_text_are() -> None:
    """Keys are compared as the data has them."""
    (found,) = read_yaml(b'{1: a, "1": b}').duplicates
    assert found.path == ("1",)


def test_they_are_counted_up_to_a_bound() -> None:
    """Very many of them do not fill the memory."""
    assert len(read_yaml(b"a: 1\n" * 60_000).duplicates) == 1000
