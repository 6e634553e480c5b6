"""The scope that a run carries: for whom `values` resolves names; opaque to whoever executes the run."""

import msgspec

_PROJECT = "project"
_FORK = "fork"
_DIRECT = "direct"


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """A project, the ref that its run was made for, and whether what runs can be trusted with secrets."""

    project: str
    """The project's id."""
    ref: str
    is_fork: bool = False
    """The run is a pull request's whose commits come from another repository."""

    def __str__(self) -> str:
        return f"{_FORK if self.is_fork else _PROJECT}:{self.project}:{self.ref}"


def is_forks(text: str) -> bool:
    """Whether the scope written as *text* is that of a fork's run; in doubt one that is malformed is."""
    return text.partition(":")[0] == _FORK


def parse_scope(text: str) -> Scope | None:
    """The scope written as *text*; None for one that is not ours."""
    kind, _, rest = text.partition(":")
    project, separator, ref = rest.partition(":")
    if kind not in (_PROJECT, _FORK) or not project or not separator:
        return None
    return Scope(project=project, ref=ref, is_fork=kind == _FORK)


class DirectScope(msgspec.Struct, frozen=True, kw_only=True):
    """The repository of a user's direct runs, and the variables that a run was given, sealed."""

    repository: str
    """Its id (`core/direct_runs.py`)."""
    sealed: str = ""
    """Letters that only the configstore can make sense of; "" for no variables."""

    def __str__(self) -> str:
        return f"{_DIRECT}:{self.repository}:{self.sealed}"


def parse_direct_scope(text: str) -> DirectScope | None:
    """The scope of a direct run written as *text*; None for another one."""
    kind, _, rest = text.partition(":")
    repository, separator, sealed = rest.partition(":")
    if kind != _DIRECT or not repository or not separator:
        return None
    return DirectScope(repository=repository, sealed=sealed)
