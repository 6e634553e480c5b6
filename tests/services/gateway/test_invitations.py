"""Invitations to organizations through the public API: both adding modes, shapes, the order of checks."""

from pathlib import Path

import pytest

from tests.conftest import DatabaseUrl
from tests.services.gateway.conftest import House, Person
from tidemill.settings import GatewaySettings

pytestmark = pytest.mark.anyio

ACME = "/orgs/acme/invitations"


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: what is stored here is the configstore's business, which is tested on both engines."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> GatewaySettings:
    """Users are invited, unless a test asks for the other mode."""
    return GatewaySettings(organization_member_adding_mode=getattr(request, "param", "invitation"))


@pytest.fixture
async def alice(house: House) -> Person:
    """She owns acme."""
    person = await house.person("alice")
    await person.ask("POST", "/orgs", {"name": "acme", "visibility": "public"})
    return person


@pytest.fixture
async def bob(house: House) -> Person:
    return await house.person("bob")


async def invite(person: Person, user: str, role: str = "member") -> dict[str, str]:
    """A new invitation to acme."""
    answer = await person.ask("POST", ACME, {"user_ref": user, "role": role})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def members(person: Person) -> list[tuple[str, str]]:
    found = (await person.get("/orgs/acme/members"))["members"]
    return [(one["user"]["username"], one["role"]) for one in found]


async def test_an_invitation_is_sent_and_shown(house: House, alice: Person, bob: Person) -> None:
    """To who is invited and to owners; the list of owners has the keys that Agola stores and those that it shows."""
    acme, me = await alice.get("/orgs/acme"), await bob.get("/user")
    sent = await invite(alice, "bob")
    assert list(sent) == ["id", "user_ref", "organization_id", "organization_name"]
    assert (sent["user_ref"], sent["organization_id"], sent["organization_name"]) == (
        me["id"],
        acme["id"],
        "acme",
    )
    assert await bob.get("/user/org_invitations") == [sent]
    assert await bob.get(f"{ACME}/bob") == await alice.get(f"{ACME}/{me['id']}") == sent
    (listed,) = await alice.get(ACME)
    assert listed == sent | {
        "creationTime": "2026-07-30T12:00:00Z",
        "updateTime": "2026-07-30T12:00:00Z",
        "user_id": me["id"],
        "role": "member",
    }


@pytest.mark.parametrize(("action", "role"), [("accept", "owner"), ("accept", "member"), ("reject", "")])
async def test_an_invitation_is_answered(alice: Person, bob: Person, action: str, role: str) -> None:
    """Once; the answer to that is empty, without a type, as the reference has it."""
    await invite(alice, "bob", role or "member")
    path = "/user/org_invitations/acme/actions"
    answer = await bob.ask("PUT", path, {"action_type": action})
    assert (answer.status_code, answer.content) == (200, b"")
    assert "content-type" not in answer.headers
    assert ("bob", role) in await members(alice) or action == "reject"
    assert len(await members(alice)) == (1 if action == "reject" else 2)
    assert await bob.get("/user/org_invitations") == await alice.get(ACME) == []
    assert await bob.failure("PUT", path, {"action_type": action}) == (404, "invitationDoesNotExist")


async def test_who_may_answer(house: House, alice: Person, bob: Person) -> None:
    """The invited user alone, in the reference's order of checks."""
    path = "/user/org_invitations/acme/actions"
    await invite(alice, "bob")
    assert await house.nobody.failure("PUT", path, {"action_type": "accept"}) == (401, "unauthorized")
    assert await house.admin.failure("PUT", path, {"action_type": "odd"}) == (400, "badRequest")
    assert await house.admin.as_agola("PUT", path, {"action_type": "accept"}) == (400, b"[]")
    assert await alice.failure("PUT", path, {"action_type": "accept"}) == (404, "invitationDoesNotExist")
    none = "/user/org_invitations/none/actions"
    assert await bob.failure("PUT", none, {"action_type": "accept"}) == (404, "organizationDoesNotExist")
    assert await house.admin.failure("GET", "/user/org_invitations") == (403, "forbidden")


