"""One key taking over from another: part by part, begun anew as often as one likes, while others work."""

import asyncio
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import insert, select, update
from structlog.testing import capture_logs

from tests.conftest import Clock
from tidemill.contracts.configstore import NewProject, NewUser
from tidemill.contracts.remote_sources import NewRemoteSource, RemoteSources
from tidemill.contracts.sealing import Reseal, Resealed, Sealing, SealingKey
from tidemill.contracts.secrets import SecretData, VariableData
from tidemill.contracts.values import ValuesRequest
from tidemill.core.scope import Scope
from tidemill.core.variables import VariableValue
from tidemill.errors import BadRequest, Unavailable
from tidemill.kit.crypto import Keyring, Sealed, key_id
from tidemill.kit.db import AnyRow, Database
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.configstore.opened import SECONDS, Opened
from tidemill.services.configstore.remote_sources import SourceKeeper
from tidemill.services.configstore.sealing import SealKeeper
from tidemill.services.configstore.secrets import place
from tidemill.services.configstore.store.tables import remote_sources, secrets
from tidemill.settings import ConfigstoreSettings

pytestmark = pytest.mark.anyio

OLD, NEW = bytes(32), b"n" * 32
MANY = 120


def with_keys(db: Database, clock: Clock, *keys: bytes) -> ConfigstoreService:
    return ConfigstoreService(
        ConfigstoreSettings(), db, Keyring(keys), clock=clock, new_id=lambda: str(uuid4())
    )


def sealing(service: ConfigstoreService) -> SealKeeper:
    found = service.faces()[Sealing]
    assert isinstance(found, SealKeeper)
    return found


@pytest.fixture
async def project(configstore: ConfigstoreService, db: Database) -> str:
    """The id of a project with many secrets and a variable, beside a remote source with one."""
    await configstore.create_user(NewUser(name="alice"))
    made = await configstore.create_project(NewProject(name="hello", parent="user/alice"))
    await configstore.create_secret("projects", made.id, SecretData(name="s", data={"k": "value"}))
    value = VariableValue(secret_name="s", secret_var="k")
    await configstore.create_variable("projects", made.id, VariableData(name="v", values=(value,)))
    (row,) = await all_secrets(db)
    rings = Keyring([OLD])
    rows = []
    for number in range(MANY):
        new_id = str(uuid4())
        anew = rings.seal(b'{"k":"v"}', place(new_id, made.id))
        rows.append(
            {
                **row._mapping,
                "id": new_id,
                "name": f"s{number}",
                "nonce": anew.nonce,
                "ciphertext": anew.ciphertext,
            }
        )
    await db.do(lambda tx: tx.run(insert(secrets), rows))
    sources = configstore.faces()[RemoteSources]
    assert isinstance(sources, SourceKeeper)
    github = NewRemoteSource(
        name="github",
        api_url="https://api.github.com",
        type="github",
        auth_type="oauth2",
        oauth2_client_id="id",
        oauth2_client_secret="the-client-secret",
    )
    await sources.create_remote_source(github)
    return made.id


async def all_secrets(db: Database) -> list[AnyRow]:
    return await db.read(lambda tx: tx.all(select(secrets)))


async def value_of(service: ConfigstoreService, project: str) -> str:
    scope = str(Scope(project=project, ref="refs/heads/main"))
    return (await service.resolve(ValuesRequest(scope=scope, names=("v",)))).values["v"]


async def reseal(keeper: SealKeeper, after: str = "") -> list[Resealed]:
    """Every part, from *after* on."""
    parts = [await keeper.reseal(Reseal(after=after))]
    while parts[-1].next:
        parts.append(await keeper.reseal(Reseal(after=parts[-1].next)))
    return parts


async def test_a_new_key_takes_over(
    configstore: ConfigstoreService, project: str, db: Database, clock: Clock
) -> None:
    """In short parts, each of which counts; the older key can go then."""
    keeper = sealing(with_keys(db, clock, NEW, OLD))
    old = SealingKey(id=key_id(OLD), is_current=False, is_here=True, sealed=MANY + 2)
    new = SealingKey(id=key_id(NEW), is_current=True, is_here=True, sealed=0)
    assert (await keeper.sealing_keys()).keys == (new, old)
    first = await keeper.reseal(Reseal())
    assert 0 < first.resealed < MANY
    assert {key.id: key.sealed for key in (await keeper.sealing_keys()).keys}[key_id(NEW)] == first.resealed
    parts = await reseal(keeper, first.next)
    assert len(parts) > 2
    assert first.resealed + sum(part.resealed for part in parts) == MANY + 2
    assert sum(part.unopened for part in parts) == 0
    assert sum(part.resealed for part in await reseal(keeper)) == 0
    alone = with_keys(db, clock, NEW)
    assert await value_of(alone, project) == "value"
    assert [key.sealed for key in (await sealing(alone).sealing_keys()).keys] == [MANY + 2]
    with pytest.raises(Unavailable, match="the secret 's'") as missing:
        await value_of(configstore, project)
    assert missing.value.code == "keyIsMissing"
    for row in await db.read(lambda tx: tx.all(select(remote_sources.c.key_id))):
        assert row.key_id in (None, key_id(NEW))


async def test_whoever_was_interrupted_begins_anew(project: str, db: Database, clock: Clock) -> None:
    """What is done is not done again, by whichever instance, and by several at once."""
    first, second = (sealing(with_keys(db, clock, NEW, OLD)) for _ in range(2))
    await first.reseal(Reseal())
    done = await asyncio.gather(reseal(first), reseal(second))
    total = sum(part.resealed for parts in done for part in parts)
    assert total == MANY + 2 - 50
    assert {row.key_id for row in await all_secrets(db)} == {key_id(NEW)}


