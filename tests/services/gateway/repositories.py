"""A gitserver of words: commits that a test has written down, by every name that finds them."""

from tidemill.contracts.gitserver import (
    Branch,
    Changes,
    ChangesRequest,
    Commit,
    Files,
    FilesRequest,
    Gitserver,
    KeepRequest,
)
from tidemill.errors import NotFound, TooLarge, Unavailable


class Repositories(Gitserver):
    """Obeys a script; what it is asked for can be looked at."""

    def __init__(self) -> None:
        self.commits: dict[tuple[str, str], Commit] = {}
        self.contents: dict[str, dict[str, bytes]] = {}
        self.deleted: list[str] = []
        self.kept: list[tuple[str, str]] = []
        self.differences: dict[tuple[str, str], tuple[str, ...] | None] = {}
        self.failures: dict[str, list[Exception]] = {}
        """What happens when a path is asked for, once each."""
        self.compared: list[tuple[str, str]] = []
        self.is_away = False

    def commit_to(
        self, project: str, ref: str, sha: str, files: dict[str, bytes], message: str = "change"
    ) -> str:
        """Put a commit where *ref*, its hash and the beginning of it find it."""
        for revision in (ref, sha, sha[:7]):
            self.commits[project, revision] = Commit(sha=sha, message=message)
        self.contents[sha] = files
        return sha

    async def commit(self, project: str, revision: str) -> Commit:
        if self.is_away:
            raise Unavailable("the gitserver is away")
        found = self.commits.get((project, revision))
        if found is None:
            code = "refDoesNotExist" if revision.startswith("refs/") else "commitDoesNotExist"
            raise NotFound(f"{revision} does not exist", code=code)
        return found

    async def files(self, project: str, request: FilesRequest) -> Files:
        for path in request.paths:
            if self.failures.get(path):
                raise self.failures[path].pop(0)
        found = {path: data for path, data in self.contents[request.commit].items() if path in request.paths}
        if any(len(data) > request.limit for data in found.values()):
            raise TooLarge(f"the configuration is larger than {request.limit} bytes")
        return Files(found)

    async def changes(self, project: str, request: ChangesRequest) -> Changes:
        self.compared.append((request.old, request.new))
        return Changes(paths=self.differences.get((request.old, request.new)))

    async def default_branch(self, project: str) -> Branch:
        if not any(owner == project for owner, _ in self.commits):
            raise NotFound("there is no repository yet", code="repositoryDoesNotExist")
        return Branch(name="main")

    async def delete_repository(self, project: str) -> None:
        if self.is_away:
            raise Unavailable("the gitserver is away")
        self.deleted.append(project)

    async def keep_commit(self, project: str, request: KeepRequest) -> None:
        self.kept.append((project, request.commit))
