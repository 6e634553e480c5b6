"""Commits, files and the default branch of a repository, as the other services ask for them."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.services.gitserver.hosting import Hosting, User
from tidemill.contracts.gitserver import FilesRequest, Gitserver
from tidemill.errors import BadRequest, NotFound, TooLarge
from tidemill.kit.carriers import coded
from tidemill.kit.connect import connect
from tidemill.services.gitserver.service import PREFIX

pytestmark = pytest.mark.anyio


@pytest.fixture
async def user(hosting: Hosting) -> User:
    """A user who has pushed a commit with a few files."""
    user = await hosting.user()
    (user.directory / "link.yml").symlink_to("conf/a.yml")
    (user.directory / "large").write_bytes(b"x" * 100_000)
    await user.git("add", ".")
    await user.commit("conf/a.yml", b"a: \xff\n")
    await user.git("push", "-q", "origin", "main")
    return user


@pytest.fixture(params=["coded", "http"])
async def gitserver(hosting: Hosting, request: pytest.FixtureRequest) -> AsyncIterator[Gitserver]:
    """The service as others see it, in the same process and over HTTP."""
    if request.param == "coded":
        yield coded(Gitserver, hosting.service)
        return
    async with httpx2.AsyncClient(base_url=f"http://{hosting.address}") as http:
        yield connect(Gitserver, http, PREFIX)


async def test_a_commit_by_ref_hash_and_tag(user: User, gitserver: Gitserver) -> None:
    """Refs, whole and short hashes and annotated tags lead to the commit, with its whole message."""
    await user.git("commit", "-q", "--allow-empty", "-m", "Title ✓\n\nBody line 1\nBody line 2")
    await user.git("tag", "-a", "-m", "a tag", "v1")
    await user.git("push", "-q", "origin", "main", "v1")
    sha = await user.head()
    tag = await user.git("rev-parse", "v1")
    for revision in ("refs/heads/main", "refs/tags/v1", sha, sha[:7], sha[:12], tag, tag[:10]):
        commit = await gitserver.commit("p-hello", revision)
        assert (commit.sha, commit.message) == (sha, "Title ✓\n\nBody line 1\nBody line 2\n")
        assert commit.ref == (revision if revision.startswith("refs/") else "")


async def test_a_message_in_another_encoding(user: User, gitserver: Gitserver) -> None:
    """The encoding that the commit names is honoured; an unknown one does not hide the commit."""
    for encoding, expected in (("ISO-8859-1", "grüße\n"), ("no-such-code", "gr\ufffd\ufffde\n")):
        await user.git(
            "-c", f"i18n.commitEncoding={encoding}", "commit", "-q", "--allow-empty", "-F", "-",
            input="grüße\n".encode("latin-1"),
        )  # fmt: skip
        await user.git("push", "-q", "origin", "main")
        assert (await gitserver.commit("p-hello", "refs/heads/main")).message == expected


async def test_a_branch_named_like_a_hash(user: User, gitserver: Gitserver) -> None:
    """A short hash means the commit, whatever somebody called a branch."""
    first = await user.head()
    await user.commit("other")
    await user.git("push", "-q", "origin", f"HEAD:refs/heads/{first[:8]}")
    assert (await gitserver.commit("p-hello", first[:8])).sha == first


@pytest.mark.parametrize(
    ("revision", "code"),
    [
        ("refs/heads/no", "refDoesNotExist"),
        ("refs/heads/mai", "refDoesNotExist"),
        ("1234567", "commitDoesNotExist"),
        ("1" * 40, "commitDoesNotExist"),
    ],
)
async def test_what_does_not_exist(user: User, gitserver: Gitserver, revision: str, code: str) -> None:
    with pytest.raises(NotFound) as caught:
        await gitserver.commit("p-hello", revision)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "revision",
    [
        "main",
        "HEAD",
        "-x",
        "--all",
        "refs/heads/main^",
        "refs/heads/a..b",
        "refs/heads/x y",
        "refs/x\ny",
        "123456",
        "@",
    ],
)
async def test_odd_revisions_are_refused(user: User, gitserver: Gitserver, revision: str) -> None:
    """What is neither a full ref nor a hash never reaches git."""
    with pytest.raises(BadRequest):
        await gitserver.commit("p-hello", revision)


async def test_a_repository_that_does_not_exist(gitserver: Gitserver) -> None:
    for ask in (gitserver.commit("nobody", "refs/heads/main"), gitserver.default_branch("nobody")):
        with pytest.raises(NotFound) as caught:
            await ask
        assert caught.value.code == "repositoryDoesNotExist"
    with pytest.raises(BadRequest):
        await gitserver.commit("..%2f..", "refs/heads/main")


async def test_files_of_a_commit(user: User, gitserver: Gitserver) -> None:
    """Contents are bytes, links inside the tree are followed, directories and what is not there left out."""
    paths = ("conf/a.yml", "link.yml", "conf", "conf/no.yml", "large/x", "täst")
    answer = await gitserver.files("p-hello", FilesRequest(commit=await user.head(), paths=paths))
    assert answer.files == {"conf/a.yml": b"a: \xff\n", "link.yml": b"a: \xff\n"}


async def test_no_files_of_no_commit(user: User, gitserver: Gitserver) -> None:
    """An unknown commit is told apart from a commit without the files."""
    with pytest.raises(NotFound) as caught:
        await gitserver.files("p-hello", FilesRequest(commit="1" * 40, paths=("a",)))
    assert caught.value.code == "commitDoesNotExist"
    with pytest.raises(BadRequest, match="whole hash"):
        await gitserver.files("p-hello", FilesRequest(commit="refs/heads/main", paths=("a",)))


async def test_a_large_file_is_refused(user: User, gitserver: Gitserver) -> None:
    """The message names file and limit; a small limit does not keep small files out."""
    sha = await user.head()
    with pytest.raises(TooLarge, match=r"large has 100000 bytes, more than the 1000 allowed"):
        await gitserver.files("p-hello", FilesRequest(commit=sha, paths=("large",), limit=1000))
    answer = await gitserver.files("p-hello", FilesRequest(commit=sha, paths=("conf/a.yml",), limit=10))
    assert set(answer.files) == {"conf/a.yml"}


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "-x", "a\nb", "a\x7fb", "a/"])
async def test_odd_paths_are_refused(user: User, gitserver: Gitserver, path: str) -> None:
    with pytest.raises(BadRequest, match="not the path of a file"):
        await gitserver.files("p-hello", FilesRequest(commit=await user.head(), paths=(path,)))


async def test_the_default_branch(hosting: Hosting, gitserver: Gitserver) -> None:
    """Nothing in an empty repository, then what a clone would check out."""
    user = await hosting.user()
    await user.git("ls-remote", "origin")
    assert (await gitserver.default_branch("p-hello")).name == ""
    await user.commit()
    await user.git("push", "-q", "origin", "HEAD:feature/x")
    assert (await gitserver.default_branch("p-hello")).name == "feature/x"
