"""`tidemill push` against a real server."""

import json

import pytest

from tests.cli.conftest import Tidemill
from tests.system.server import Project, User, Work, config


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory, alice: User) -> Project:
    """A project with a push that made a run, and a later one that made none."""
    work = Work(tmp_path_factory.mktemp("pushed"), alice.project("pushed"))
    work.commit(config("true"))
    work.push()
    work.commit({}, "nothing [ci skip]")
    work.push("other")
    return work.project


def test_pushes_are_listed(pushed: Project, as_alice: User, tidemill: Tidemill) -> None:
    """Newest first, a line for each ref, with its runs or why there are none."""
    head, newest, oldest = tidemill("push", "list", pushed.path).out.splitlines()
    assert head.split() == ["PUSH", "WHEN", "REF", "COMMIT", "RUNS", "NOTE"]
    assert newest.split()[3] == "other"
    assert newest.endswith("-     no run was made: the commit's message says [ci skip]")
    assert oldest.split()[3:4] + oldest.split()[5:6] == ["main", "#1"]
    listed = json.loads(tidemill("push", "list", pushed.path, "-o", "json").out)
    assert [one["refs"][0]["code"] for one in listed] == ["skip_mark", "runs_made"]


def test_a_push_is_explained(pushed: Project, as_alice: User, tidemill: Tidemill) -> None:
    """The newest one, or one named by the beginning of its id or of a commit."""
    answer = tidemill("push", "explain", pushed.path)
    assert answer.out == "other: no run was made: the commit's message says [ci skip]\n"
    first = json.loads(tidemill("push", "list", pushed.path, "-o", "json").out)[1]
    for name in (first["id"], first["id"][:6], first["refs"][0]["new"][:10]):
        assert tidemill("push", "explain", pushed.path, name).out == "main: made #1 run\n"
    found = json.loads(tidemill("push", "explain", pushed.path, first["id"], "-o", "json").out)
    assert found["refs"][0]["explanation"]["code"] == "runs_made"
    assert "no recent push 'zz'" in tidemill("push", "explain", pushed.path, "zz").complaint
    assert "has no push" in tidemill("push", "explain", pushed.path, "z" * 36).complaint


def test_nothing_was_pushed(as_alice: User, alice: User, tidemill: Tidemill) -> None:
    """It is said."""
    empty = alice.project("unpushed")
    assert tidemill("push", "list", empty.path).out.split() == [
        "PUSH",
        "WHEN",
        "REF",
        "COMMIT",
        "RUNS",
        "NOTE",
    ]
    assert "nothing has been pushed" in tidemill("push", "explain", empty.path).complaint
