"""`tidemill org`: organizations and who belongs to them."""

import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tidemill.cli.client import Listed, Server, ask, complete
from tidemill.cli.output import show, show_done, show_listed, tabbed
from tidemill.cli.projects import Visibility
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.organizations import (
    AddOrgMemberRequest,
    CreateOrgInvitationRequest,
    CreateOrgRequest,
    OrgInvitationActionRequest,
    OrgMemberResponse,
    OrgResponse,
    UpdateOrgRequest,
)

app = App(name="org", help="Organizations, their members and invitations.")
member = App(name="member", help="Members of an organization.")
invitation = App(name="invitation", help="Invitations to organizations.")
app.command(member)
app.command(invitation)

Name = Annotated[str, Parameter(name=["--name", "-n"], help="The organization's name.")]
Org = Annotated[str, Parameter(name=["--org", "--orgname", "-n"], help="The organization's name.")]
User = Annotated[str, Parameter(name=["--user", "--username"], help="The user's name.")]
Role = Annotated[
    Literal["owner", "member"], Parameter(name=["--role", "-r"], help="What they are to be there.")
]
COLUMNS = {"NAME": "name", "VISIBILITY": "visibility", "ID": "id"}


@app.command
def create(
    name: Name,
    *,
    visibility: Annotated[Visibility, Parameter(help="Who sees it.")] = "public",
    server: Server = None,
    output: Listed = None,
) -> None:
    """Create an organization; you become its owner.

    For example: tidemill org create acme --visibility private
    """
    made = ask(server, lambda gateway: gateway.create_org(CreateOrgRequest(name=name, visibility=visibility)))
    show_done(f'organization "{made.name}" created, ID: {made.id}', made, output, columns=COLUMNS)


@app.command(name="list")
def list_orgs(*, server: Server = None, output: Listed = None) -> None:
    """List the public organizations, for administrators all.

    For example: tidemill org list
    """

    async def orgs(gateway: Gateway) -> list[OrgResponse]:
        async def page(cursor: str) -> tuple[list[OrgResponse], str]:
            answer = await gateway.orgs(cursor=cursor) if cursor else await gateway.orgs()
            return answer.items, answer.cursor

        return await complete(page)

    found = ask(server, orgs)
    lines = (f"{org.id}: Name: {org.name}" for org in found)
    show_listed(found, output, lines, columns=COLUMNS)


@app.command
def update(
    name: Name,
    *,
    visibility: Annotated[Visibility, Parameter(help="Who sees it.")],
    server: Server = None,
    output: Listed = None,
) -> None:
    """Show an organization to everybody, or to its members alone.

    For example: tidemill org update acme --visibility private
    """
    request = UpdateOrgRequest(visibility=visibility)
    made = ask(server, lambda gateway: gateway.update_org(name, request))
    show_done(f'organization "{made.name}" updated', made, output, columns=COLUMNS)


@app.command
def delete(name: Name, *, server: Server = None) -> None:
    """Delete an organization with all groups and projects in it.

    For example: tidemill org delete acme
    """
    ask(server, lambda gateway: gateway.delete_org(name))
    show_done(f'organization "{name}" deleted', None, None)


@member.command(name="add")
def add_member(
    org: Org, user: User, *, role: Role = "member", server: Server = None, output: Listed = None
) -> None:
    """Let a user belong to an organization, or change what they are there.

    For example: tidemill org member add acme bob --role owner
    """
    request = AddOrgMemberRequest(role=role)
    answer = ask(server, lambda gateway: gateway.add_org_member(org, user, request))
    row = {"user": answer.user.username, "role": answer.role}
    show_done(
        f'member "{user}" of organization "{org}" added with role {answer.role}',
        answer if output == "json" else row,
        output,
    )


@member.command(name="list")
def list_members(org: Org, *, server: Server = None, output: Listed = None) -> None:
    """List who belongs to an organization.

    For example: tidemill org member list acme
    """

    async def members(gateway: Gateway) -> list[OrgMemberResponse]:
        async def page(cursor: str) -> tuple[list[OrgMemberResponse], str]:
            asked = gateway.org_members(org, cursor=cursor) if cursor else gateway.org_members(org)
            answer = await asked
            return list(answer.body.members), answer.cursor

        return await complete(page)

    found = ask(server, members)
    if output == "json":
        show(found, output)
    elif output or sys.stdout.isatty():
        rows = [{"name": one.user.username, "role": one.role, "id": one.user.id} for one in found]
        show(rows, "table", columns={"NAME": "name", "ROLE": "role", "ID": "id"})
    else:
        sys.stdout.write("".join(tabbed(one) for one in found))


@member.command(name="remove")
def remove_member(org: Org, user: User, *, server: Server = None) -> None:
    """Let a user no longer belong to an organization.

    For example: tidemill org member remove acme bob
    """
    ask(server, lambda gateway: gateway.remove_org_member(org, user))
    show_done(f'member "{user}" of organization "{org}" removed', None, None)


@invitation.command(name="create")
def invite(
    org: Org, user: User, *, role: Role = "member", server: Server = None, output: Listed = None
) -> None:
    """Invite a user, where users are not just added.

    For example: tidemill org invitation create acme bob
    """
    request = CreateOrgInvitationRequest(user_ref=user, role=role)
    made = ask(server, lambda gateway: gateway.create_org_invitation(org, request))
    show_done(f'user "{user}" invited to organization "{org}"', made, output)


@invitation.command(name="list")
def list_invitations(
    org: Annotated[
        str,
        Parameter(name=["--org", "--orgname", "-n"], help="The organization's name; yours without one."),
    ] = "",
    *,
    server: Server = None,
    output: Listed = None,
) -> None:
    """List the open invitations of an organization, or those that you have got.

    For example: tidemill org invitation list acme
    """
    if org:
        listed = ask(server, lambda gateway: gateway.org_invitations(org)).items
        show(listed, output or "table", columns={"USER": "user_ref", "ROLE": "role", "ID": "id"})
        return
    mine = ask(server, lambda gateway: gateway.user_org_invitations()).items
    show(mine, output or "table", columns={"ORGANIZATION": "organization_name", "ID": "id"})


@invitation.command(name="delete")
def withdraw(org: Org, user: User, *, server: Server = None) -> None:
    """Take an invitation back.

    For example: tidemill org invitation delete acme bob
    """
    ask(server, lambda gateway: gateway.delete_org_invitation(org, user))
    show_done(f'invitation of "{user}" to organization "{org}" deleted', None, None)


@invitation.command
def accept(org: Org, *, server: Server = None) -> None:
    """Accept an invitation.

    For example: tidemill org invitation accept acme
    """
    _answer(org, "accept", server)


@invitation.command
def reject(org: Org, *, server: Server = None) -> None:
    """Refuse an invitation.

    For example: tidemill org invitation reject acme
    """
    _answer(org, "reject", server)


def _answer(org: str, action: Literal["accept", "reject"], server: Server) -> None:
    request = OrgInvitationActionRequest(action_type=action)
    ask(server, lambda gateway: gateway.user_org_invitation_action(org, request))
    show_done(f'invitation to organization "{org}" {action}ed', None, None)
