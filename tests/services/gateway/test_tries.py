"""How often passwords may be tried: on both databases, for all gateways together."""

from datetime import timedelta

import anyio
import pytest

from tests.conftest import Clock, OpenDatabase
from tests.services.gateway.browser import PASSWORD, Browser, account, logged_in
from tests.services.gateway.conftest import MIGRATIONS, House
from tidemill.errors import Forbidden, NotFound, TooMany, Unauthorized
from tidemill.kit.db import Database
from tidemill.services.gateway import tries as tries_module
from tidemill.services.gateway.store import tries as store
from tidemill.services.gateway.tries import Allowance, Tries, network
from tidemill.settings import GatewaySettings
from tidemill.settings.login import LoginSettings

pytestmark = pytest.mark.anyio

THREE = Allowance("three", 3, timedelta(seconds=10))


@pytest.fixture
async def db(open_database: OpenDatabase) -> Database:
    return await open_database("gateway", MIGRATIONS.format("gateway"))


@pytest.fixture
async def tries(db: Database, clock: Clock) -> Tries:
    return Tries(db, LoginSettings(), clock=clock)


async def fail(tries: Tries, *allowances: Allowance, error: Exception | None = None) -> float:
    """Try in vain; after how many seconds one may try again, 0 when this try was made."""
    try:
        async with tries.one(*allowances):
            raise error or Unauthorized("wrong")
    except TooMany as turned_away:
        return turned_away.seconds
    except (Unauthorized, Forbidden, NotFound):
        return 0


async def succeed(tries: Tries, *allowances: Allowance, counts: bool = False) -> float:
    try:
        async with tries.one(*allowances, counts=counts):
            return 0
    except TooMany as turned_away:
        return turned_away.seconds


async def test_so_many_at_once_and_then_one_after_each_pause(tries: Tries, clock: Clock) -> None:
    """Whoever comes too early is told when to come, and loses nothing by coming."""
    assert [await fail(tries, THREE) for _ in range(5)] == [0, 0, 0, 10, 10]
    clock.advance(4)
    assert await fail(tries, THREE) == 6
    clock.advance(6)
    assert [await fail(tries, THREE) for _ in range(2)] == [0, 10]
    clock.advance(25)
    assert [await fail(tries, THREE) for _ in range(3)] == [0, 0, 5]
    clock.advance(1000)
    assert [await fail(tries, THREE) for _ in range(4)] == [0, 0, 0, 10]


async def test_a_right_one_counts_for_nothing(tries: Tries) -> None:
    """And does not make up for wrong ones; where all count, right ones do too."""
    assert [await succeed(tries, THREE) for _ in range(9)] == [0] * 9
    assert [await fail(tries, THREE) for _ in range(2)] == [0, 0]
    assert await succeed(tries, THREE) == 0
    assert [await fail(tries, THREE) for _ in range(2)] == [0, 10]
    assert await succeed(tries, THREE) == 10, "also who knows it waits"
    other = THREE._replace(key="other")
    assert [await succeed(tries, other, counts=True) for _ in range(4)] == [0, 0, 0, 10]


async def test_only_wrong_passwords_count(tries: Tries) -> None:
    """Not that something was away, or does not exist."""
    for _ in range(9):
        assert await fail(tries, THREE, error=NotFound("none")) == 0
    assert [await fail(tries, THREE, error=Forbidden("wrong")) for _ in range(4)] == [0, 0, 0, 10]


async def test_each_has_its_own(tries: Tries) -> None:
    """What is turned away for one reason does not count for the other."""
    account, address = THREE, Allowance("address", 5, timedelta(seconds=60))
    assert [await fail(tries, account, address) for _ in range(6)] == [0, 0, 0, 10, 10, 10]
    assert [await fail(tries, THREE._replace(key="other"), address) for _ in range(3)] == [0, 0, 60]
    assert await fail(tries, THREE._replace(key="third")) == 0


async def test_those_who_come_together_are_counted(tries: Tries) -> None:
    """None slips through while another is looked at."""
    ends: list[float] = []

    async def come() -> None:
        ends.append(await fail(tries, THREE, THREE._replace(key="other")))

    async with anyio.create_task_group() as group:
        for _ in range(12):
            group.start_soon(come)
    assert sorted(ends) == [0] * 3 + [10] * 9


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_gateways_count_together(open_database: OpenDatabase, clock: Clock) -> None:
    """Two of them on one PostgreSQL, at the same time."""
    two = [
        Tries(await open_database("gateway", MIGRATIONS.format("gateway")), LoginSettings(), clock=clock)
        for _ in range(2)
    ]
    ends: list[float] = []

    async def come(tries: Tries) -> None:
        ends.append(await fail(tries, THREE))

    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(come, two[number % 2])
    assert sorted(ends) == [0] * 3 + [10] * 9


