"""What only etcd has: addresses, TLS, users, installations side by side, bells across processes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import aetcd
import anyio
import pytest
import trustme
from aetcd import rpc

from tests.etcd import Etcd
from tests.kit.coord.test_coordinator import heard
from tests.kit.things import refused
from tidemill.errors import BadRequest, Internal, TooLarge, Unavailable
from tidemill.kit.coord.etcd import Address, EtcdCoordinator

pytestmark = pytest.mark.anyio

Join = Callable[..., "asyncio.Future[EtcdCoordinator]"]


@pytest.fixture
async def join(etcd: Etcd, anyio_backend: str) -> AsyncIterator[Join]:
    """One more process of an installation; all of them are of one unless a prefix is given."""
    opened: list[EtcdCoordinator] = []
    mine = f"test-{uuid4().hex}"

    async def open_(**access: object) -> EtcdCoordinator:
        address = Address(**({"url": etcd.url, "prefix": mine} | access))
        opened.append(await EtcdCoordinator.open(address))
        return opened[-1]

    yield open_
    for coordinator in opened:
        await coordinator.close()


@pytest.mark.parametrize(
    ("access", "message"),
    [
        ({"url": "localhost:2379"}, "it begins with etcd:// or https://"),
        ({"url": "ftp://localhost:2379"}, "it begins with etcd:// or https://"),
        ({"url": "etcd://"}, "'' is no host:port"),
        ({"url": "etcd://a:1,,b:2"}, "'' is no host:port"),
        ({"url": "etcd://a:99999"}, "'a:99999' is no host:port"),
        ({"url": "etcd://user:secret@a:1"}, "is no host:port"),
        ({"url": "etcd://a:1", "ca": Path("ca.pem")}, "need TLS"),
        ({"url": "https://a:1", "cert": Path("cert.pem")}, "give both or none"),
        ({"url": "etcd://a:1", "user": "ci"}, "give both or none"),
        ({"url": "etcd://a:1", "prefix": "/"}, "coordinator.prefix is empty"),
        ({"url": "https://a:1", "ca": Path("missing.pem")}, "missing.pem: No such file or directory"),
        ({"url": "etcd://a:1", "user": "ci", "password_file": Path("missing")}, "missing: No such file"),
    ],
)
async def test_an_address_that_cannot_be_is_told(access: dict[str, object], message: str) -> None:
    """A wrong setting ends the start with what is wrong with it."""
    error = await refused(EtcdCoordinator.open(Address(**access)))
    assert isinstance(error, BadRequest)
    assert message in str(error)


async def test_members_have_a_default_port() -> None:
    """Names, both kinds of addresses, and ports that are left out."""
    address = Address(url="etcd://one,127.0.0.1:12379,[::1]:2379/")
    assert address.members() == ["one:2379", "127.0.0.1:12379", "[::1]:2379"]


async def test_installations_share_an_etcd(join: Join) -> None:
    """Each sees its own keys and changes only, under its prefix."""
    one, two = await join(), await join(prefix="tidemill/other/")
    watch = two.watch("", (await two.entries("")).revision)
    await one.put("a", b"one")
    await two.put("a", b"two")
    assert [change.value for change in await heard(watch, 1)] == [b"two"]
    assert [entry.value for entry in (await one.entries("")).entries] == [b"one"]
    watch.close()


async def test_a_bell_is_heard_in_every_process(join: Join) -> None:
    """A ring wakes listeners of its own process at once, and those of the others as soon as they hear of it."""
    one, two = await join(), await join()
    far, other = two.bells.listen("runs/"), two.bells.listen("jobs/")
    with anyio.fail_after(10):  # a process that has joined rings everything: it may have missed something
        assert await other.wait(5)
        await far.wait(5)
    near = one.bells.listen("runs/")
    await near.wait(1)
    one.bells.ring("runs/17")
    assert await near.wait(0)
    assert await far.wait(5)
    assert not await other.wait(0.05)


async def test_own_rings_do_not_echo(join: Join) -> None:
    """What a process has rung does not come back to it."""
    one, two = await join(), await join()
    near, far, answer = one.bells.listen("runs/"), two.bells.listen("runs/"), one.bells.listen("answer")
    for bell in (near, far, answer):
        await bell.wait(1)
    one.bells.ring("runs/1")
    assert await near.wait(0)
    assert await far.wait(5)
    two.bells.ring("answer")
    assert await answer.wait(5)  # told after the ring, and so the echo would have come
    assert not await near.wait(0)


async def test_a_storm_of_rings_is_few_changes(join: Join, etcd: Etcd) -> None:
    """Ten thousand rings are told in a handful of changes of one key, and nobody misses that there were some."""
    one, two = await join(), await join()
    bell = two.bells.listen("log/")
    await bell.wait(1)
    before = (await one.entries("")).revision
    for number in range(10_000):
        one.bells.ring(f"log/{number}")
    assert await bell.wait(5)
    assert (await one.entries("")).revision - before <= 3


async def test_a_lease_ends_by_its_time(join: Join) -> None:
    """A holder that is silent loses its keys without anybody's doing."""
    coordinator = await join()
    lease = await coordinator.grant(1)
    assert lease.seconds == 1
    watch = coordinator.watch("a", (await coordinator.entries("a")).revision)
    await coordinator.put("a", b"", lease=lease)
    assert [change.value for change in await heard(watch, 2)] == [b"", None]
    watch.close()


