"""Passwords of local accounts: checked, set, and brought along by new users."""

from collections.abc import Callable
from datetime import datetime

from tidemill.contracts.audit import Subject
from tidemill.contracts.configstore import NewUser, User
from tidemill.contracts.passwords import NewAccount, NewPassword, PasswordCheck, PasswordOwner, Passwords
from tidemill.core.names import is_valid_name
from tidemill.core.passwords import PASSWORD_RULE, is_valid_password
from tidemill.errors import BadRequest, Conflict, Forbidden, Unauthorized
from tidemill.kit.db import AnyRow, Database, Snapshot, Transaction
from tidemill.services.configstore import finding, joining, showing
from tidemill.services.configstore.hashing import Hashing
from tidemill.services.configstore.noting import a_user, note
from tidemill.services.configstore.store import passwords, sessions, users


class PasswordKeeper(Passwords):
    """Keeps hashes of passwords; no password is in what it raises or logs."""

    def __init__(self, db: Database, *, clock: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._db = db
        self._clock = clock
        self._new_id = new_id
        self._hashing = Hashing()

    async def check_password(self, request: PasswordCheck) -> PasswordOwner:
        row = await self._db.read(lambda tx: _account(tx, request.name))
        right = await self._hashing.matches(row.hash if row else None, request.password)
        if row is None or not right or row.is_disabled:
            await self._note_failure(row)
            raise Unauthorized("the user's name or the password is wrong", code="wrongPassword")
        if self._hashing.is_outdated(row.hash):
            renewed = await self._hashing.hash(request.password)
            await self._db.do(lambda tx: passwords.renew(tx, row.id, row.hash, renewed))
        return PasswordOwner(user=showing.user(row), version=row.version)

    async def set_password(self, ref: str, request: NewPassword) -> None:
        async def find(tx: Snapshot) -> tuple[AnyRow, AnyRow | None]:
            user = await finding.user(tx, ref)
            return user, await passwords.of_user(tx, user.id)

        user, kept = await self._db.read(find)
        _check(request.password, user.name)
        await self._check_old(kept, request)
        made, now = await self._hashing.hash(request.password), self._clock()

        async def change(tx: Transaction) -> None:
            if not await users.hold(tx, user.id):
                raise finding.no_user(ref)
            if kept is None:
                changed = await passwords.add(tx, user.id, made, now)
            else:
                changed = await passwords.change(tx, user.id, kept.version, made, now)
            if not changed:
                raise Conflict("the password was changed meanwhile", code="passwordChanged")
            await sessions.end_all(tx, user.id, but=request.keep_session)
            await note(tx, now, "password.set", a_user(user))

        await self._db.do(change)

    async def create_account(self, request: NewAccount) -> User:
        user = joining.new_user(NewUser(name=request.name), self._new_id())
        _check(request.password, user.name)
        made, root, now = await self._hashing.hash(request.password), self._new_id(), self._clock()

        async def add(tx: Transaction) -> None:
            await joining.add_user(tx, user, root, now)
            await passwords.add(tx, user.id, made, now)

        await self._db.do(add)
        return user

    async def _note_failure(self, row: AnyRow | None) -> None:
        """A name that nobody has is not noted: it may be a password in the wrong field."""
        tried = a_user(row) if row else Subject(kind="user")
        now = self._clock()
        await self._db.do(lambda tx: note(tx, now, "login.fail", tried))

    async def _check_old(self, kept: AnyRow | None, request: NewPassword) -> None:
        """Refuse who should know the password that is set so far and does not."""
        if request.old is None or (kept is None and request.old == ""):
            return
        if not await self._hashing.matches(kept.hash if kept else None, request.old):
            raise Forbidden("the password that is set so far is another one", code="wrongPassword")


async def _account(tx: Snapshot, name: str) -> AnyRow | None:
    return await passwords.by_name(tx, name) if is_valid_name(name) else None


def _check(password: str, user_name: str) -> None:
    if not is_valid_password(password, user_name):
        raise BadRequest(f"the password cannot be used: {PASSWORD_RULE}", code="invalidPassword")