async def test_what_does_not_open_holds_nothing_up(project: str, db: Database, clock: Clock) -> None:
    """It stays as it is, is counted, and is named in the log; it is never overwritten."""
    broken = min(row.id for row in await all_secrets(db))
    spoil = update(secrets).where(secrets.c.id == broken).values(ciphertext=bytes(80))
    await db.do(lambda tx: tx.run(spoil))
    with capture_logs() as logged:
        parts = await reseal(sealing(with_keys(db, clock, NEW, OLD)))
    assert (sum(part.resealed for part in parts), sum(part.unopened for part in parts)) == (MANY + 1, 1)
    assert [line["id"] for line in logged if line["log_level"] == "warning"] == [broken]
    (row,) = [row for row in await all_secrets(db) if row.id == broken]
    assert (row.key_id, row.ciphertext) == (key_id(OLD), bytes(80))
    without = sealing(with_keys(db, clock, b"x" * 32))
    parts = await reseal(without)
    assert (sum(part.resealed for part in parts), sum(part.unopened for part in parts)) == (0, MANY + 2)


async def test_what_was_sealed_without_an_envelope_gets_one(
    configstore: ConfigstoreService, project: str, db: Database, clock: Clock
) -> None:
    """Under the same key too; it is read before and after."""
    (row,) = [row for row in await all_secrets(db) if row.name == "s"]
    nonce = b"b" * 12
    kept = AESGCM(OLD).encrypt(nonce, b'{"k":"older"}', place(row.id, project))
    plain = update(secrets).where(secrets.c.id == row.id).values(nonce=nonce, ciphertext=kept)
    await db.do(lambda tx: tx.run(plain))
    assert await value_of(configstore, project) == "older"
    parts = await reseal(sealing(configstore))
    assert sum(part.resealed for part in parts) == 1
    (row,) = [row for row in await all_secrets(db) if row.name == "s"]
    assert Sealed(key_id=row.key_id, nonce=row.nonce, ciphertext=row.ciphertext).is_envelope
    assert await value_of(configstore, project) == "older"


async def test_a_change_goes_before_a_takeover(
    configstore: ConfigstoreService, project: str, db: Database, clock: Clock
) -> None:
    """Who changes a secret meanwhile finds it as they have made it."""
    newer = with_keys(db, clock, NEW, OLD)
    data = SecretData(name="s", data={"k": "changed"})
    await asyncio.gather(reseal(sealing(newer)), configstore.update_secret("projects", project, "s", data))
    assert await value_of(newer, project) == "changed"


@pytest.mark.parametrize("after", ["x", "2/", "-1/", "0/x", "0/a\0b", "/"])
async def test_a_place_that_is_none_is_refused(configstore: ConfigstoreService, after: str) -> None:
    """In words, on both engines."""
    with pytest.raises(BadRequest) as refused:
        await sealing(configstore).reseal(Reseal(after=after))
    assert refused.value.code == "badPosition"


async def test_a_start_tells_of_older_keys(project: str, db: Database, clock: Clock) -> None:
    """And of those that are not here; it changes nothing."""
    before = await all_secrets(db)
    for keys, word in (((NEW, OLD), "older key"), ((NEW,), "not here"), ((OLD,), "")):
        with capture_logs() as logged:
            await with_keys(db, clock, *keys).start()
        told = [line for line in logged if line["log_level"] == "warning"]
        assert [(line["key"], line["secrets"]) for line in told] == [(key_id(OLD), MANY + 2)] * bool(word)
        assert all(word in line["event"] for line in told)
    assert await all_secrets(db) == before


async def test_an_opened_secret_is_remembered_for_a_moment(
    configstore: ConfigstoreService, project: str, db: Database
) -> None:
    """Not beyond a change, by whomever; not for a row that was altered or stands elsewhere."""
    opened = configstore._secrets._opened
    assert await value_of(configstore, project) == await value_of(configstore, project) == "value"
    assert len(opened) == 1
    with_same_keys = ConfigstoreService(
        ConfigstoreSettings(), db, Keyring([OLD]), clock=configstore._clock, new_id=lambda: str(uuid4())
    )
    changed = SecretData(name="s", data={"k": "changed elsewhere"})
    await with_same_keys.update_secret("projects", project, "s", changed)
    assert await value_of(configstore, project) == "changed elsewhere"
    (row,) = [row for row in await all_secrets(db) if row.name == "s"]
    spoil = update(secrets).where(secrets.c.id == row.id).values(ciphertext=row.ciphertext[:-1] + b"x")
    await db.do(lambda tx: tx.run(spoil))
    with pytest.raises(Unavailable):
        await value_of(configstore, project)


async def test_what_is_remembered_is_forgotten() -> None:
    """After so many seconds, half a minute of them; and there is a most of it."""
    assert SECONDS <= 30
    opened = Opened(seconds=0.01, most=2)
    one, two, three = (Keyring([OLD]).seal(b"x", b"p") for _ in range(3))
    for each in (one, two, three):
        opened.put(b"p", each, {"k": "v"})
    assert (opened.get(b"p", one), opened.get(b"q", one), opened.get(b"p", three)) == ({"k": "v"}, None, None)
    later = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, later.set)
    await later.wait()
    assert len(opened) == 0
