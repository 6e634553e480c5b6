"""Organizations, their members and invitations, as the public API shows them."""

from typing import Unpack

import msgspec

from tidemill.contracts.gateway.lists import ListQuery
from tidemill.contracts.gateway.users import UserResponse
from tidemill.kit.contract import Contract, Page, Paged, delete, get, post, put


class CreateOrgRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An organization to create; who asks becomes its first owner."""

    name: str = ""
    visibility: str = ""


class UpdateOrgRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Changes to an organization; what is left out or null stays as it is."""

    visibility: str | None = None


class OrgResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An organization."""

    id: str
    name: str
    visibility: str


class OrgMemberResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who belongs to an organization."""

    user: UserResponse
    role: str


class OrgMembersResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An organization and one page of its members."""

    organization: OrgResponse
    members: tuple[OrgMemberResponse, ...]


class AddOrgMemberRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a user is to be in an organization: `owner` or `member`."""

    role: str = ""


class AddOrgMemberResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What a user is in an organization from now on."""

    organization: OrgResponse
    user: UserResponse
    role: str


class UserOrgResponse(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """An organization that the caller belongs to; these keys are written as in Go."""

    organization: OrgResponse
    role: str


class CreateOrgInvitationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A user to invite, by id or name, and what they are to be."""

    user_ref: str = ""
    role: str = ""


class OrgInvitationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation."""

    id: str
    user_ref: str
    """The invited user's id."""
    organization_id: str
    organization_name: str


class ListedOrgInvitationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation of a list of an organization: as Agola stores it, and as it shows it elsewhere."""

    id: str
    creation_time: str = msgspec.field(name="creationTime")
    update_time: str = msgspec.field(name="updateTime")
    user_id: str
    user_ref: str
    """The same id."""
    organization_id: str
    organization_name: str
    role: str


class OrgInvitationActionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the invited user says: `accept` or `reject`."""

    action_type: str = ""


class OrgRoutes(Contract):
    """Organizations and their members. An *orgref* is an id or a name."""

    @get("/orgs/{orgref}")
    async def org(self, orgref: str) -> OrgResponse:
        """404 `organizationDoesNotExist`, also when it is private and the caller does not belong to it."""

    @get("/orgs")
    async def orgs(self, **wanted: Unpack[ListQuery]) -> Page[OrgResponse]:
        """By name: the public ones, for administrators all."""

    @post("/orgs", status=201)
    async def create_org(self, request: CreateOrgRequest) -> OrgResponse:
        """400 `invalidOrganizationName`, `invalidVisibility`, `organizationAlreadyExists`."""

    @put("/orgs/{orgref}")
    async def update_org(self, orgref: str, request: UpdateOrgRequest) -> OrgResponse:
        """For its owners; what is private of it is private from then on."""

    @delete("/orgs/{orgref}", status=204)
    async def delete_org(self, orgref: str) -> None:
        """For its owners; with members, invitations, groups, projects, repositories; open runs are ended."""

    @get("/orgs/{orgref}/members")
    async def org_members(self, orgref: str, **wanted: Unpack[ListQuery]) -> Paged[OrgMembersResponse]:
        """By the user's name."""

    @put("/orgs/{orgref}/members/{userref}")
    async def add_org_member(
        self, orgref: str, userref: str, request: AddOrgMemberRequest
    ) -> AddOrgMemberResponse:
        """For its owners, to change a role too; 400 `cannotAddUserToOrganization` where users are invited."""

    @delete("/orgs/{orgref}/members/{userref}", status=204)
    async def remove_org_member(self, orgref: str, userref: str) -> None:
        """For its owners; 404 `orgMemberDoesNotExist`."""

    @get("/user/orgs")
    async def user_orgs(self, **wanted: Unpack[ListQuery]) -> Page[UserOrgResponse]:
        """What the caller belongs to, by the organization's name."""


class OrgInvitationRoutes(Contract):
    """Invitations to organizations."""

    @get("/orgs/{orgref}/invitations")
    async def org_invitations(
        self, orgref: str, **wanted: Unpack[ListQuery]
    ) -> Page[ListedOrgInvitationResponse]:
        """For its owners; by the user's name, all at once unless *limit* says otherwise."""

    @post("/orgs/{orgref}/invitations", status=201)
    async def create_org_invitation(
        self, orgref: str, request: CreateOrgInvitationRequest
    ) -> OrgInvitationResponse:
        """For its owners; 400 `cannotCreateInvitation` where users are added without being asked."""

    @get("/orgs/{orgref}/invitations/{userref}")
    async def org_invitation(self, orgref: str, userref: str) -> OrgInvitationResponse:
        """404 `invitationDoesNotExist`."""

    @delete("/orgs/{orgref}/invitations/{userref}", status=204)
    async def delete_org_invitation(self, orgref: str, userref: str) -> None:
        """For its owners; 404 `invitationDoesNotExist`."""

    @get("/user/org_invitations")
    async def user_org_invitations(self, **wanted: Unpack[ListQuery]) -> Page[OrgInvitationResponse]:
        """Those of the caller, by the organization's name, all at once unless *limit* says otherwise."""

    @put("/user/org_invitations/{orgref}/actions")
    async def user_org_invitation_action(self, orgref: str, request: OrgInvitationActionRequest) -> None:
        """Accept or reject; 404 `invitationDoesNotExist`."""
