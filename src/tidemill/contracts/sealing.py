"""What may be asked of the configstore about the keys that secrets are sealed under."""

import msgspec

from tidemill.kit.contract import Contract, get, post


class SealingKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key, by a name that says nothing about it."""

    id: str
    is_current: bool
    """New things are sealed under it."""
    is_here: bool
    """What is sealed under it can be opened."""
    sealed: int
    """How many things are sealed under it."""


class SealingKeys(msgspec.Struct, frozen=True):
    """Every key that is here or that something is sealed under, the current one first."""

    keys: tuple[SealingKey, ...]


class Reseal(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go on sealing under the current key; "" is the beginning."""

    after: str = ""


class Resealed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a part of what is sealed."""

    resealed: int
    unopened: int
    """What could not be opened, and stays as it is; the log names each."""
    next: str
    """Where to go on; "" when everything was looked at."""


class Sealing(Contract):
    """Keys, and one taking over from others."""

    @get("/sealing-keys")
    async def sealing_keys(self) -> SealingKeys:
        """Which there are, and how much is sealed under each."""

    @post("/sealing-keys/reseal")
    async def reseal(self, request: Reseal) -> Resealed:
        """Seal a part of what is sealed otherwise under the current key, in one short transaction.

        What is done is done: whoever was interrupted may begin anew.
        """
