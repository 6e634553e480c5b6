"""Names and paths are told apart as the reference says (API 1.2, 1.3)."""

import time

import pytest

from tidemill.core.names import OwnedPath, is_id, is_path, is_valid_name, parse_path
from tidemill.errors import BadRequest

ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


@pytest.mark.parametrize("name", ["a", "7", "ab", "a1", "a-b", "Alice-2-x", "a" * 40, "user01"])
def test_valid_names(name: str) -> None:
    """One alphanumeric, or a letter and then letters, digits and single dashes."""
    assert is_valid_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "-", "1a", "a-", "-a", "a--b", "a_b", "a.b", "a b", "ab\n", "é", "aé", "a" * 41, ID, "a/b", "ab\0"],
)
def test_invalid_names(name: str) -> None:
    """Nothing else, and nothing that could be an id."""
    assert not is_valid_name(name)


def test_a_name_like_an_id_without_dashes_is_refused() -> None:
    """The reference reads 32 hexadecimal digits as an id."""
    assert is_id("abcdef" + "0" * 26)
    assert not is_valid_name("abcdef" + "0" * 26)
    assert is_valid_name("abcdef" + "0" * 25)


def test_a_hostile_name_is_refused_at_once() -> None:
    """The reference's own expression would backtrack for minutes."""
    started = time.perf_counter()
    assert not is_valid_name("a" * 39 + "!")
    assert time.perf_counter() - started < 0.1


def test_a_reference_with_a_slash_is_a_path() -> None:
    """Ids have none."""
    assert is_path("user/alice")
    assert not is_path(ID)


def test_a_path_is_taken_apart() -> None:
    """The owner first, then the names below the root group."""
    assert parse_path("user/alice", least=2) == OwnedPath(kind="user", owner="alice", names=())
    assert parse_path("org/acme/tools/hello", least=3) == OwnedPath(
        kind="org", owner="acme", names=("tools", "hello")
    )


@pytest.mark.parametrize(
    ("path", "least"), [("user/alice", 3), ("user", 2), ("team/a/b", 3), ("/user/a", 2), ("", 2)]
)
def test_what_cannot_be_a_path(path: str, least: int) -> None:
    """Too few elements or an unknown first one."""
    with pytest.raises(BadRequest) as caught:
        parse_path(path, least=least)
    assert caught.value.code == "invalidPath"
