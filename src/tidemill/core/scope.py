"""The scope that a run carries: for whom `values` resolves names; opaque to whoever executes the run."""

import msgspec

_PROJECT = "project"
_FORK = "fork"


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