async def test_what_is_forgiven_is_forgotten(db: Database, tries: Tries, clock: Clock) -> None:
    """So that who was wrong once does not stay in the database."""
    await fail(tries, THREE)
    await fail(tries, THREE._replace(key="other", pause=timedelta(seconds=60)))
    clock.advance(10)
    await tries.forget()
    assert await db.read(store.count) == 1
    clock.advance(50)
    await tries.forget()
    assert await db.read(store.count) == 0


async def test_a_flood_is_forgotten_from_its_mildest(
    db: Database, tries: Tries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many names somebody makes up, what is kept is bounded."""
    monkeypatch.setattr(tries_module, "MOST_ROWS", 5)
    for _ in range(3):
        await fail(tries, THREE)
    for number in range(20):
        await fail(tries, THREE._replace(key=f"made up {number}"))
    await tries.forget()
    assert await db.read(store.count) == 5
    assert await fail(tries, THREE) == 10, "the one that was tried most is not forgotten"


def test_names_that_are_tried_are_not_kept(tries: Tries) -> None:
    """T42: people type passwords into the wrong field; a key is of one length for any name."""
    keys = {tries.of_account(name).key for name in ("alice", "correct horse", "x" * 100_000, "\ud800")}
    assert {len(key) for key in keys} == {len("account ") + 64}
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_what_one_address_is(address: str, counted: str) -> None:
    """Of IPv6 somebody has a whole network to come from."""
    assert network(address) == counted


LIMITED = GatewaySettings(
    registration=True,
    login=LoginSettings(account_tries=3, account_pause=30, address_tries=5, address_pause=7),
)
few = pytest.mark.parametrize("settings", [LIMITED], ids=["few"])
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@few
@on_sqlite
async def test_guessing_is_slowed_down(house: House, clock: Clock) -> None:
    """With 429 and when to come again; who is logged in goes on working."""
    await account(house, "alice")
    browser = await logged_in(house, "alice")
    guesser = Browser(house.http)
    assert [(await guesser.log_in("alice", f"guess {n}")).status_code for n in range(4)] == [401] * 3 + [429]
    told = await guesser.log_in("alice")
    assert (told.status_code, told.headers["retry-after"]) == (429, "30")
    assert (told.json()[0]["code"], told.json()[0]["details"]) == ("tooManyRequests", {"retry_after": 30.0})
    body = {"remote_source_name": "builtin", "login_name": "alice", "password": PASSWORD}
    assert await house.nobody.as_agola("POST", "/auth/login", body) == (429, b"[]")
    assert (await house.nobody.ask("POST", "/auth/authorize", body)).status_code == 429
    assert await browser.status("GET", "/user") == 200
    changed = {"password": "battery staple", "old_password": PASSWORD}
    assert await browser.status("PUT", "/users/alice/password", changed) == 429, (
        "nor is the old one guessed there"
    )
    assert (await house.admin.ask("PUT", "/users/alice/password", changed)).status_code == 204
    clock.advance(30)
    assert (await Browser(house.http).log_in("alice", "battery staple")).status_code == 201


@few
@on_sqlite
async def test_unknown_names_are_slowed_down_alike(house: House) -> None:
    """So that nobody learns which there are."""
    browser = Browser(house.http)
    answers = [await browser.log_in("nobody", PASSWORD) for _ in range(4)]
    assert [(one.status_code, one.json()[0]["code"]) for one in answers] == [(401, "wrongPassword")] * 3 + [
        (429, "tooManyRequests")
    ]


@few
@on_sqlite
async def test_an_address_that_tries_many_names_is_slowed_down(house: House, clock: Clock) -> None:
    """Also with new accounts, right or wrong."""
    browser = Browser(house.http)
    assert [(await browser.log_in(f"name{n}", PASSWORD)).status_code for n in range(6)] == [401] * 5 + [429]
    body = {"remote_source_name": "builtin", "username": "alice", "remote_source_login_password": PASSWORD}
    assert await house.nobody.failure("POST", "/auth/register", body) == (429, "tooManyRequests")
    clock.advance(7)
    assert (await house.nobody.ask("POST", "/auth/register", body)).status_code == 201
    again = {**body, "username": "bob"}
    assert await house.nobody.failure("POST", "/auth/register", again) == (429, "tooManyRequests")
