"""Organizations and their members, of the public API."""

from functools import partial
from typing import Unpack

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.lists import ListQuery
from tidemill.contracts.gateway.organizations import (
    AddOrgMemberRequest,
    AddOrgMemberResponse,
    CreateOrgRequest,
    OrgMemberResponse,
    OrgMembersResponse,
    OrgResponse,
    OrgRoutes,
    UpdateOrgRequest,
    UserOrgResponse,
)
from tidemill.contracts.gateway.users import UserResponse
from tidemill.contracts.organizations import (
    GivenRole,
    NewOrganization,
    Organization,
    Organizations,
    OrganizationUpdate,
)
from tidemill.core.permissions import Action, Thing
from tidemill.errors import BadRequest
from tidemill.kit.contract import Page, Paged
from tidemill.services.gateway.door import current_caller
from tidemill.services.gateway.paging import names_page
from tidemill.services.gateway.removing import Removing
from tidemill.settings import MemberAddingMode


class Orgs(OrgRoutes):
    """Organizations, for those who may see or change them."""

    def __init__(
        self,
        organizations: Organizations,
        configstore: Configstore,
        removing: Removing,
        adding_mode: MemberAddingMode,
    ) -> None:
        self._organizations = organizations
        self._configstore = configstore
        self._removing = removing
        self._adding_mode = adding_mode

    async def org(self, orgref: str) -> OrgResponse:
        return shown_org(await found_org(self._organizations, orgref, Action.VIEW_ORG))

    async def orgs(self, **wanted: Unpack[ListQuery]) -> Page[OrgResponse]:
        names, caller = names_page(wanted), current_caller()
        caller.require(Action.LIST_ORGS)
        page = await self._organizations.orgs(
            names.after, names.limit, names.ascending, only_public=not caller.actor.is_admin
        )
        return Page([shown_org(org) for org in page.items], names.cursor(page.cursor))

    async def create_org(self, request: CreateOrgRequest) -> OrgResponse:
        caller = current_caller()
        caller.require(Action.CREATE_ORG)
        made = await self._organizations.create_org(
            NewOrganization(name=request.name, visibility=request.visibility, creator=caller.actor.user_id)
        )
        return shown_org(made)

    async def update_org(self, orgref: str, request: UpdateOrgRequest) -> OrgResponse:
        org = await found_org(self._organizations, orgref, Action.CHANGE_ORG)
        update = OrganizationUpdate(visibility=request.visibility)
        return shown_org(await self._organizations.update_org(org.id, update))

    async def delete_org(self, orgref: str) -> None:
        org = await found_org(self._organizations, orgref, Action.CHANGE_ORG)
        await self._removing.with_all(
            partial(self._configstore.projects_below, f"org/{org.name}"),
            partial(self._organizations.delete_org, org.id),
        )

    async def org_members(self, orgref: str, **wanted: Unpack[ListQuery]) -> Paged[OrgMembersResponse]:
        names = names_page(wanted)
        org = await found_org(self._organizations, orgref, Action.VIEW_MEMBERS)
        page = await self._organizations.org_members(org.id, names.after, names.limit, names.ascending)
        members = tuple(
            OrgMemberResponse(
                user=UserResponse(id=member.user.id, username=member.user.name), role=member.role
            )
            for member in page.items
        )
        shown = OrgMembersResponse(organization=shown_org(org), members=members)
        return Paged(shown, names.cursor(page.cursor))

    async def add_org_member(
        self, orgref: str, userref: str, request: AddOrgMemberRequest
    ) -> AddOrgMemberResponse:
        if self._adding_mode == "invitation" and not current_caller().actor.is_admin:
            raise BadRequest(
                "here users are invited to organizations and not added; send an invitation",
                code="cannotAddUserToOrganization",
            )
        org = await self._organizations.org(orgref)
        user = await self._configstore.user(userref)
        current_caller().require(Action.CHANGE_MEMBERS, org_thing(org))
        made = await self._organizations.set_org_member(org.id, user.id, GivenRole(role=request.role))
        return AddOrgMemberResponse(
            organization=shown_org(org), user=UserResponse(id=user.id, username=user.name), role=made.role
        )

    async def remove_org_member(self, orgref: str, userref: str) -> None:
        org = await found_org(self._organizations, orgref, Action.CHANGE_MEMBERS)
        await self._organizations.remove_org_member(org.id, userref)

    async def user_orgs(self, **wanted: Unpack[ListQuery]) -> Page[UserOrgResponse]:
        names, caller = names_page(wanted), current_caller()
        caller.require(Action.VIEW_SELF)
        page = await self._organizations.user_orgs(
            caller.actor.user_id, names.after, names.limit, names.ascending
        )
        shown = [
            UserOrgResponse(organization=shown_org(one.organization), role=one.role) for one in page.items
        ]
        return Page(shown, names.cursor(page.cursor))


async def found_org(organizations: Organizations, ref: str, action: Action) -> Organization:
    """An organization that the caller may do *action* to."""
    org = await organizations.org(ref)
    current_caller().require(action, org_thing(org))
    return org


def org_thing(org: Organization) -> Thing:
    """An organization as permissions see it: it belongs to itself."""
    return Thing(owner=org.id, owner_kind="org", is_public=org.visibility == "public")


def shown_org(org: Organization) -> OrgResponse:
    """An organization as the public API shows it."""
    return OrgResponse(id=org.id, name=org.name, visibility=org.visibility)
