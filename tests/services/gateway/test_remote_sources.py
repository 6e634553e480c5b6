"""Remote sources and linked accounts through the public API: shapes, permissions, the order of checks."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DatabaseUrl
from tests.services.gateway.conftest import House, Person, project

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: what is stored is the configstore's business, which is tested on both engines."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


#: As Agola's command line sends it.
GITEA: dict[str, Any] = {
    "name": "gitea",
    "apiurl": "https://gitea.example",
    "type": "gitea",
    "auth_type": "password",
    "skip_verify": False,
    "oauth_2_client_id": "",
    "oauth_2_client_secret": "",
    "ssh_host_key": "",
    "skip_ssh_host_key_check": False,
    "registration_enabled": True,
    "login_enabled": True,
}
GITHUB = GITEA | {
    "name": "github",
    "type": "github",
    "auth_type": "oauth2",
    "oauth_2_client_id": "the-id",
    "oauth_2_client_secret": "the-client-secret",
}


@pytest.fixture
async def gitea(house: House) -> str:
    """The id of a remote source that is not ours."""
    made = await house.admin.ask("POST", "/remotesources", GITEA)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_remote_sources_are_shown(house: House, alice: Person) -> None:
    """The built-in one, with the reference's keys; details are for those who say who they are."""
    source = await alice.get("/remotesources/builtin")
    assert list(source) == ["id", "name", "auth_type", "registration_enabled", "login_enabled"]
    assert await alice.get(f"/remotesources/{source['id']}") == source
    assert await alice.failure("GET", "/remotesources/none") == (404, "remoteSourceDoesNotExist")
    assert await house.nobody.failure("GET", "/remotesources/builtin") == (401, "unauthorized")


async def test_a_source_is_added_changed_and_deleted(house: House, alice: Person) -> None:
    """By id and by name; nothing shows its secret; a change is answered 201, as the reference says."""
    made = await house.admin.ask("POST", "/remotesources", GITHUB)
    assert made.status_code == 201
    source = made.json()
    assert source == {
        "id": source["id"],
        "name": "github",
        "auth_type": "oauth2",
        "registration_enabled": True,
        "login_enabled": True,
    }
    changes = {"name": "hub", "login_enabled": False, "apiurl": None, "oauth_2_client_secret": None}
    changed = await house.admin.ask("PUT", f"/remotesources/{source['id']}", changes)
    assert (changed.status_code, changed.json()) == (201, source | {"name": "hub", "login_enabled": False})
    assert [one["name"] for one in await house.nobody.get("/remotesources")] == ["builtin", "hub"]
    gone = await house.admin.ask("DELETE", "/remotesources/hub")
    assert (gone.status_code, gone.content) == (204, b"")
    assert await alice.failure("GET", "/remotesources/hub") == (404, "remoteSourceDoesNotExist")
    assert await house.admin.failure("DELETE", "/remotesources/hub") == (404, "remoteSourceDoesNotExist")


async def test_what_is_left_out_is_enabled(house: House) -> None:
    """Null, as Agola's client sends what was not said, means the same."""
    bare = {key: GITEA[key] for key in ("name", "apiurl", "type", "auth_type")}
    made = (await house.admin.ask("POST", "/remotesources", bare)).json()
    assert (made["registration_enabled"], made["login_enabled"]) == (True, True)
    closed = bare | {"name": "closed", "registration_enabled": False, "login_enabled": None}
    made = (await house.admin.ask("POST", "/remotesources", closed)).json()
    assert (made["registration_enabled"], made["login_enabled"]) == (False, True)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"name": "", "apiurl": ""}, "invalidRemoteSourceName"),
        ({"apiurl": "", "type": ""}, "invalidRemoteSourceAPIURL"),
        ({"type": "", "auth_type": ""}, "invalidRemoteSourceType"),
        ({"type": "svn"}, "invalidRemoteSourceType"),
        ({"type": "builtin"}, "invalidRemoteSourceType"),
        ({"auth_type": "password"}, "invalidRemoteSourceAuthType"),
        ({"oauth_2_client_id": "", "oauth_2_client_secret": ""}, "invalidOauth2ClientID"),
        ({"oauth_2_client_secret": ""}, "invalidOauth2ClientSecret"),
        ({"name": "builtin"}, "remoteSourceAlreadyExists"),
    ],
)
async def test_a_wrong_source_is_refused(house: House, wrong: dict[str, str], code: str) -> None:
    """For people with a message, for Agola's client with the code alone."""
    assert await house.admin.failure("POST", "/remotesources", GITHUB | wrong) == (400, code)
    bare = f'[{{"code":"{code}","details":null}}]'.encode()
    assert await house.admin.as_agola("POST", "/remotesources", GITHUB | wrong) == (400, bare)


async def test_sources_are_the_administrators(house: House, alice: Person, gitea: str) -> None:
    """And what is built in is nobody's to change."""
    for verb, path in (("POST", ""), ("PUT", f"/{gitea}"), ("PUT", "/none"), ("DELETE", "/gitea")):
        assert await alice.failure(verb, f"/remotesources{path}", GITEA) == (403, "forbidden")
        assert await house.nobody.failure(verb, f"/remotesources{path}", GITEA) == (401, "unauthorized")
    for verb in ("PUT", "DELETE"):
        refused = await house.admin.failure(verb, "/remotesources/builtin", {})
        assert refused == (400, "remoteSourceIsBuiltin")


async def test_a_project_on_another_host_is_refused_in_words(alice: Person, gitea: str) -> None:
    """With a code, whoever asks."""
    body = {"name": "x", "visibility": "public", "remote_source_name": "gitea", "repo_path": "alice/x"}
    assert await alice.failure("POST", "/projects", body) == (400, "remoteSourceNotSupported")
    answer = await alice.ask("POST", "/projects", body)
    assert "later version" in answer.json()[0]["message"]


