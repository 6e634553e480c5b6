"""Sessions: who is logged in, and how that ends."""

from uuid import uuid4

import pytest

from tests.conftest import Clock
from tidemill.contracts.configstore import NewUser, UserUpdate
from tidemill.contracts.passwords import NewPassword
from tidemill.contracts.sessions import NewSession, SessionCheck, SessionSecret
from tidemill.errors import NotFound, Unauthorized
from tidemill.kit.db import Database
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.configstore import sessions as sessions_module
from tidemill.services.configstore.passwords import PasswordKeeper
from tidemill.services.configstore.sessions import SessionKeeper

pytestmark = pytest.mark.anyio

HOUR = NewSession(seconds=3600, address="10.0.0.1", agent="browser")


@pytest.fixture
def sessions(db: Database, clock: Clock) -> SessionKeeper:
    return SessionKeeper(db, clock=clock, new_id=lambda: str(uuid4()))


@pytest.fixture
async def alice(configstore: ConfigstoreService) -> str:
    return (await configstore.create_user(NewUser(name="alice"))).id


async def goes_on(sessions: SessionKeeper, made: SessionSecret) -> bool:
    try:
        found = await sessions.owner_of_session(SessionCheck(secret=made.secret))
    except NotFound:
        return False
    return found.id == made.id


async def test_a_session_is_its_users(sessions: SessionKeeper, alice: str, clock: Clock) -> None:
    """It is known by its secret alone, and listed without it."""
    made = await sessions.create_session("alice", HOUR)
    found = await sessions.owner_of_session(SessionCheck(secret=made.secret))
    assert (found.id, found.user.id, found.user.name) == (made.id, alice, "alice")
    (shown,) = (await sessions.sessions("alice")).sessions
    assert (shown.id, shown.created_at, shown.address, shown.agent) == (
        made.id,
        clock(),
        "10.0.0.1",
        "browser",
    )
    assert (shown.expires_at - shown.created_at).total_seconds() == 3600
    assert made.secret not in repr((made, shown, SessionCheck(secret=made.secret)))
    for wrong in ("", made.id, made.secret[:-1], made.secret + "x"):
        with pytest.raises(NotFound) as caught:
            await sessions.owner_of_session(SessionCheck(secret=wrong))
        assert caught.value.code == "sessionDoesNotExist"


async def test_a_session_ends_by_itself(sessions: SessionKeeper, alice: str, clock: Clock) -> None:
    """To the second; what is over is forgotten when the next one begins."""
    made = await sessions.create_session("alice", HOUR)
    clock.advance(3599)
    assert await goes_on(sessions, made)
    clock.advance(1)
    assert not await goes_on(sessions, made)
    assert (await sessions.sessions("alice")).sessions == ()
    later = await sessions.create_session("alice", HOUR)
    assert [one.id for one in (await sessions.sessions("alice")).sessions] == [later.id]


async def test_a_session_is_ended_at_once(
    sessions: SessionKeeper, alice: str, configstore: ConfigstoreService
) -> None:
    """One, or all of a user's; never another user's."""
    await configstore.create_user(NewUser(name="bob"))
    first, second = [await sessions.create_session("alice", HOUR) for _ in range(2)]
    bobs = await sessions.create_session("bob", HOUR)
    with pytest.raises(NotFound):
        await sessions.end_session("alice", bobs.id)
    await sessions.end_session("alice", first.id)
    assert [await goes_on(sessions, one) for one in (first, second, bobs)] == [False, True, True]
    with pytest.raises(NotFound):
        await sessions.end_session("alice", first.id)
    await sessions.end_sessions("alice")
    assert [await goes_on(sessions, one) for one in (second, bobs)] == [False, True]
    with pytest.raises(NotFound):
        await sessions.end_sessions("carol")


async def test_sessions_end_with_their_user(
    sessions: SessionKeeper, alice: str, configstore: ConfigstoreService
) -> None:
    """And begin for nobody who is gone."""
    made = await sessions.create_session("alice", HOUR)
    await configstore.delete_user("alice")
    assert not await goes_on(sessions, made)
    with pytest.raises(NotFound) as caught:
        await sessions.create_session(alice, HOUR)
    assert caught.value.code == "userDoesNotExist"


async def test_sessions_of_a_disabled_user_are_unknown(
    sessions: SessionKeeper, alice: str, configstore: ConfigstoreService
) -> None:
    """None begins; those that there are open again when the user is enabled."""
    made = await sessions.create_session("alice", HOUR)
    await configstore.update_user("alice", UserUpdate(is_disabled=True))
    assert not await goes_on(sessions, made)
    with pytest.raises(Unauthorized) as caught:
        await sessions.create_session(alice, HOUR)
    assert caught.value.code == "wrongPassword"
    assert [one.id for one in (await sessions.sessions("alice")).sessions] == [made.id]
    await configstore.update_user("alice", UserUpdate(is_disabled=False))
    assert await goes_on(sessions, made)


async def test_sessions_end_with_their_password(
    db: Database, clock: Clock, sessions: SessionKeeper, alice: str
) -> None:
    """All but the one that the change is made in."""
    first, second = [await sessions.create_session("alice", HOUR) for _ in range(2)]
    passwords = PasswordKeeper(db, clock=clock, new_id=lambda: str(uuid4()))
    await passwords.set_password("alice", NewPassword(password="correct horse", keep_session=second.id))
    assert [await goes_on(sessions, one) for one in (first, second)] == [False, True]
    await passwords.set_password("alice", NewPassword(password="battery staple"))
    assert not await goes_on(sessions, second)


async def test_a_user_has_so_many_sessions(
    sessions: SessionKeeper, alice: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest ends when one more begins."""
    monkeypatch.setattr(sessions_module, "MOST", 3)
    made = []
    for _ in range(5):
        made.append(await sessions.create_session("alice", HOUR))
        clock.advance(1)
    listed = (await sessions.sessions("alice")).sessions
    assert [one.id for one in listed] == [one.id for one in reversed(made[2:])]


async def test_what_a_program_calls_itself_is_cut(sessions: SessionKeeper, alice: str) -> None:
    """It comes from outside and may be of any length."""
    await sessions.create_session("alice", NewSession(seconds=60, address="a" * 1000, agent="b" * 100_000))
    (shown,) = (await sessions.sessions("alice")).sessions
    assert (len(shown.address), len(shown.agent)) == (64, 256)
