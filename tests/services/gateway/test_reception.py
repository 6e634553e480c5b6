"""Git hosting asks the gateway: who may, and what comes of a push."""

import anyio
import pytest

from tests.conftest import Clock
from tests.services.gateway.conftest import ADMIN_TOKEN, CONFIGURATION, House, Person, hasty, project
from tidemill.contracts.pushes import AccessRequest, Pushes, RefUpdate
from tidemill.contracts.values import CLONE_TOKEN, ValuesRequest
from tidemill.errors import Failure, Forbidden, Unauthorized
from tidemill.kit.connect import connect
from tidemill.services.configstore import ConfigstoreService

pytestmark = pytest.mark.anyio

MAIN = "refs/heads/main"
NONE = "0" * 40


@pytest.fixture
async def secret(alice: Person) -> str:
    """The id of a private project of alice's."""
    return str((await project(alice, "secret", "private"))["id"])


ACCESS = {
    ("nobody", "hello", "read"): 200,
    ("nobody", "hello", "write"): 401,
    ("nobody", "secret", "read"): 401,
    ("nobody", "none", "read"): 401,
    ("nobody", "none", "write"): 401,
    ("wrong", "hello", "read"): 401,
    ("bob", "hello", "read"): 200,
    ("bob", "hello", "write"): 403,
    ("bob", "secret", "read"): 403,
    ("bob", "none", "read"): 404,
    ("alice", "hello", "write"): 200,
    ("alice", "secret", "write"): 200,
    ("alice", "none", "write"): 404,
    ("admin", "secret", "write"): 200,
    ("admin", "none", "read"): 404,
    ("job", "secret", "read"): 200,
    ("job", "secret", "write"): 403,
    ("job", "hello", "read"): 200,
    ("job", "hello", "write"): 403,
    ("job", "hidden", "read"): 403,
    ("job", "a b", "write"): 403,
    ("old job", "secret", "read"): 401,
}


ACCESS_TO_ORGS = {
    ("nobody", "open", "read"): 200,
    ("nobody", "open", "write"): 401,
    ("nobody", "closed", "read"): 401,
    ("stranger", "open", "read"): 200,
    ("stranger", "open", "write"): 403,
    ("stranger", "closed", "read"): 404,
    ("stranger", "closed", "write"): 403,
    ("member", "closed", "read"): 200,
    ("member", "closed", "write"): 403,
    ("owner", "closed", "read"): 200,
    ("owner", "closed", "write"): 200,
    ("owner", "none", "read"): 404,
}


async def test_who_may_at_a_repository_of_an_organization(house: House, alice: Person) -> None:
    """Members read, owners write, and what is private is nothing for strangers."""
    await alice.ask("POST", "/orgs", {"name": "acme", "visibility": "public"})
    for name, visibility in (("open", "public"), ("closed", "private")):
        await project(alice, name, visibility, parent="org/acme")
    people = {"nobody": house.nobody, "owner": alice}
    for name in ("stranger", "member"):
        people[name] = await house.person(name)
    await alice.ask("PUT", "/orgs/acme/members/member", {"role": "member"})
    for (who, name, what), status in ACCESS_TO_ORGS.items():
        password = people[who].token or ""
        request = AccessRequest(
            path=f"org/acme/{name}", write=what == "write", username="x", password=password
        )
        try:
            await house.gateway.access(request)
            answered = 200
        except Failure as error:
            answered = error.status
        assert answered == status, (who, name, what)


async def test_who_may_at_a_repository(
    house: House, alice: Person, hello: str, secret: str, configstore: ConfigstoreService, clock: Clock
) -> None:
    """By user token, admin token or a job's clone token; who is nobody is asked who they are."""
    scope = f"project:{secret}:{MAIN}"
    old = await configstore.resolve(ValuesRequest(scope=scope, names=(CLONE_TOKEN,)))
    clock.advance(25 * 3600)
    new = await configstore.resolve(ValuesRequest(scope=scope, names=(CLONE_TOKEN,)))
    passwords = {
        "nobody": "",
        "wrong": "f" * 40,
        "bob": (await house.person("bob")).token or "",
        "alice": alice.token or "",
        "admin": ADMIN_TOKEN,
        "job": new.values[CLONE_TOKEN],
        "old job": old.values[CLONE_TOKEN],
    }
    ids = {"hello": hello, "secret": secret}
    await project(alice, "hidden", "private")
    for (who, name, what), status in ACCESS.items():
        request = AccessRequest(
            path=f"user/alice/{name}", write=what == "write", username="x", password=passwords[who]
        )
        if status == 200:
            access = await house.gateway.access(request)
            assert access.project == ids[name]
            known = (await configstore.user(who)).id if who in ("alice", "bob") else ""
            assert access.pusher == known
            continue
        with pytest.raises(Failure) as caught:
            await house.gateway.access(request)
        assert caught.value.status == status, (who, name, what)


async def test_a_job_finds_its_project_after_a_move(
    house: House, alice: Person, secret: str, configstore: ConfigstoreService
) -> None:
    """Under the path that its plan names, until somebody else's private project is there."""
    values = await configstore.resolve(ValuesRequest(scope=f"project:{secret}:{MAIN}", names=(CLONE_TOKEN,)))
    path = "user/alice/secret"
    request = AccessRequest(path=path, write=False, username="x", password=values.values[CLONE_TOKEN])
    assert (await alice.ask("PUT", f"/projects/{secret}", {"name": "renamed"})).status_code == 201
    assert (await house.gateway.access(request)).project == secret
    await project(alice, "secret", "private")
    with pytest.raises(Forbidden, match="a job of user/alice/renamed may not"):
        await house.gateway.access(request)


async def test_a_private_project_looks_like_none_to_nobody(house: House, secret: str) -> None:
    """The same words for both, but for the path."""
    said = []
    for name in ("secret", "nosuch", "a b"):
        with pytest.raises(Failure) as caught:
            await house.gateway.access(AccessRequest(path=f"user/alice/{name}", write=False))
        said.append((caught.value.code, caught.value.message.replace(name, "…")))
    assert len(set(said)) == 1


async def test_a_gitserver_elsewhere_is_answered_the_same(house: House, alice: Person, hello: str) -> None:
    """Over HTTP it gets the same leave, the same errors and the same outcome."""
    pushes = connect(Pushes, house.nobody._http, "/internal/gateway")
    leave = AccessRequest(path="user/alice/hello", write=True, password=alice.token or "")
    assert await pushes.access(leave) == await house.gateway.access(leave)
    with pytest.raises(Unauthorized, match="the password is a user token"):
        await pushes.access(AccessRequest(path="user/alice/hello", write=True))
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    outcome = await pushes.pushed(house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha)))
    assert [run.number for run in outcome.runs] == [1]


async def test_a_hasty_pusher_does_not_wait(house: House, hello: str) -> None:
    """Without a wait the answer is what is known now."""
    house.git.is_away = True
    with anyio.fail_after(5):
        outcome = await house.gateway.pushed(
            hasty(house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new="a" * 40)))
        )
    assert not outcome.is_complete
