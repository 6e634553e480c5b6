"""The scope that a run carries: for whom `values` resolves names; opaque to whoever executes the run."""

import msgspec


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """A project and the ref that its run was made for."""

    project: str
    """The project's id."""
    ref: str

    def __str__(self) -> str:
        return f"project:{self.project}:{self.ref}"


def parse_scope(text: str) -> Scope | None:
    """The scope written as *text*; None for one that is not ours."""
    kind, _, rest = text.partition(":")
    project, separator, ref = rest.partition(":")
    if kind != "project" or not project or not separator:
        return None
    return Scope(project=project, ref=ref)
