"""Invitations, and lists of what organizations have: in pages, and with many changes at once."""

import asyncio

import pytest

from tests.services.configstore.test_organizations import MEMBER, OWNER, code, names_of_members
from tidemill.contracts.organizations import (
    Answer,
    GivenRole,
    Invitations,
    NewOrganization,
    Organization,
    Organizations,
)
from tidemill.services.configstore import ConfigstoreService

pytestmark = pytest.mark.anyio


async def test_invitations_are_settled(
    organizations: Organizations, invitations: Invitations, acme: Organization, people: ConfigstoreService
) -> None:
    """By an answer, or because the user was added meanwhile; nobody is invited twice."""
    bob, carol = await people.user("bob"), await people.user("carol")
    await invitations.invite("acme", "bob", MEMBER)
    assert await code(invitations.invite("acme", "bob", OWNER)) == "invitationAlreadyExists"
    assert await code(invitations.invite("acme", "alice", OWNER)) == "orgMemberAlreadyExists"
    assert await code(invitations.invite("acme", "bob", GivenRole(role="boss"))) == "invalidRole"
    assert await code(invitations.invite("acme", "none", OWNER)) == "userDoesNotExist"
    assert await code(invitations.invite("none", "bob", OWNER)) == "organizationDoesNotExist"
    await organizations.set_org_member("acme", "bob", OWNER)
    assert (await invitations.user_invitations("bob")).items == []
    await invitations.invite("acme", "carol", MEMBER)
    await invitations.answer_invitation("acme", carol.id, Answer(accept=False))
    assert await names_of_members(organizations) == [("alice", "owner"), ("bob", "owner")]
    for user in (bob.id, carol.id):
        again = invitations.answer_invitation("acme", user, Answer(accept=True))
        assert await code(again) == "invitationDoesNotExist"
    assert await code(invitations.invitation("acme", "carol")) == "invitationDoesNotExist"
    assert await code(invitations.withdraw_invitation("acme", "carol")) == "invitationDoesNotExist"


async def test_lists_come_in_pages(
    people: ConfigstoreService, organizations: Organizations, invitations: Invitations
) -> None:
    """Each by its names, in both directions, from where the last page ended."""
    for name, user in (("a", "alice"), ("b", "bob"), ("c", "carol")):
        await organizations.create_org(NewOrganization(name=name))
        await organizations.set_org_member(name, "bob", MEMBER)
        if name != "a":
            await organizations.set_org_member("b", user, OWNER)
    await organizations.set_org_member("b", "alice", OWNER)
    for name, user in (("a", "alice"), ("a", "carol"), ("c", "carol")):
        await invitations.invite(name, user, MEMBER)

    first = await organizations.orgs(limit=2)
    assert ([org.name for org in first.items], first.cursor) == (["a", "b"], "b")
    last = await organizations.orgs(after="b", limit=2)
    assert ([org.name for org in last.items], last.cursor) == (["c"], "")
    members = await organizations.org_members("b", limit=1, ascending=False)
    assert ([one.user.name for one in members.items], members.cursor) == (["carol"], "carol")
    members = await organizations.org_members("b", after="carol", ascending=False)
    assert [one.user.name for one in members.items] == ["bob", "alice"]
    orgs = await organizations.user_orgs("bob", after="a", limit=1)
    assert ([one.organization.name for one in orgs.items], orgs.cursor) == (["b"], "b")
    invited = await invitations.org_invitations("a", limit=1)
    assert ([one.user.name for one in invited.items], invited.cursor) == (["alice"], "alice")
    asked = await invitations.user_invitations("carol", after="a")
    assert [one.organization.name for one in asked.items] == ["c"]


async def test_of_many_changes_at_once_none_is_torn(
    organizations: Organizations, invitations: Invitations, acme: Organization, people: ConfigstoreService
) -> None:
    """Nobody is a member and invited, however an addition and an invitation meet; one name is given once."""
    for _ in range(5):
        await asyncio.gather(
            *(organizations.set_org_member("acme", "bob", MEMBER) for _ in range(3)),
            *(invitations.invite("acme", "bob", OWNER) for _ in range(3)),
            return_exceptions=True,
        )
        assert ("bob", "member") in await names_of_members(organizations)
        assert (await invitations.org_invitations("acme")).items == []
        await organizations.remove_org_member("acme", "bob")
    made = await asyncio.gather(
        *(organizations.create_org(NewOrganization(name="one")) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(one, Organization) for one in made) == 1
