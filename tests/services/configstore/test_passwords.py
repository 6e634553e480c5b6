"""Passwords of local accounts."""

import time
from collections.abc import Callable
from uuid import uuid4

import anyio
import pytest
import structlog

from tests.conftest import Clock
from tidemill.contracts.configstore import NewUser, UserUpdate
from tidemill.contracts.passwords import NewAccount, NewPassword, PasswordCheck
from tidemill.contracts.sessions import NewSession
from tidemill.errors import BadRequest, Conflict, Failure, Forbidden, NotFound, Unauthorized, Unavailable
from tidemill.kit.db import Database
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.configstore import hashing as hashing_module
from tidemill.services.configstore.hashing import NOBODYS, Hashing
from tidemill.services.configstore.passwords import PasswordKeeper
from tidemill.services.configstore.sessions import SessionKeeper

pytestmark = pytest.mark.anyio

GOOD, BETTER = "correct horse", "battery staple"


@pytest.fixture
def passwords(db: Database, clock: Clock) -> PasswordKeeper:
    return PasswordKeeper(db, clock=clock, new_id=lambda: str(uuid4()))


@pytest.fixture
def sessions(db: Database, clock: Clock) -> SessionKeeper:
    return SessionKeeper(db, clock=clock, new_id=lambda: str(uuid4()))


@pytest.fixture
async def alice(configstore: ConfigstoreService, passwords: PasswordKeeper) -> str:
    """The id of a user with a password."""
    user = await configstore.create_user(NewUser(name="alice"))
    await passwords.set_password("alice", NewPassword(password=GOOD))
    return user.id


async def refusal(passwords: PasswordKeeper, name: str, password: str) -> Failure:
    with pytest.raises(Failure) as caught:
        await passwords.check_password(PasswordCheck(name=name, password=password))
    return caught.value


async def test_a_password_opens_its_account_alone(
    configstore: ConfigstoreService, passwords: PasswordKeeper, alice: str
) -> None:
    """Whoever is wrong is told the same: no such user, no password, another one."""
    await configstore.create_user(NewUser(name="bob"))
    found = await passwords.check_password(PasswordCheck(name="alice", password=GOOD))
    assert (found.user.id, found.user.name, found.version) == (alice, "alice", 1)
    wrong = [("alice", BETTER), ("alice", ""), ("bob", GOOD), ("bob", ""), ("carol", GOOD), ("a\0b", GOOD)]
    refusals = [await refusal(passwords, *pair) for pair in [*wrong, ("Alice", GOOD), (alice, GOOD)]]
    assert {(type(one), one.code, one.message) for one in refusals} == {
        (Unauthorized, "wrongPassword", "the user's name or the password is wrong")
    }


