"""A scope survives its way through services that do not read it."""

import pytest

from tidemill.core.scope import Scope, parse_scope


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
