"""Names of repositories of direct runs, refs of pull requests, and the scope of a direct run."""

import pytest

from tidemill.core.direct_runs import DirectRepository, PullRequestRefs, direct_repository, repository_at
from tidemill.core.refs import branch, pull_request, tag
from tidemill.core.scope import DirectScope, is_forks, parse_direct_scope, parse_scope

ALICE = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize("name", ["a", "a-b_C", ALICE, "x" * 50])
def test_a_repository_is_found_by_id_and_path(name: str) -> None:
    """Both lead back to it."""
    repository = DirectRepository(user=ALICE, name=name)
    assert direct_repository(repository.id) == repository
    assert repository_at(repository.path) == repository


@pytest.mark.parametrize("name", ["", ".", "..", "-a", "a-", "a/b", "a.b", "x" * 51, "é", "a\n"])
def test_other_names_name_none(name: str) -> None:
    """Nothing that could lead elsewhere, whoever's it is said to be."""
    assert direct_repository(f"{ALICE}.{name}") is None
    assert repository_at(f"{ALICE}/{name}") is None
    assert repository_at(f"alice/{name}") is None
    assert direct_repository(ALICE) is None


def test_refs_are_told_apart() -> None:
    """Branches and tags are never pull requests'; the first expression that is found says the id."""
    refs = PullRequestRefs((r"refs/pull/(\d+)/head", r"(refs/.*)"))
    assert refs.parse("refs/pull/7/head") == pull_request("7", "refs/pull/7/head")
    assert refs.parse("refs/other") == pull_request("refs/other", "refs/other")
    assert refs.parse("refs/heads/a/b") == branch("a/b")
    assert refs.parse("refs/tags/v1") == tag("v1")
    assert refs.parse("refs/heads/") is None
    assert PullRequestRefs(()).parse("refs/pull/7/head") is None
    assert PullRequestRefs((r"refs/(\d*)",)).parse("refs/x") is None


@pytest.mark.parametrize(
    ("expression", "why"), [("(", "regular expression"), ("a", "group"), ("(a)" * 400, "1000")]
)
def test_a_wrong_expression_is_refused(expression: str, why: str) -> None:
    """It says what is wrong."""
    with pytest.raises(ValueError, match=why):
        PullRequestRefs((expression,))


def test_the_scope_of_a_direct_run_is_no_other() -> None:
    """It is read back, is no fork's and no project's; those are none of it."""
    scope = DirectScope(repository=f"{ALICE}.a", sealed="abc==")
    assert parse_direct_scope(str(scope)) == scope
    assert parse_scope(str(scope)) is None
    assert not is_forks(str(scope))
    for other in ("", "direct:", "direct::", "project:p:refs/heads/main", "direct:x"):
        assert parse_direct_scope(other) is None
