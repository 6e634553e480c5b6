"""Remote sources: what may be said of them, what is secret of them, and that nothing loses its own."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from tidemill.contracts.configstore import NewProject, NewUser
from tidemill.contracts.remote_sources import (
    BUILTIN,
    NewRemoteSource,
    RemoteSources,
    RemoteSourceUpdate,
)
from tidemill.errors import Failure
from tidemill.kit.crypto import Keyring, Sealed
from tidemill.kit.db import AnyRow, Database
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.configstore.remote_sources import SourceKeeper, place
from tidemill.services.configstore.store.tables import projects, remote_sources

pytestmark = pytest.mark.anyio

GITEA = NewRemoteSource(name="gitea", api_url="https://gitea.example", type="gitea", auth_type="password")
GITHUB = NewRemoteSource(
    name="github",
    api_url="https://api.github.com",
    type="github",
    auth_type="oauth2",
    oauth2_client_id="id",
    oauth2_client_secret="the-client-secret",
    registration_enabled=False,
)


@pytest.fixture
async def sources(configstore: ConfigstoreService) -> RemoteSources:
    found = configstore.faces()[RemoteSources]
    assert isinstance(found, SourceKeeper)
    return found


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def code(call: object) -> str:
    with pytest.raises(Failure) as caught:
        await call  # type: ignore[misc]
    assert caught.value.status in (400, 404)
    return caught.value.code


async def kept(db: Database, id: str) -> AnyRow:
    row = await db.read(lambda tx: tx.one(select(remote_sources).where(remote_sources.c.id == id)))
    assert row is not None
    return row


async def test_the_builtin_source_always_exists_and_never_changes(sources: RemoteSources) -> None:
    """By name and by id, and in the list."""
    source = await sources.remote_source(BUILTIN)
    assert (source.name, source.type, source.login_enabled) == (BUILTIN, BUILTIN, True)
    assert await sources.remote_source(source.id) == source
    page = await sources.remote_sources()
    assert (page.items, page.cursor) == ([source], "")
    for ref in (BUILTIN, source.id):
        assert await code(sources.update_remote_source(ref, RemoteSourceUpdate())) == "remoteSourceIsBuiltin"
        assert await code(sources.delete_remote_source(ref)) == "remoteSourceIsBuiltin"
    assert await sources.remote_source(BUILTIN) == source


async def test_sources_are_listed_by_name_in_pages(sources: RemoteSources) -> None:
    """In both directions."""
    for name in ("b", "a", "c"):
        await sources.create_remote_source(replace(GITEA, name=name))
    first = await sources.remote_sources(limit=2)
    assert ([source.name for source in first.items], first.cursor) == (["a", "b"], "b")
    rest = await sources.remote_sources(after="b", limit=2)
    assert ([source.name for source in rest.items], rest.cursor) == ([BUILTIN, "c"], "")
    back = await sources.remote_sources(after=BUILTIN, ascending=False)
    assert [source.name for source in back.items] == ["b", "a"]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"name": "a_b", "api_url": ""}, "invalidRemoteSourceName"),
        ({"name": "", "type": ""}, "invalidRemoteSourceName"),
        ({"api_url": "", "type": "", "auth_type": ""}, "invalidRemoteSourceAPIURL"),
        ({"api_url": "https://a\0b"}, "invalidRemoteSourceAPIURL"),
        ({"type": "", "auth_type": ""}, "invalidRemoteSourceType"),
        ({"type": "svn"}, "invalidRemoteSourceType"),
        ({"type": BUILTIN, "auth_type": ""}, "invalidRemoteSourceType"),
        ({"auth_type": "", "oauth2_client_id": ""}, "invalidRemoteSourceAuthType"),
        ({"auth_type": "password"}, "invalidRemoteSourceAuthType"),
        ({"type": "gitlab", "auth_type": "password"}, "invalidRemoteSourceAuthType"),
        ({"oauth2_client_id": "", "oauth2_client_secret": ""}, "invalidOauth2ClientID"),
        ({"oauth2_client_secret": ""}, "invalidOauth2ClientSecret"),
        ({"oauth2_client_secret": "a\0"}, "invalidOauth2ClientSecret"),
        ({"ssh_host_key": "\0"}, "badRequest"),
        ({"name": "gitea"}, "remoteSourceAlreadyExists"),
        ({"name": BUILTIN}, "remoteSourceAlreadyExists"),
    ],
)
async def test_a_wrong_source_is_refused(
    sources: RemoteSources, wrong: dict[str, str], expected: str
) -> None:
    """With the reference's codes, in the reference's order; nothing is kept."""
    await sources.create_remote_source(GITEA)
    assert await code(sources.create_remote_source(replace(GITHUB, **wrong))) == expected
    assert len((await sources.remote_sources()).items) == 2


async def test_the_secret_of_a_source_is_sealed(sources: RemoteSources, db: Database, tmp_path: Path) -> None:
    """For its own row; it is in no answer, in no struct that is printed, and (on SQLite) in no file."""
    made = await sources.create_remote_source(GITHUB)
    other = await sources.create_remote_source(replace(GITHUB, name="other"))
    secret = GITHUB.oauth2_client_secret
    changes = RemoteSourceUpdate(oauth2_client_secret=secret)
    assert secret not in repr((made, GITHUB, changes, await sources.remote_sources()))
    assert secret.encode() not in everything_in(tmp_path)
    row, keys = await kept(db, made.id), Keyring([bytes(32)])
    sealed = Sealed(key_id=row.key_id, nonce=row.nonce, ciphertext=row.ciphertext)
    assert keys.open(sealed, place(made.id)).decode() == secret
    with pytest.raises(Failure):
        keys.open(sealed, place(other.id))


async def test_what_is_given_changes_and_the_rest_stays(sources: RemoteSources, db: Database) -> None:
    """By name and by id; its id stays, and so does its secret unless another is given."""
    made = await sources.create_remote_source(GITHUB)
    before = await kept(db, made.id)
    renamed = await sources.update_remote_source(
        "github", RemoteSourceUpdate(name="hub", login_enabled=False, skip_verify=True)
    )
    assert renamed == replace(made, name="hub", login_enabled=False, skip_verify=True)
    assert await code(sources.remote_source("github")) == "remoteSourceDoesNotExist"
    assert await sources.update_remote_source(made.id, RemoteSourceUpdate()) == renamed
    assert (await kept(db, made.id)).ciphertext == before.ciphertext
    await sources.update_remote_source(made.id, RemoteSourceUpdate(oauth2_client_secret="new"))
    assert (await kept(db, made.id)).ciphertext != before.ciphertext


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (RemoteSourceUpdate(name=""), "invalidRemoteSourceName"),
        (RemoteSourceUpdate(name="gitea"), "remoteSourceAlreadyExists"),
        (RemoteSourceUpdate(name=BUILTIN), "remoteSourceAlreadyExists"),
        (RemoteSourceUpdate(api_url=""), "invalidRemoteSourceAPIURL"),
        (RemoteSourceUpdate(oauth2_client_id=""), "invalidOauth2ClientID"),
        (RemoteSourceUpdate(oauth2_client_secret=""), "invalidOauth2ClientSecret"),
    ],
)
async def test_a_wrong_change_is_refused(
    sources: RemoteSources, change: RemoteSourceUpdate, expected: str
) -> None:
    """Nothing of it is kept."""
    await sources.create_remote_source(GITEA)
    made = await sources.create_remote_source(GITHUB)
    assert await code(sources.update_remote_source(made.id, change)) == expected
    assert await sources.remote_source("github") == made
    assert await code(sources.update_remote_source("none", change)) == "remoteSourceDoesNotExist"


async def test_a_password_source_needs_no_client(sources: RemoteSources) -> None:
    """Nor when it is changed."""
    await sources.create_remote_source(GITEA)
    await sources.update_remote_source("gitea", RemoteSourceUpdate(oauth2_client_id=""))


async def test_a_project_on_another_host_waits_for_a_later_version(
    sources: RemoteSources, configstore: ConfigstoreService
) -> None:
    """It is refused in words, and not with an error of ours."""
    await sources.create_remote_source(GITEA)
    await configstore.create_user(NewUser(name="alice"))
    request = NewProject(name="x", parent="user/alice", remote_source="gitea", repo_path="alice/x")
    with pytest.raises(Failure, match="later version") as refused:
        await configstore.create_project(request)
    assert (refused.value.status, refused.value.code) == (400, "remoteSourceNotSupported")


async def test_a_source_in_use_stays(
    sources: RemoteSources, configstore: ConfigstoreService, db: Database
) -> None:
    """Until the last project on it is gone."""
    made = await sources.create_remote_source(GITEA)
    await configstore.create_user(NewUser(name="alice"))
    project = await configstore.create_project(NewProject(name="x", parent="user/alice"))
    await db.do(lambda tx: tx.run(update(projects).values(remote_source_id=made.id)))
    assert await code(sources.delete_remote_source("gitea")) == "remoteSourceInUse"
    await configstore.delete_project(project.id)
    await sources.delete_remote_source(made.id)
    assert await code(sources.delete_remote_source("gitea")) == "remoteSourceDoesNotExist"


async def test_a_name_is_given_once(sources: RemoteSources) -> None:
    """Of many creations and renamings at once one wins, and nobody sees a collision."""
    others = [await sources.create_remote_source(replace(GITEA, name=f"other{n}")) for n in range(4)]
    creations = [sources.create_remote_source(GITEA) for _ in range(4)]
    renamings = [sources.update_remote_source(other.id, RemoteSourceUpdate(name="gitea")) for other in others]
    answers = await asyncio.gather(*creations, *renamings, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) == 7
    assert {getattr(error, "code", error) for error in refused} == {"remoteSourceAlreadyExists"}
