"""Clone, fetch and push with the real git over real HTTP."""

import os

import pytest

from tests.services.gitserver.hosting import READER, Hosting, User

pytestmark = pytest.mark.anyio

NONE = "0" * 40


async def test_a_push_is_told_and_its_run_shown(hosting: Hosting) -> None:
    """The gateway hears who moved what, and the pusher sees the run's number and URL."""
    user = await hosting.user()
    sha = await user.commit()
    output = await user.git("push", "origin", "HEAD:refs/heads/main")
    assert "remote: run #1 build (branch main)" in output
    assert "remote:   http://tidemill/runs/1" in output
    (push,) = hosting.gateway.pushes
    assert (push.project, push.pusher) == ("p-hello", "alice")
    assert hosting.gateway.moved() == [("refs/heads/main", NONE, sha)]


async def test_a_push_is_received_when_its_refs_have_moved(hosting: Hosting) -> None:
    """Not when it begins: what git does with a large one takes its time."""
    user = await hosting.user()
    await user.commit()
    await user.git("push", "origin", "main")
    (push,) = hosting.gateway.pushes
    (ref,) = hosting.directory.glob("**/refs/heads/main")
    assert push.received_at.timestamp() >= ref.stat().st_ctime


@pytest.mark.parametrize("version", ["0", "1", "2"])
async def test_clone_fetch_and_push_in_every_protocol(hosting: Hosting, version: str) -> None:
    """An empty repository can be cloned; what one user pushes another fetches."""
    user = await hosting.user()
    await user.git("config", "protocol.version", version)
    other = User(user.directory.parent / "other", user.url)
    assert "empty repository" in await user.git(
        "-c", f"protocol.version={version}", "clone", user.url, str(other.directory)
    )
    await user.commit()
    await user.git("push", "-q", "origin", "main")
    await other.git("-c", f"protocol.version={version}", "pull", "-q", "origin", "main")
    assert await other.head() == await user.head()
    sha = await other.commit("second")
    await other.git("push", "-q", "origin", "HEAD:topic")
    await user.git("fetch", "-q", "origin")
    assert await user.git("rev-parse", "origin/topic") == sha


async def test_tags_deletions_and_force_are_told(hosting: Hosting) -> None:
    """Every kind of update reaches the gateway with its old and new value."""
    user = await hosting.user()
    first = await user.commit("one")
    await user.git("tag", "-a", "-m", "a tag", "v1")
    tag = await user.git("rev-parse", "v1")
    await user.git("push", "-q", "origin", "main", "v1", "HEAD:refs/heads/topic", "HEAD:refs/notes/x")
    await user.git("commit", "-q", "--amend", "-m", "other")
    second = await user.head()
    await user.git("push", "-q", "origin", "main", ok=False)
    await user.git("push", "-q", "--force", "origin", "main")
    await user.git("push", "-q", "origin", ":refs/heads/topic", ":v1")
    assert sorted(hosting.gateway.moved()) == sorted(
        [
            ("refs/heads/main", NONE, first),
            ("refs/heads/topic", NONE, first),
            ("refs/tags/v1", NONE, tag),
            ("refs/heads/main", first, second),
            ("refs/heads/topic", first, NONE),
            ("refs/tags/v1", tag, NONE),
        ]
    )
    assert len(hosting.gateway.pushes) == 3


async def test_only_accepted_refs_are_told(hosting: Hosting) -> None:
    """Of a push that is refused in part, the gateway hears the rest; of an atomic one, nothing."""
    user = await hosting.user()
    sha = await user.commit()
    output = await user.git("push", "origin", "main", "HEAD:refs/tidemill/x", ok=False)
    assert "refs/tidemill/x (deny updating a hidden ref)" in output
    assert "run #1" in output
    assert hosting.gateway.moved() == [("refs/heads/main", NONE, sha)]
    output = await user.git("push", "--atomic", "origin", "HEAD:b", ":main", ok=False)
    assert "atomic push failure" in output
    assert "run #" not in output
    assert hosting.gateway.moved() == [("refs/heads/main", NONE, sha)]
    assert "refs/heads/b" not in await user.git("ls-remote", "origin")
    await user.git("push", "--atomic", "origin", "HEAD:b", "HEAD:c")
    assert [ref for ref, _, _ in hosting.gateway.moved()] == [
        "refs/heads/main",
        "refs/heads/b",
        "refs/heads/c",
    ]


@pytest.mark.parametrize("wrong", ["refs/tidemill", "refs/tidemill/x"])
async def test_an_atomic_push_is_refused_whole(hosting: Hosting, wrong: str) -> None:
    """A hidden ref keeps every other one of an atomic push where it was, as git promises its user."""
    user = await hosting.user()
    await user.commit(content=os.urandom(2_000_000))
    output = await user.git("push", "--atomic", "origin", "main", f"HEAD:{wrong}", "HEAD:b", ok=False)
    assert f"HEAD -> {wrong} (deny updating a hidden ref)" in output
    assert "main -> main (atomic push failure)" in output
    assert "HEAD -> b (atomic push failure)" in output
    assert await user.git("ls-remote", "origin") == ""
    assert hosting.gateway.pushes == []
    await user.git("push", "--atomic", "origin", "main", "HEAD:refs/tidemill-not-hidden/x")
    assert [ref for ref, _, _ in hosting.gateway.moved()] == ["refs/heads/main"]


