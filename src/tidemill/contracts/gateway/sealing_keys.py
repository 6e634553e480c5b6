"""Keys that secrets are sealed under, an extension: which there are, and a new one that takes over."""

import msgspec

from tidemill.kit.contract import Contract, get, post


class SealingKeyResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Extension: a key, by a name that says nothing about it."""

    id: str
    current: bool
    """New secrets are sealed under it."""
    here: bool
    """The server has it; what is sealed under a key that it has not cannot be opened."""
    sealed: int
    """How many secrets are sealed under it."""


class ResealRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Extension: where to go on; empty at the beginning."""

    after: str = ""


class ResealResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Extension: what became of one part of the secrets."""

    resealed: int
    unopened: int
    """Those that could not be opened stay as they are; the server's log names each."""
    next: str
    """Where to go on; empty when every secret was looked at."""


class SealingKeyRoutes(Contract):
    """Keys of secrets, an extension; for administrators."""

    @get("/sealingkeys")
    async def sealing_keys(self) -> tuple[SealingKeyResponse, ...]:
        """Extension: every key that is here or that a secret is sealed under, the current one first."""

    @post("/sealingkeys/reseal", status=200)
    async def reseal(self, request: ResealRequest) -> ResealResponse:
        """Extension: seal a part of the secrets under the current key; ask until *next* is empty."""
