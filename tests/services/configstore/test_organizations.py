"""Organizations: who belongs to them, who is invited, what is theirs, and what goes with them."""

from collections.abc import AsyncIterator
from typing import cast

import pytest

from tests.kit.probe import client, running
from tidemill.contracts.configstore import (
    NewProject,
    NewProjectGroup,
    NewToken,
    ProjectGroupUpdate,
    ProjectIds,
    ProjectUpdate,
    TokenCheck,
)
from tidemill.contracts.organizations import (
    Answer,
    GivenRole,
    Invitations,
    NewOrganization,
    Organization,
    Organizations,
    OrganizationUpdate,
)
from tidemill.errors import Failure
from tidemill.kit.carriers import coded, direct
from tidemill.kit.connect import connect
from tidemill.kit.contract import endpoints
from tidemill.kit.http import make_app
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.configstore.service import PREFIX

pytestmark = pytest.mark.anyio

OWNER = GivenRole(role="owner")
MEMBER = GivenRole(role="member")


async def code(call: object) -> str:
    """The code that a call fails with."""
    with pytest.raises(Failure) as caught:
        await call  # type: ignore[misc]
    return caught.value.code


async def names_of_members(organizations: Organizations, ref: str = "acme") -> list[tuple[str, str]]:
    page = await organizations.org_members(ref, limit=0)
    return [(member.user.name, member.role) for member in page.items]


class Everything(Organizations, Invitations):
    """Both contracts."""


@pytest.fixture(params=["direct", "coded", "http"])
async def asked(request: pytest.FixtureRequest, people: ConfigstoreService) -> AsyncIterator[Everything]:
    """The configstore as another service sees it."""
    if request.param == "http":
        async with running(make_app(people.routes())) as url, client(url) as http:
            yield connect(Everything, http, PREFIX)
        return
    carry = direct if request.param == "direct" else coded
    faces = people.faces()
    both = carry(Organizations, cast("Organizations", faces[Organizations]))
    rest = carry(Invitations, cast("Invitations", faces[Invitations]))
    for endpoint in endpoints(Invitations):
        setattr(both, endpoint.name, getattr(rest, endpoint.name))
    yield cast("Everything", both)


async def test_a_story_with_every_call(people: ConfigstoreService, asked: Everything) -> None:
    """It is made, shown, joined, left and removed, the same over each carrier."""
    alice, bob, carol = [await people.user(name) for name in ("alice", "bob", "carol")]
    acme = await asked.create_org(NewOrganization(name="acme", visibility="private", creator=alice.id))
    assert await asked.org("acme") == await asked.org(acme.id) == acme
    assert (await asked.orgs()).items == [acme]
    assert (await asked.orgs(only_public=True)).items == []
    acme = await asked.update_org("acme", OrganizationUpdate(visibility="public"))
    assert (await asked.orgs(only_public=True)).items == [acme]
    added = await asked.set_org_member("acme", "bob", MEMBER)
    assert (added.user.id, added.role) == (bob.id, "member")
    invited = await asked.invite("acme", "carol", OWNER)
    assert (invited.user.id, invited.organization, invited.role) == (carol.id, acme, "owner")
    assert await asked.invitation(acme.id, carol.id) == invited
    assert (await asked.org_invitations("acme")).items == [invited]
    assert (await asked.user_invitations("carol")).items == [invited]
    await asked.answer_invitation("acme", carol.id, Answer(accept=True))
    members = (await asked.org_members("acme")).items
    assert [(one.user.name, one.role) for one in members] == [
        ("alice", "owner"),
        ("bob", "member"),
        ("carol", "owner"),
    ]
    (membership,) = (await asked.user_orgs("carol")).items
    assert (membership.organization, membership.role) == (acme, "owner")
    await asked.remove_org_member("acme", "bob")
    await asked.invite("acme", "bob", MEMBER)
    await asked.withdraw_invitation("acme", "bob")
    made = await people.create_project(NewProject(name="hello", parent="org/acme"))
    assert await code(asked.delete_org("acme", ProjectIds(projects=("another",)))) == "projectGroupChanged"
    await asked.delete_org("acme", ProjectIds(projects=(made.id,)))
    assert await code(asked.org("acme")) == "organizationDoesNotExist"


