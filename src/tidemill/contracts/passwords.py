"""What may be asked of the configstore about passwords: whether one is right, and to set one."""

import msgspec

from tidemill.contracts.configstore import User
from tidemill.kit.contract import Contract, post, put


class PasswordCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A name and the password that is said to belong to it."""

    name: str
    password: str

    def __repr__(self) -> str:
        return f"PasswordCheck(name={self.name!r}, password=***)"


class PasswordOwner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose password was right, and which one of theirs it was."""

    user: User
    version: int
    """Grows with each change of the password."""


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """A password to set. With *old* it must be the one that is set so far; "" where none is set."""

    password: str
    old: str | None = None
    keep_session: str = ""
    """The id of a session that outlives the change; all others end."""

    def __repr__(self) -> str:
        return "NewPassword(***)"


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A user who brings a password along."""

    name: str
    password: str

    def __repr__(self) -> str:
        return f"NewAccount(name={self.name!r}, password=***)"


class Passwords(Contract):
    """Passwords of local accounts."""

    @post("/passwords/check")
    async def check_password(self, request: PasswordCheck) -> PasswordOwner:
        """401 `wrongPassword`, also for a user who does not exist or has none, after the same time."""

    @put("/users/{ref}/password", status=204)
    async def set_password(self, ref: str, request: NewPassword) -> None:
        """404 `userDoesNotExist`, 400 `invalidPassword`, 403 `wrongPassword` when *old* is not right."""

    @post("/accounts", status=201)
    async def create_account(self, request: NewAccount) -> User:
        """400 `invalidUserName`, `invalidPassword`, `userAlreadyExists`."""
