"""Refs are told apart, and their runs fall into the groups of the reference (run configuration 8.2)."""

import pytest

from tidemill.core.refs import Ref, RefType, branch, parse_ref, tag


def test_branches_and_tags_are_read() -> None:
    """By their prefix, whatever slashes follow."""
    assert parse_ref("refs/heads/main") == branch("main")
    assert parse_ref("refs/tags/v1/rc") == tag("v1/rc")
    assert branch("main").type is RefType.BRANCH


@pytest.mark.parametrize("full", ["main", "refs/notes/x", "refs/heads/", "refs/tags/", "", "HEAD"])
def test_other_refs_make_no_runs(full: str) -> None:
    """They are none of ours."""
    assert parse_ref(full) is None


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("main", "main"),
        ("feature/x", "feature%2Fx"),
        ("a b", "a%20b"),
        ("50%", "50%25"),
        ("$&+=:@-_.~", "$&+=:@-_.~"),
        ("(x),;!*'", "%28x%29%2C%3B%21%2A%27"),
        ("ü", "%C3%BC"),
    ],
)
def test_a_group_has_one_element_for_the_ref(name: str, element: str) -> None:
    """Escaped as Go escapes a path segment."""
    assert branch(name).group("p1") == f"/project/p1/branch/{element}"
    assert tag(name).group("p1") == f"/project/p1/tag/{element}"


def test_a_pull_request_has_caches_of_its_own() -> None:
    """It saves where nobody else reads, and reads what the project has too."""
    pull_request = Ref(type=RefType.PULL_REQUEST, name="5", full="refs/pull/5/head")
    assert pull_request.caches("p1") == ("/project/p1/pr/5", "/project/p1")
    assert branch("main").caches("p1") == ("/project/p1",)
