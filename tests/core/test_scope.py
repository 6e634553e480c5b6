"""A scope survives its way through services that do not read it."""

import pytest

from tidemill.core.scope import Scope, is_forks, parse_scope


@pytest.mark.parametrize("is_fork", [False, True])
@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/a:b", "fork:x", ""])
def test_a_scope_is_read_back(ref: str, is_fork: bool) -> None:
    """Whatever the ref holds: no name of a branch makes a fork of a run or the other way round."""
    scope = Scope(project="p1", ref=ref, is_fork=is_fork)
    assert parse_scope(str(scope)) == scope


@pytest.mark.parametrize(
    "text", ["", "project", "project:", "project:p1", "project::ref", "user:u1:ref", "fork:p1", "fork::ref"]
)
def test_other_scopes_are_not_ours(text: str) -> None:
    """They resolve to nothing rather than to something wrong."""
    assert parse_scope(text) is None


@pytest.mark.parametrize("text", ["fork:p1:refs/pull/1/head", "fork:p1", "fork::ref", "fork"])
def test_what_claims_to_be_a_fork_is_one(text: str) -> None:
    """Also when it is malformed."""
    assert is_forks(text)


@pytest.mark.parametrize("text", ["", "project:fork:refs/heads/main", "project:p1:fork:p1:x", "user:u1"])
def test_no_name_makes_a_fork(text: str) -> None:
    """Neither a project's nor a branch's."""
    assert not is_forks(text)