async def test_an_account_cannot_be_linked_yet(house: House, alice: Person, gitea: str) -> None:
    """On our own host nobody needs one; each refusal is typed, in the reference's order."""
    await house.person("bob")
    body = {
        "remote_source_name": "builtin",
        "remote_source_login_name": "a",
        "remote_source_login_password": "b",
    }
    path = "/users/alice/linkedaccounts"
    assert await alice.failure("POST", path, body) == (400, "remoteSourceHasNoAccounts")
    other = body | {"remote_source_name": "gitea"}
    assert await alice.failure("POST", path, other) == (400, "remoteSourceNotSupported")
    none = body | {"remote_source_name": "none"}
    assert await alice.failure("POST", path, none) == (404, "remoteSourceDoesNotExist")
    assert await alice.failure("POST", path, {}) == (404, "remoteSourceDoesNotExist")
    assert await alice.failure("POST", "/users/bob/linkedaccounts", none) == (400, "badRequest")
    assert await alice.failure("POST", "/users/none/linkedaccounts", none) == (404, "userDoesNotExist")
    assert await house.admin.failure("POST", path, body) == (403, "forbidden")
    assert await house.nobody.failure("POST", path, body) == (401, "unauthorized")
    assert (await alice.as_agola("POST", path, None))[0] == 400


async def test_there_is_no_account_to_unlink(house: House, alice: Person) -> None:
    """For oneself and for administrators; who is somebody else learns nothing."""
    bob = await house.person("bob")
    path = "/users/alice/linkedaccounts/some-id"
    for person in (alice, house.admin):
        assert await person.failure("DELETE", path) == (404, "linkedAccountDoesNotExist")
    assert await bob.failure("DELETE", path) == (400, "badRequest")
    assert await house.nobody.failure("DELETE", path) == (401, "unauthorized")
    assert (await alice.get("/user"))["linked_accounts"] == []


async def test_ones_repositories_are_listed(house: House, alice: Person, gitea: str) -> None:
    """On our own host those of the projects that one owns; of other hosts none is known yet."""
    bob = await house.person("bob")
    first, second = await project(alice, "b"), await project(alice, "a", "private")
    await project(bob, "c")
    assert (await alice.ask("POST", "/orgs", {"name": "acme", "visibility": "private"})).status_code == 201
    await alice.ask("PUT", "/orgs/acme/members/bob", {"role": "member"})
    third = await project(alice, "site", parent="org/acme")
    assert [repository["path"] for repository in await bob.get("/user/remoterepos/builtin")] == ["user/bob/c"]
    assert await alice.get("/user/remoterepos/builtin") == [
        {"id": third["id"], "path": "org/acme/site"},
        {"id": second["id"], "path": "user/alice/a"},
        {"id": first["id"], "path": "user/alice/b"},
    ]
    assert await alice.failure("GET", "/user/remoterepos/gitea") == (400, "remoteSourceNotSupported")
    assert await alice.failure("GET", f"/user/remoterepos/{gitea}") == (400, "remoteSourceNotSupported")
    assert await alice.failure("GET", "/user/remoterepos/none") == (404, "remoteSourceDoesNotExist")
    assert await house.admin.failure("GET", "/user/remoterepos/builtin") == (403, "forbidden")
    assert await house.nobody.failure("GET", "/user/remoterepos/builtin") == (401, "unauthorized")


async def test_nobody_is_found_by_an_account(house: House, alice: Person, gitea: str) -> None:
    """There are no accounts; the source is looked up first, who may ask before that."""
    query = "/users?query_type=byremoteuser&remoteuserid=7&remotesourceref="
    assert await house.admin.failure("GET", query + "gitea") == (404, "linkedAccountDoesNotExist")
    assert await house.admin.failure("GET", query + gitea) == (404, "linkedAccountDoesNotExist")
    assert await house.admin.failure("GET", query + "none") == (404, "remoteSourceDoesNotExist")
    assert await house.admin.failure("GET", query) == (404, "remoteSourceDoesNotExist")
    assert await house.admin.failure("GET", "/users?query_type=byname") == (400, "badRequest")
    assert await alice.failure("GET", query + "gitea") == (403, "forbidden")
    assert await alice.as_agola("GET", query + "gitea") == (401, b"[]")


async def test_agolas_client_gets_what_it_reads(house: House, alice: Person) -> None:
    """Byte for byte, without an Accept header."""
    status, body = await house.admin.as_agola("POST", "/remotesources", GITEA)
    source = (await alice.get("/remotesources/gitea"))["id"]
    shown = (
        f'{{"id":"{source}","name":"gitea","auth_type":"password",'
        '"registration_enabled":true,"login_enabled":true}'
    )
    assert (status, body) == (201, shown.encode())
    assert await house.admin.as_agola("PUT", "/remotesources/gitea", {"name": None}) == (201, shown.encode())
    status, body = await house.nobody.as_agola("GET", "/remotesources")
    assert status == 200
    assert body.endswith(f",{shown}]".encode())
    taken = b'[{"code":"remoteSourceAlreadyExists","details":null}]'
    assert await house.admin.as_agola("POST", "/remotesources", GITEA) == (400, taken)
    assert await alice.as_agola("POST", "/remotesources", GITEA) == (403, b"[]")
    assert await house.admin.as_agola("DELETE", "/remotesources/gitea") == (204, b"")
    unlinked = b'[{"code":"linkedAccountDoesNotExist","details":null}]'
    assert await alice.as_agola("DELETE", "/users/alice/linkedaccounts/x") == (404, unlinked)
    assert await alice.as_agola("GET", "/user/remoterepos/builtin") == (200, b"[]")