async def test_the_password_of_a_disabled_user_is_a_wrong_one(
    configstore: ConfigstoreService, passwords: PasswordKeeper, alice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In what is said and in what it costs: it is compared like any other. Enabled, it is right again."""
    wrong = await refusal(passwords, "alice", BETTER)
    compared: list[bool] = []
    matches = Hashing.matches

    async def counted(hashing: Hashing, kept: str | None, password: str) -> bool:
        compared.append(await matches(hashing, kept, password))
        return compared[-1]

    monkeypatch.setattr(Hashing, "matches", counted)
    await configstore.update_user("alice", UserUpdate(is_disabled=True))
    told = await refusal(passwords, "alice", GOOD)
    assert (type(told), told.code, told.message) == (type(wrong), wrong.code, wrong.message)
    assert compared == [True], "refused for nothing but that"
    await configstore.update_user("alice", UserUpdate(is_disabled=False))
    assert (await passwords.check_password(PasswordCheck(name="alice", password=GOOD))).user.id == alice


async def test_only_a_hash_is_kept(db: Database, passwords: PasswordKeeper, alice: str) -> None:
    """T42: made by argon2id, with a salt of its own for each user."""
    await passwords.create_account(NewAccount(name="bob", password=GOOD))
    from tidemill.services.configstore.store import passwords as store  # noqa: PLC0415 - to look underneath

    kept = [await db.read(lambda tx, name=name: store.by_name(tx, name)) for name in ("alice", "bob")]
    hashes = [row.hash for row in kept if row]
    assert len(set(hashes)) == 2
    assert all(made.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for made in hashes)
    assert GOOD not in str(kept)


async def test_the_same_characters_are_the_same_password(passwords: PasswordKeeper, alice: str) -> None:
    """However a keyboard composes them."""
    await passwords.set_password("alice", NewPassword(password="caf\u00e9 au lait"))
    await passwords.check_password(PasswordCheck(name="alice", password="cafe\u0301 au lait"))


@pytest.mark.parametrize("password", ["", "short", "x" * 1025, "ALICE"])
async def test_what_cannot_be_a_password(passwords: PasswordKeeper, alice: str, password: str) -> None:
    """It is refused without being repeated."""
    with pytest.raises(BadRequest) as caught:
        await passwords.set_password("alice", NewPassword(password=password))
    assert caught.value.code == "invalidPassword"
    assert len(password) < 5 or password not in str(caught.value)


async def test_who_changes_their_password_knows_the_old_one(
    configstore: ConfigstoreService, passwords: PasswordKeeper, alice: str
) -> None:
    """Where there is one; an administrator need not know it."""
    with pytest.raises(Forbidden) as caught:
        await passwords.set_password("alice", NewPassword(password=BETTER, old="something else"))
    assert caught.value.code == "wrongPassword"
    with pytest.raises(Forbidden):
        await passwords.set_password("alice", NewPassword(password=BETTER, old=""))
    await passwords.set_password("alice", NewPassword(password=BETTER, old=GOOD))
    assert (await passwords.check_password(PasswordCheck(name="alice", password=BETTER))).version == 2
    await refusal(passwords, "alice", GOOD)
    await passwords.set_password("alice", NewPassword(password=GOOD))
    await configstore.create_user(NewUser(name="bob"))
    with pytest.raises(Forbidden):
        await passwords.set_password("bob", NewPassword(password=GOOD, old="anything"))
    await passwords.set_password("bob", NewPassword(password=GOOD, old=""))
    with pytest.raises(NotFound):
        await passwords.set_password("carol", NewPassword(password=GOOD))


async def test_a_new_account_brings_its_password(
    configstore: ConfigstoreService, passwords: PasswordKeeper
) -> None:
    """Both or nothing; the names are those that any user may have."""
    made = await passwords.create_account(NewAccount(name="alice", password=GOOD))
    assert (await configstore.user("alice")).id == made.id
    assert (await configstore.project_group("user/alice")).owner == made.id
    await passwords.check_password(PasswordCheck(name="alice", password=GOOD))
    for name, password, code in [
        ("alice", BETTER, "userAlreadyExists"),
        ("a_b", GOOD, "invalidUserName"),
        ("bob", "short", "invalidPassword"),
    ]:
        with pytest.raises(BadRequest) as caught:
            await passwords.create_account(NewAccount(name=name, password=password))
        assert caught.value.code == code
    await passwords.check_password(PasswordCheck(name="alice", password=GOOD))
    with pytest.raises(NotFound):
        await configstore.user("bob")


async def test_a_login_loses_against_a_change_of_the_password(
    passwords: PasswordKeeper, sessions: SessionKeeper, alice: str
) -> None:
    """Who was let in by the old one before the change gets no session behind it."""
    checked = await passwords.check_password(PasswordCheck(name="alice", password=GOOD))
    await passwords.set_password("alice", NewPassword(password=BETTER))
    late = NewSession(seconds=60, password_version=checked.version)
    with pytest.raises(Unauthorized):
        await sessions.create_session(alice, late)
    assert (await sessions.sessions(alice)).sessions == ()


async def test_of_two_changes_at_once_one_is_told(passwords: PasswordKeeper, alice: str) -> None:
    """Nobody is told that a password is set which is not."""
    ends: list[str] = []

    async def change(password: str) -> None:
        try:
            await passwords.set_password("alice", NewPassword(password=password, old=GOOD))
            ends.append(password)
        except (Conflict, Forbidden):
            pass

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(change, f"password number {number}")
    assert len(ends) == 1
    await passwords.check_password(PasswordCheck(name="alice", password=ends[0]))


async def test_an_older_hash_is_renewed_when_it_is_used(
    db: Database, clock: Clock, alice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a change of the password: sessions go on."""
    monkeypatch.setattr(hashing_module, "PASSES", 3)
    later = PasswordKeeper(db, clock=clock, new_id=lambda: str(uuid4()))
    for _ in range(2):
        assert (await later.check_password(PasswordCheck(name="alice", password=GOOD))).version == 1
    from tidemill.services.configstore.store import passwords as store  # noqa: PLC0415 - to look underneath

    row = await db.read(lambda tx: store.by_name(tx, "alice"))
    assert row is not None
    assert "t=3" in row.hash


async def test_nobodys_password_costs_what_any_costs() -> None:
    """What is compared for who has none was made with today's parameters, and matches nothing."""
    hashing = Hashing()
    assert not hashing.is_outdated(NOBODYS)
    assert not await hashing.matches(None, GOOD)
    assert not await hashing.matches(None, "secret"), "the right one of the stand-in opens nothing either"
    kept = await hashing.hash(GOOD)

    async def cost(work: Callable[[], object]) -> float:
        begun = time.thread_time()
        await work()  # type: ignore[misc]
        return time.thread_time() - begun

    assert await hashing.matches(kept, GOOD)
    assert not await hashing.matches("no hash at all", GOOD)
    assert await cost(lambda: hashing.matches(kept, BETTER)) < 0.02, "nothing of it is done in the event loop"


async def test_a_crowd_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number that waits, who comes is told to come again."""
    monkeypatch.setattr(hashing_module, "WAITING", 3)
    hashing = Hashing()
    ends: list[bool | str] = []

    async def come() -> None:
        try:
            ends.append(await hashing.matches(None, GOOD))
        except Unavailable as error:
            ends.append(error.code)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(come)
    assert sorted(map(str, ends)) == ["False"] * 3 + ["tooManyLogins"] * 2
    assert not await hashing.matches(None, GOOD)


async def test_no_password_is_shown(passwords: PasswordKeeper, alice: str) -> None:
    """T42: neither by what travels, nor by what is raised or logged."""
    for struct in (
        PasswordCheck(name="alice", password=GOOD),
        NewPassword(password=GOOD, old=GOOD),
        NewAccount(name="alice", password=GOOD),
    ):
        assert GOOD not in repr(struct)
        assert GOOD not in f"{struct}"
    with structlog.testing.capture_logs() as logs:
        error = await refusal(passwords, "alice", BETTER)
    assert BETTER not in str(logs)
    while error is not None:
        assert BETTER not in repr(error)
        error = error.__cause__  # type: ignore[assignment]