def test_the_story_leaves_no_call_out() -> None:
    """Each endpoint is named in it."""
    told = set(test_a_story_with_every_call.__code__.co_names)
    assert {endpoint.name for endpoint in endpoints(Everything)} <= told


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (NewOrganization(name="a_b", visibility="odd"), "invalidOrganizationName"),
        (NewOrganization(name="6ba7b810-9dad-11d1-80b4-00c04fd430c8"), "invalidOrganizationName"),
        (NewOrganization(name="acme", visibility="odd"), "invalidVisibility"),
        (NewOrganization(name="acme"), "organizationAlreadyExists"),
        (NewOrganization(name="other", creator="6ba7b810"), "creatorUserDoesNotExist"),
    ],
)
async def test_a_wrong_organization_is_refused(
    organizations: Organizations, acme: Organization, request_: NewOrganization, expected: str
) -> None:
    """In the reference's order, and nothing of it stays."""
    assert await code(organizations.create_org(request_)) == expected
    assert (await organizations.orgs()).items == [acme]


async def test_an_organization_and_a_user_may_have_one_name(
    people: ConfigstoreService, organizations: Organizations
) -> None:
    """Their paths differ in the first element."""
    org = await organizations.create_org(NewOrganization(name="alice"))
    theirs, hers = await people.project_group("org/alice"), await people.project_group("user/alice")
    assert (theirs.owner_kind, theirs.owner) == ("org", org.id)
    assert (hers.owner_kind, hers.owner) == ("user", (await people.user("alice")).id)


async def test_projects_stand_in_organizations(people: ConfigstoreService, acme: Organization) -> None:
    """At any depth, by path and by id, and know whose they are."""
    await people.create_project_group(NewProjectGroup(name="tools", parent="org/acme"))
    made = await people.create_project(
        NewProject(name="hello", parent="org/acme/tools", members_can_perform_run_actions=True)
    )
    assert made == await people.project("org/acme/tools/hello") == await people.project(made.id)
    assert (made.path, made.owner, made.owner_kind) == ("org/acme/tools/hello", acme.id, "org")
    assert made.members_can_perform_run_actions
    assert await code(people.project("org/none/hello")) == "organizationDoesNotExist"
    assert await code(people.project("org/acme/none")) == "projectDoesNotExist"
    assert await code(people.project_group("org/acme/none")) == "projectGroupDoesNotExist"


async def test_a_project_moves_between_owners(people: ConfigstoreService, acme: Organization) -> None:
    """It takes its owner's side; what only members of an organization can have does not come along."""
    made = await people.create_project(NewProject(name="hello", parent="user/alice"))
    moved = await people.update_project(made.id, ProjectUpdate(parent="org/acme"))
    assert (moved.path, moved.owner, moved.owner_kind) == ("org/acme/hello", acme.id, "org")
    await people.update_project(made.id, ProjectUpdate(members_can_perform_run_actions=True))
    refused = "cannotSetMembersCanPerformRunActionsOnUserProject"
    assert await code(people.update_project(made.id, ProjectUpdate(parent="user/alice"))) == refused
    back = ProjectUpdate(parent="user/alice", members_can_perform_run_actions=False)
    assert (await people.update_project(made.id, back)).path == "user/alice/hello"


async def test_a_group_moves_between_owners(people: ConfigstoreService, acme: Organization) -> None:
    """With all that is in it; not to a user while members may act on the runs of anything in it."""
    group = await people.create_project_group(NewProjectGroup(name="tools", parent="org/acme"))
    inner = await people.create_project_group(NewProjectGroup(name="inner", parent=group.id))
    made = await people.create_project(
        NewProject(name="hello", parent=inner.id, members_can_perform_run_actions=True)
    )
    home = ProjectGroupUpdate(parent="user/alice")
    refused = "cannotSetMembersCanPerformRunActionsOnUserProject"
    assert await code(people.update_project_group(group.id, home)) == refused
    await people.update_project(made.id, ProjectUpdate(members_can_perform_run_actions=False))
    assert (await people.update_project_group(group.id, home)).owner_kind == "user"
    moved = await people.project(made.id)
    assert (moved.path, moved.owner_kind) == ("user/alice/tools/inner/hello", "user")
    back = await people.update_project_group(group.id, ProjectGroupUpdate(parent="org/acme"))
    assert (back.path, back.owner) == ("org/acme/tools", acme.id)


async def test_nothing_of_a_private_organization_is_public(
    people: ConfigstoreService, organizations: Organizations, acme: Organization
) -> None:
    """Its root group follows its visibility; what else is said below stays."""
    made = await people.create_project(NewProject(name="hello", parent="org/acme"))
    assert made.global_visibility == "public"
    await organizations.update_org("acme", OrganizationUpdate(visibility="private"))
    root = await people.project_group("org/acme")
    assert (root.visibility, root.global_visibility) == ("private", "private")
    hidden = await people.project(made.id)
    assert (hidden.visibility, hidden.global_visibility) == ("public", "private")
    await organizations.update_org("acme", OrganizationUpdate(visibility="public"))
    assert await people.project(made.id) == made
    assert await code(organizations.update_org("acme", OrganizationUpdate(visibility="odd"))) == (
        "invalidVisibility"
    )
    assert await organizations.update_org("acme", OrganizationUpdate()) == acme