async def test_the_branch_that_is_cloned_stays(hosting: Hosting) -> None:
    """HEAD follows the first pushed branch when there is no main; that branch cannot be deleted."""
    user = await hosting.user()
    await user.commit()
    await user.git("push", "-q", "origin", "HEAD:trunk")
    assert (await hosting.service.default_branch("p-hello")).name == "trunk"
    assert "prohibited" in await user.git("push", "origin", ":trunk", ok=False)
    await user.git("clone", "-q", user.url, "../other")
    other = User(user.directory.parent / "other", user.url)
    assert await other.git("branch", "--show-current") == "trunk"


async def test_a_shallow_clone_may_push(hosting: Hosting) -> None:
    """A push from a clone with a cut history is accepted, also into an empty repository."""
    user = await hosting.user()
    for name in ("one", "two", "three"):
        await user.commit(name)
    await user.git("push", "-q", "origin", "main")
    await user.git("clone", "-q", "--depth", "1", user.url, "../shallow")
    shallow = User(user.directory.parent / "shallow", user.url)
    sha = await shallow.commit("four")
    await shallow.git("push", "-q", "origin", "HEAD:topic")
    await shallow.git("push", "-q", hosting.url("user/alice/deep/er"), "HEAD:main")
    assert [u[2] for u in hosting.gateway.moved()[1:]] == [sha, sha]
    assert (await hosting.service.commit("p-deeper", "refs/heads/main")).sha == sha


async def test_a_job_fetches_exactly_its_commit(hosting: Hosting) -> None:
    """A commit that no ref names any more can be fetched by its hash, alone, with a clone token."""
    user = await hosting.user()
    await user.commit("one")
    sha = await user.commit("two")
    await user.git("push", "-q", "origin", "main")
    await user.git("commit", "-q", "--amend", "-m", "changed")
    await user.git("push", "-q", "--force", "origin", "main")
    job = await hosting.user("job", token=READER)
    await job.git("fetch", "-q", "--depth", "1", "origin", sha)
    await job.git("checkout", "-q", "FETCH_HEAD")
    assert await job.head() == sha
    assert "may not push" in await job.git("push", "origin", "HEAD:refs/heads/x", ok=False)


async def test_hidden_refs_are_not_shown(hosting: Hosting) -> None:
    user = await hosting.user()
    sha = await user.commit()
    await user.git("push", "-q", "origin", "main")
    await user.git("update-ref", "refs/tidemill/x", sha)
    await user.git("push", "-q", str(hosting.repository()), "refs/tidemill/x:refs/tidemill/x")
    assert "tidemill" not in await user.git("ls-remote", "origin")


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_who_is_not_known_is_asked(hosting: Hosting, token: str) -> None:
    """Without a token or with a wrong one nothing is shown, and the message says what to give."""
    user = await hosting.user(token=token)
    output = await user.git("ls-remote", "origin", ok=False)
    assert "Authentication failed" in output or "could not read Username" in output
    if token:
        assert "remote: give a user token as the password" in output


async def test_what_is_public_may_be_read_by_all(hosting: Hosting) -> None:
    user = await hosting.user(project="user/alice/public")
    await user.commit()
    await user.git("push", "-q", "origin", "main")
    stranger = await hosting.user("stranger", project="user/alice/public", token="")
    await stranger.git("pull", "-q", "origin", "main")
    assert await stranger.head() == await user.head()
    assert "could not read Username" in await stranger.git("push", "origin", "HEAD:x", ok=False)


async def test_a_missing_project_is_explained(hosting: Hosting) -> None:
    """The message that git shows says how to create the project."""
    user = await hosting.user(project="user/alice/nope")
    output = await user.git("ls-remote", "origin", ok=False)
    assert "remote: project user/alice/nope does not exist; create it with:" in output
    assert "tidemill project create nope --parent user/alice" in output


async def test_notes_and_setup_errors_are_shown(hosting: Hosting) -> None:
    """The pusher reads why there is no run, and what is wrong with a configuration."""
    user = await hosting.user()
    await user.commit()
    hosting.gateway.setup_error = ".tidemill/config.yml:3:5: unknown key\nlook there"
    output = await user.git("push", "origin", "main")
    assert "remote: run #1 build (branch main) could not be set up:" in output
    assert "remote:   .tidemill/config.yml:3:5: unknown key" in output
    assert "remote:   look there" in output
    hosting.gateway.notes = ("no run: no configuration file was found",)
    assert "remote: no run: no configuration file" in await user.git("push", "origin", "HEAD:other")


async def test_a_rename_of_nothing_is_no_push(hosting: Hosting) -> None:
    """A push of refs that make no runs succeeds and tells nobody."""
    user = await hosting.user()
    await user.commit()
    await user.git("push", "-q", "origin", "HEAD:refs/notes/x")
    await user.git("push", "-q", "origin", ":refs/notes/x")
    assert hosting.gateway.pushes == []


async def test_objects_are_checked(hosting: Hosting) -> None:
    """A commit that is not well formed is refused, and the repository stays as it was."""
    user = await hosting.user()
    await user.commit()
    tree = await user.git("rev-parse", "HEAD^{tree}")
    bad = await user.git(
        "hash-object",
        "-t",
        "commit",
        "-w",
        "--stdin",
        "--literally",
        input=f"tree {tree}\nauthor x\n\nm".encode(),
    )
    output = await user.git("push", "origin", f"{bad}:refs/heads/bad", ok=False)
    assert "remote unpack failed" in output or "fsck" in output
    assert hosting.gateway.pushes == []
    assert await user.git("ls-remote", "origin") == ""
