"""Reading commits and files of repositories for the other services."""

from tidemill.contracts.gitserver import Branch, Changes, ChangesRequest, Commit, Files, FilesRequest
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.git.names import SHORTEST_HASH, is_hash, is_path, is_ref, is_whole_hash
from tidemill.kit.git.reading import Object, ObjectReader
from tidemill.kit.git.repository import Repository
from tidemill.kit.git.running import Git

#: A commit is mostly its message; no larger one is read.
MAX_COMMIT = 16 * 1024 * 1024
MAX_PATHS = 1000
#: Changed files that are listed at most.
MAX_CHANGES = 10_000
_MAX_CANDIDATES = 100


class Contents:
    """Questions about what is in a repository."""

    def __init__(self, git: Git, reader: ObjectReader) -> None:
        self._git = git
        self._reader = reader

    async def commit(self, repository: Repository, revision: str) -> Commit:
        """The commit that a full ref or a hash names, tags followed."""
        if is_ref(revision):
            found = await self._commits(repository, [revision])
            if not found:
                raise NotFound(f"ref {revision} does not exist", code="refDoesNotExist")
        elif is_hash(revision):
            found = await self._commits(repository, await self._candidates(repository, revision))
            if not found:
                raise NotFound(f"commit {revision} does not exist", code="commitDoesNotExist")
        else:
            raise BadRequest(
                f"{revision!r} is neither a full ref, such as refs/heads/main, nor a commit hash"
                f" of at least {SHORTEST_HASH} digits"
            )
        if len(found) > 1:
            raise BadRequest(f"commit {revision} is ambiguous; give more digits of the hash")
        (commit,) = found.values()
        return Commit(sha=commit.sha, message=_message(commit.data), ref=revision if is_ref(revision) else "")

    async def files(self, repository: Repository, request: FilesRequest) -> Files:
        """Those of the files that are in the commit; symbolic links inside the tree are followed."""
        if not is_whole_hash(request.commit):
            raise BadRequest(f"{request.commit!r} is not the whole hash of a commit")
        if len(request.paths) > MAX_PATHS:
            raise BadRequest(f"{len(request.paths)} files were asked for; {MAX_PATHS} is the most")
        for path in request.paths:
            if not is_path(path):
                raise BadRequest(f"{path!r} is not the path of a file in a repository")
        names = [f"{request.commit}^{{tree}}", *(f"{request.commit}:{path}" for path in request.paths)]
        tree, *found = await self._reader.read(repository.path, names, limit=request.limit)
        if tree is None:
            raise NotFound(f"commit {request.commit} does not exist", code="commitDoesNotExist")
        pairs = zip(request.paths, found, strict=True)
        return Files(files={path: file.data for path, file in pairs if file and file.kind == "blob"})

    async def changes(self, repository: Repository, request: ChangesRequest) -> Changes:
        """The files that differ; None when that is not known or not worth knowing."""
        for commit in (request.old, request.new):
            if not is_whole_hash(commit):
                raise BadRequest(f"{commit!r} is not the whole hash of a commit")
        if request.new not in await self._commits(repository, [request.new]):
            raise NotFound(f"commit {request.new} does not exist", code="commitDoesNotExist")
        if request.old not in await self._commits(repository, [request.old]):
            return Changes(paths=None)
        most = min(request.most, MAX_CHANGES)
        paths = await repository.changed(request.old, request.new, most=most)
        return Changes(paths=None if paths is None else tuple(paths))

    async def default_branch(self, repository: Repository) -> Branch:
        """The branch that HEAD points to, if it exists."""
        head = repository.head()
        exists = await self._commits(repository, [head])
        return Branch(name=head.removeprefix("refs/heads/") if exists else "")

    async def _commits(self, repository: Repository, names: list[str]) -> dict[str, Object]:
        """The commits that *names* lead to, by their hash."""
        asked = [f"{name}^{{commit}}" for name in names]
        found = await self._reader.read(repository.path, asked, limit=MAX_COMMIT)
        return {commit.sha: commit for commit in found if commit}

    async def _candidates(self, repository: Repository, revision: str) -> list[str]:
        """Whole hashes that begin with *revision*; asking by a short one could find a branch of that name."""
        if is_whole_hash(revision):
            return [revision]
        listed = await self._git.run(repository.path, "rev-parse", f"--disambiguate={revision}")
        return listed.decode().split()[:_MAX_CANDIDATES]


def _message(commit: bytes) -> str:
    """The message of a raw commit, in the encoding that its header names."""
    header, _, message = commit.partition(b"\n\n")
    encoding = "utf-8"
    for line in header.split(b"\n"):
        if line.startswith(b"encoding "):
            encoding = line.removeprefix(b"encoding ").decode("ascii", "replace")
    try:
        return message.decode(encoding, "replace")
    except LookupError:  # an encoding that nobody knows
        return message.decode("utf-8", "replace")