async def test_a_value_that_is_too_large_is_told(join: Join) -> None:
    """etcd takes requests up to 1.5 MiB; more is the caller's mistake and no outage."""
    coordinator = await join()
    error = await refused(coordinator.put("a", b"x" * (2 << 20)))
    assert isinstance(error, TooLarge)


async def test_a_key_of_somebody_else_is_not_taken_for_ours(join: Join, etcd: Etcd) -> None:
    """A prefix that another program uses is refused rather than written over."""
    prefix = f"other-{uuid4().hex}"
    async with aetcd.Client("127.0.0.1", etcd.client, timeout=10) as client:
        await client.put(f"{prefix}/origin".encode(), b"not ours")
    error = await refused((await join(prefix=prefix)).get("a"))
    assert isinstance(error, Internal)
    assert "coordinator.prefix" in str(error)


async def test_tls_in_both_directions(tmp_path: Path, join: Join) -> None:
    """With certificates of both sides it works; without ours, or with another authority, it does not."""
    authority, stranger = trustme.CA(), trustme.CA()
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "server", "cert", "key", "stranger")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    stranger.cert_pem.write_to_path(str(files["stranger"]))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(files["server"]))
    ours = authority.issue_cert("tidemill.example")
    ours.private_key_pem.write_to_path(str(files["key"]))
    ours.cert_chain_pems[0].write_to_path(str(files["cert"]))
    server = Etcd(
        tmp_path,
        f"--cert-file={files['server']}",
        f"--key-file={files['server']}",
        f"--trusted-ca-file={files['ca']}",
        "--client-cert-auth",
        scheme="https",
    ).start()
    try:
        access = {name: files[name] for name in ("ca", "cert", "key")}
        coordinator = await join(url=server.url, **access)
        await coordinator.put("a", b"secret")
        assert (await coordinator.get("a")).value == b"secret"
        for wrong in ({"ca": files["ca"]}, access | {"ca": files["stranger"]}):
            error = await refused((await join(url=server.url, **wrong)).get("a"))
            assert isinstance(error, Unavailable)
    finally:
        server.kill()


async def test_users_and_passwords(tmp_path: Path, join: Join) -> None:
    """A user may do what its role says; tokens are renewed by themselves; a wrong password is told as such."""
    server = Etcd(tmp_path).start()
    try:
        await _demand_users(server)
        password, wrong = tmp_path / "password", tmp_path / "wrong"
        password.write_text("secret\n")
        wrong.write_text("guess\n")
        coordinator = await join(url=server.url, prefix="tidemill", user="ci", password_file=password)
        first = await coordinator.put("a", b"1")
        watch = coordinator.watch("a", first)
        server.kill()  # tokens live in the memory of the members
        server.start()
        await coordinator.put("a", b"2", revision=first)
        assert [change.value for change in await heard(watch, 1)] == [b"2"]
        watch.close()
        lease = await coordinator.grant(60)
        await coordinator.put("leased", b"", lease=lease)
        await coordinator.keep(lease)
        await coordinator.revoke(lease)
        assert await coordinator.get("leased") is None
        for access in (
            {"user": "ci", "password_file": wrong, "prefix": "tidemill"},
            {"user": "ci", "password_file": password, "prefix": "other"},
            {"prefix": "tidemill"},
        ):
            error = await refused((await join(url=server.url, **access)).get("a"))
            assert isinstance(error, Internal), error
            assert "coordinator.user" in str(error)
    finally:
        server.kill()


async def _demand_users(server: Etcd) -> None:
    """A root, and the user `ci` that may use keys under `tidemill/` only."""
    async with rpc.insecure_channel(server.target) as channel:
        auth = rpc.AuthStub(channel)
        for name in ("root", "ci"):
            await auth.UserAdd(rpc.AuthUserAddRequest(name=name, password="secret"))
            await auth.RoleAdd(rpc.AuthRoleAddRequest(name=name))
            await auth.UserGrantRole(rpc.AuthUserGrantRoleRequest(user=name, role=name))
        permission = rpc.Permission(
            permType=rpc.Permission.READWRITE, key=b"tidemill/", range_end=b"tidemill0"
        )
        await auth.RoleGrantPermission(rpc.AuthRoleGrantPermissionRequest(name="ci", perm=permission))
        await auth.AuthEnable(rpc.AuthEnableRequest())
