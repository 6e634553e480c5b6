"""What may be asked of the gitserver: commits and files of the repositories it hosts."""

import msgspec

from tidemill.kit.contract import Contract, delete, get, post


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that a ref or a (possibly short) hash names."""

    sha: str
    message: str
    ref: str = ""
    """The full ref it was found under, when asked by ref."""


class FilesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Files wanted of one commit."""

    commit: str
    paths: tuple[str, ...]
    limit: int = 1024 * 1024
    """Bytes a file may have; a larger one is answered 413."""


class Files(msgspec.Struct, frozen=True):
    """Contents of those paths that exist in the commit."""

    files: dict[str, bytes]


class ChangesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Two commits to compare."""

    old: str
    new: str
    most: int = 3000
    """Paths that are worth listing."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Paths of files that differ between two commits, both names of a moved one."""

    paths: tuple[str, ...] | None
    """None when there are more than was asked for, or the old commit is unknown."""


class KeepRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that is still needed when no branch leads to it any more."""

    commit: str


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """What HEAD of a repository points to ("" in an empty one)."""

    name: str


class Gitserver(Contract):
    """Repositories by project id, or by the id of one of direct runs.

    404 `repositoryDoesNotExist`, `refDoesNotExist`, `commitDoesNotExist`.
    """

    @get("/repositories/{project}/commit")
    async def commit(self, project: str, revision: str) -> Commit:
        """Resolve a full ref, or a commit hash of at least seven digits."""

    @post("/repositories/{project}/files")
    async def files(self, project: str, request: FilesRequest) -> Files:
        """Read files of one commit; a path that does not exist there is left out."""

    @post("/repositories/{project}/changes")
    async def changes(self, project: str, request: ChangesRequest) -> Changes:
        """Which files differ between two commits."""

    @get("/repositories/{project}/default-branch")
    async def default_branch(self, project: str) -> Branch:
        """The branch a clone checks out."""

    @delete("/repositories/{project}", status=204)
    async def delete_repository(self, project: str) -> None:
        """Remove a repository; doing it again is harmless."""

    @post("/repositories/{project}/kept-commits", status=204)
    async def keep_commit(self, project: str, request: KeepRequest) -> None:
        """Hold on to a commit of a repository of direct runs; the settings say for how long."""