async def test_the_private_root_of_an_organization_is_private(
    people: ConfigstoreService, organizations: Organizations
) -> None:
    """From the beginning."""
    await organizations.create_org(NewOrganization(name="secret", visibility="private"))
    assert (await people.project_group("org/secret")).visibility == "private"


async def test_a_token_tells_what_its_user_belongs_to(
    people: ConfigstoreService, organizations: Organizations, acme: Organization
) -> None:
    """As of now: who is removed belongs to nothing at the next check."""
    other = await organizations.create_org(NewOrganization(name="other"))
    token = (await people.create_token("bob", NewToken(name="t"))).token

    async def memberships() -> dict[str, str]:
        return dict((await people.user_of_token(TokenCheck(token=token))).memberships)

    assert await memberships() == {}
    await organizations.set_org_member("acme", "bob", OWNER)
    await organizations.set_org_member("other", "bob", MEMBER)
    assert await memberships() == {acme.id: "owner", other.id: "member"}
    await organizations.set_org_member("acme", "bob", MEMBER)
    await organizations.remove_org_member("other", "bob")
    assert await memberships() == {acme.id: "member"}
    await organizations.delete_org("acme")
    assert await memberships() == {}


async def test_members_are_changed(organizations: Organizations, acme: Organization) -> None:
    """Twice is once, the last owner may go, and what is not there has the reference's code."""
    for _ in range(2):
        await organizations.set_org_member("acme", "bob", MEMBER)
    assert await names_of_members(organizations) == [("alice", "owner"), ("bob", "member")]
    await organizations.remove_org_member("acme", "alice")
    assert await names_of_members(organizations) == [("bob", "member")]
    assert await code(organizations.remove_org_member("acme", "alice")) == "orgMemberDoesNotExist"
    assert await code(organizations.remove_org_member("acme", "nobody")) == "userDoesNotExist"
    assert await code(organizations.remove_org_member("none", "bob")) == "organizationDoesNotExist"
    assert await code(organizations.set_org_member("none", "none", OWNER)) == "organizationDoesNotExist"
    assert await code(organizations.set_org_member("acme", "none", GivenRole(role=""))) == "userDoesNotExist"
    assert await code(organizations.set_org_member("acme", "bob", GivenRole(role="boss"))) == "invalidRole"


async def test_an_organization_goes_with_all_it_has(
    people: ConfigstoreService, organizations: Organizations, invitations: Invitations, acme: Organization
) -> None:
    """Members, invitations, groups and projects; its name may be given again."""
    await people.create_project_group(NewProjectGroup(name="tools", parent="org/acme"))
    made = await people.create_project(NewProject(name="hello", parent="org/acme/tools"))
    await invitations.invite("acme", "bob", MEMBER)
    assert (await people.projects_below("org/acme")).projects == (made.id,)
    await organizations.delete_org("acme")
    assert await code(people.project(made.id)) == "projectDoesNotExist"
    assert await code(people.project_group("org/acme")) == "organizationDoesNotExist"
    assert (await organizations.user_orgs("alice")).items == []
    assert (await invitations.user_invitations("bob")).items == []
    assert await code(organizations.delete_org("acme")) == "organizationDoesNotExist"
    await organizations.create_org(NewOrganization(name="acme"))
    assert await names_of_members(organizations) == []


async def test_a_user_goes_with_memberships_and_invitations(
    people: ConfigstoreService, organizations: Organizations, invitations: Invitations, acme: Organization
) -> None:
    """The organization stays, even without anybody."""
    await invitations.invite("acme", "bob", MEMBER)
    for name in ("alice", "bob"):
        await people.delete_user(name)
    assert await names_of_members(organizations) == []
    assert (await invitations.org_invitations("acme")).items == []
    assert await organizations.org("acme") == acme


async def test_references_to_organizations_are_ids_or_names(
    organizations: Organizations, acme: Organization
) -> None:
    """What can be neither is not asked of the database."""
    for ref in ("", "a_b", "a\0b", "x" * 100, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"):
        assert await code(organizations.org(ref)) == "organizationDoesNotExist"