@pytest.mark.parametrize(
    ("org", "body", "expected"),
    [
        ("none", {"role": "boss"}, (400, "badRequest")),
        ("none", {"user_ref": "none", "role": "boss"}, (400, "invalidRole")),
        ("none", {"user_ref": "none", "role": "owner"}, (404, "organizationDoesNotExist")),
        ("acme", {"user_ref": "none", "role": "owner"}, (404, "userDoesNotExist")),
        ("acme", {"user_ref": "alice", "role": "owner"}, (400, "orgMemberAlreadyExists")),
        ("acme", {"user_ref": "bob", "role": "owner"}, (400, "invitationAlreadyExists")),
    ],
)
async def test_a_wrong_invitation_is_refused(
    alice: Person, bob: Person, org: str, body: dict[str, str], expected: tuple[int, str]
) -> None:
    """In the reference's order."""
    await invite(alice, "bob")
    assert await alice.failure("POST", f"/orgs/{org}/invitations", body) == expected


async def test_agolas_client_expects_a_failure_of_ours(alice: Person) -> None:
    """For who belongs to the organization already; everybody else is told what is wrong."""
    body = {"user_ref": "alice", "role": "member"}
    assert await alice.as_agola("POST", ACME, body) == (500, b"[]")


async def test_only_owners_manage_invitations(house: House, alice: Person, bob: Person) -> None:
    """The admin token is nobody, and members are no owners; one invitation may be seen by anybody known."""
    carol = await house.person("carol")
    await house.admin.ask("PUT", "/orgs/acme/members/carol", {"role": "member"})
    body = {"user_ref": "bob", "role": "owner"}
    for person in (bob, carol, house.admin):
        assert await person.failure("POST", ACME, body) == (403, "forbidden")
        assert await person.failure("GET", ACME) == (403, "forbidden")
    await invite(alice, "bob")
    for person in (bob, carol, house.admin):
        assert await person.failure("DELETE", f"{ACME}/bob") == (403, "forbidden")
        assert (await person.get(f"{ACME}/bob"))["organization_name"] == "acme"
    assert await house.nobody.failure("GET", f"{ACME}/bob") == (401, "unauthorized")
    assert await alice.failure("GET", f"{ACME}/none") == (404, "userDoesNotExist")
    assert await alice.failure("GET", f"{ACME}/alice") == (404, "invitationDoesNotExist")
    answer = await alice.ask("DELETE", f"{ACME}/bob")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await alice.failure("DELETE", f"{ACME}/bob") == (404, "invitationDoesNotExist")


async def test_in_this_mode_only_administrators_add(house: House, alice: Person, bob: Person) -> None:
    """That is said before anything else is looked at; what was pending is settled by it."""
    await invite(alice, "bob")
    refused = (400, "cannotAddUserToOrganization")
    assert await alice.failure("PUT", "/orgs/none/members/none", {}) == refused
    assert await alice.failure("PUT", "/orgs/acme/members/bob", {"role": "owner"}) == refused
    added = await house.admin.ask("PUT", "/orgs/acme/members/bob", {"role": "owner"})
    assert added.status_code == 200
    assert await members(alice) == [("alice", "owner"), ("bob", "owner")]
    assert await bob.get("/user/org_invitations") == []


@pytest.mark.parametrize("settings", ["direct"], indirect=True)
async def test_in_the_other_mode_nobody_is_invited(alice: Person, bob: Person, house: House) -> None:
    """That is said before anything else of the request is looked at, but not to who is no user."""
    refused = (400, "cannotCreateInvitation")
    assert await alice.failure("POST", "/orgs/none/invitations", {}) == refused
    assert await house.admin.failure("POST", ACME, {}) == (403, "forbidden")
    assert await house.nobody.failure("POST", ACME, {}) == (401, "unauthorized")
    assert (await alice.ask("PUT", "/orgs/acme/members/bob", {"role": "owner"})).status_code == 200
    assert await alice.get(ACME) == []


async def test_lists_are_whole_unless_they_are_to_be_short(house: House, alice: Person) -> None:
    """Agola's client knows no second page of them; who gives a limit gets a cursor."""
    for number in range(35):
        await house.admin.ask("POST", "/users", {"username": f"user{number:02}"})
        await invite(alice, f"user{number:02}")
    whole = await alice.ask("GET", ACME)
    assert (len(whole.json()), whole.headers["x-agola-cursor"]) == (35, "")
    assert len(await alice.get(f"{ACME}?limit=0")) == 35
    first = await alice.ask("GET", f"{ACME}?limit=30")
    last = await alice.ask("GET", f"{ACME}?cursor={first.headers['x-agola-cursor']}")
    assert first.json() + last.json() == whole.json()
    assert len(last.json()) == 5
    assert await alice.failure("GET", "/orgs/none/invitations?limit=x") == (400, "invalidLimit")
    assert await alice.failure("GET", "/user/org_invitations?limit=-1") == (400, "invalidLimit")
