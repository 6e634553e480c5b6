"""A scope survives its way through services that do not read it."""

import pytest

from tidemill.core.scope import Scope, parse_scope


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/a:b", ""])
def test_a_scope_is_read_back(ref: str) -> None:
    """Whatever the ref holds."""
    scope = Scope(project="p1", ref=ref)
    assert parse_scope(str(scope)) == scope


@pytest.mark.parametrize("text", ["", "project", "project:", "project:p1", "project::ref", "user:u1:ref"])
def test_other_scopes_are_not_ours(text: str) -> None:
    """They resolve to nothing rather than to something wrong."""
    assert parse_scope(text) is None
