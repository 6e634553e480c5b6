"""The files of a commit on the built-in git host, for planning."""

from collections.abc import Mapping, Sequence

from tidemill.contracts.gitserver import ChangesRequest, FilesRequest, Gitserver
from tidemill.planning.source import Source

_MOST_CHANGES = 3000


class CommitFiles(Source):
    """One commit of a project, and the one that was there *before* it ("" where that is not known)."""

    def __init__(self, gitserver: Gitserver, project: str, commit: str, *, before: str = "") -> None:
        self._gitserver = gitserver
        self._project = project
        self._commit = commit
        self._before = before

    async def files(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Those of the files that the commit has."""
        request = FilesRequest(commit=self._commit, paths=tuple(paths))
        return (await self._gitserver.files(self._project, request)).files

    async def changed(self) -> tuple[str, ...] | None:
        """What differs from the commit before; None for a new branch, a tag, a run by hand."""
        if not self._before.strip("0"):
            return None
        request = ChangesRequest(old=self._before, new=self._commit, most=_MOST_CHANGES)
        return (await self._gitserver.changes(self._project, request)).paths
