"""What the runservice asks when a job is accepted: the values of the names it needs."""

import msgspec

from tidemill.kit.contract import Contract, post

#: Reserved name: a token that may read the run's repository through the gitserver, for a short time.
CLONE_TOKEN = "clone-token"  # noqa: S105 - a name
#: How such a token begins, which tells it from a user's.
CLONE_TOKEN_PREFIX = "tmclone_"  # noqa: S105 - not one itself


class ValuesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Names wanted under the opaque scope that the run carries."""

    scope: str
    names: tuple[str, ...]
    job: str = ""
    """What they are for, as the log of who has read secrets is to say it: an opaque text."""


class ValuesAnswer(msgspec.Struct, frozen=True):
    """The values of those names that are defined for the scope."""

    values: dict[str, str]

    def __repr__(self) -> str:
        return f"ValuesAnswer({', '.join(self.values)})"


class Values(Contract):
    """Late values: nothing of them is stored on the way."""

    @post("/values")
    async def resolve(self, request: ValuesRequest) -> ValuesAnswer:
        """The values of *names*; undefined ones are left out."""
