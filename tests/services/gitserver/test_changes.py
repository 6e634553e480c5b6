"""Which files differ between two commits, as the gateway asks for `when.paths`."""

import pytest

from tests.services.gitserver.hosting import Hosting, User
from tidemill.contracts.gitserver import ChangesRequest, Gitserver
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.carriers import coded

pytestmark = pytest.mark.anyio

UNKNOWN = "1" * 40


@pytest.fixture
async def user(hosting: Hosting) -> User:
    """A user whose first commit is there."""
    user = await hosting.user()
    await user.commit("a/one")
    await user.git("push", "-q", "origin", "main")
    return user


@pytest.fixture
async def gitserver(hosting: Hosting) -> Gitserver:
    return coded(Gitserver, hosting.service)


async def changes(gitserver: Gitserver, old: str, new: str, most: int = 3000) -> tuple[str, ...] | None:
    return (await gitserver.changes("p-hello", ChangesRequest(old=old, new=new, most=most))).paths


async def test_what_was_added_changed_moved_and_removed(user: User, gitserver: Gitserver) -> None:
    """A moved file has both of its names; over several commits only the ends count."""
    old = await user.head()
    await user.commit("b/täst\n x", b"1")
    await user.commit("gone")
    await user.commit("a/two", b"2" * 100)
    await user.git("push", "-q", "origin", "main")
    middle = await user.head()
    await user.git("mv", "a/two", "moved")
    await user.git("rm", "-q", "gone")
    await user.commit("a/one", b"other")
    await user.git("push", "-q", "origin", "main")
    new = await user.head()
    assert await changes(gitserver, old, middle) == ("a/two", "b/täst\n x", "gone")
    assert await changes(gitserver, middle, new) == ("a/one", "a/two", "gone", "moved")
    assert await changes(gitserver, old, new) == ("a/one", "b/täst\n x", "moved")
    assert await changes(gitserver, new, new) == ()


async def test_names_that_are_no_text_are_told_as_well_as_can_be(user: User, gitserver: Gitserver) -> None:
    """They do not keep the others from being told."""
    old = await user.head()
    blob = await user.git("hash-object", "-w", "--stdin", input=b"x")
    await user.git("update-index", "-z", "--index-info", input=b"100644 %s\ta\xff\0" % blob.encode())
    await user.git("commit", "-q", "-m", "odd")
    await user.git("push", "-q", "origin", "main")
    assert await changes(gitserver, old, await user.head()) == ("a\ufffd",)


async def test_after_a_forced_push_the_two_states_are_compared(user: User, gitserver: Gitserver) -> None:
    """Whatever way led from one to the other."""
    old = await user.head()
    await user.git("checkout", "-q", "--orphan", "other")
    await user.commit("b")
    await user.git("push", "-q", "-f", "origin", "HEAD:main")
    assert await changes(gitserver, old, await user.head()) == ("b",)


async def test_more_than_was_asked_for_is_not_known(user: User, gitserver: Gitserver) -> None:
    """A half list would be taken for a whole one."""
    old = await user.head()
    for n in range(5):
        (user.directory / f"file{n}").write_text("x")
    await user.git("add", ".")
    await user.git("commit", "-q", "-m", "many")
    await user.git("push", "-q", "origin", "main")
    new = await user.head()
    assert await changes(gitserver, old, new, most=5) == tuple(f"file{n}" for n in range(5))
    assert await changes(gitserver, old, new, most=4) is None


async def test_an_unknown_old_commit_is_not_known(user: User, gitserver: Gitserver) -> None:
    """It may have been thrown away after a forced push; an unknown new one is a mistake."""
    assert await changes(gitserver, UNKNOWN, await user.head()) is None
    with pytest.raises(NotFound) as caught:
        await changes(gitserver, await user.head(), UNKNOWN)
    assert caught.value.code == "commitDoesNotExist"


@pytest.mark.parametrize("odd", ["main", "--output=/tmp/x", "HEAD", "1234567", ""])
async def test_odd_commits_are_refused(user: User, gitserver: Gitserver, odd: str) -> None:
    """Only whole hashes reach git."""
    with pytest.raises(BadRequest, match="whole hash"):
        await changes(gitserver, odd, await user.head())
    with pytest.raises(BadRequest, match="whole hash"):
        await changes(gitserver, await user.head(), odd)
