"""A new user: their row and the root group that all of theirs is under."""

from datetime import datetime

from tidemill.contracts.configstore import NewUser, User
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.errors import BadRequest
from tidemill.kit.db import Transaction
from tidemill.services.configstore.noting import a_user, note
from tidemill.services.configstore.store import groups, users


def new_user(request: NewUser, id: str) -> User:
    """A user as they are asked for; raises BadRequest for a name that is none."""
    if not is_valid_name(request.name):
        raise BadRequest(f"{request.name!r} cannot be a user's name: {NAME_RULE}", code="invalidUserName")
    return User(id=id, name=request.name, is_admin=request.is_admin)


async def add_user(tx: Transaction, user: User, root: str, now: datetime) -> None:
    """Add a user, with the root group of that id; raises BadRequest when the name is taken."""
    if not await users.add(tx, id=user.id, name=user.name, is_admin=user.is_admin, now=now):
        raise BadRequest(f"there is a user {user.name!r} already", code="userAlreadyExists")
    await note(tx, now, "user.create", a_user(user))
    await groups.add_root(tx, id=root, kind="user", owner=user.id, visibility="public", now=now)
