"""What may be asked of the configstore about organizations, who belongs to them, and who is invited."""

from datetime import datetime

import msgspec

from tidemill.contracts.configstore import MOST_IDS, ProjectIds, User, Visibility
from tidemill.core.permissions import MemberRole
from tidemill.kit.contract import Contract, Page, PageLimit, delete, get, post, put


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """People who own projects together; nothing of a private one is public."""

    id: str
    name: str
    visibility: Visibility


class NewOrganization(msgspec.Struct, frozen=True, kw_only=True):
    """An organization to create, with its root project group."""

    name: str
    visibility: str = "public"
    creator: str = ""
    """The id of the user who becomes its first owner; without one it has no members."""


class OrganizationUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Changes to an organization; None leaves as it is."""

    visibility: str | None = None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who belongs to an organization."""

    user: User
    role: MemberRole


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """An organization that someone belongs to."""

    organization: Organization
    role: MemberRole


class GivenRole(msgspec.Struct, frozen=True, kw_only=True):
    """What a user is to be in an organization: `owner` or `member`."""

    role: str


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """A user is asked to belong to an organization, and has not answered."""

    id: str
    user: User
    organization: Organization
    role: MemberRole
    created_at: datetime


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the invited user says."""

    accept: bool


class Organizations(Contract):
    """Organizations and their members. A *ref* is an id or a name."""

    @post("/orgs", status=201)
    async def create_org(self, request: NewOrganization) -> Organization:
        """400 as listed, 404 `creatorUserDoesNotExist`.

        `invalidOrganizationName`, `invalidVisibility`, `organizationAlreadyExists`.
        """

    @get("/orgs/{ref}")
    async def org(self, ref: str) -> Organization:
        """404 `organizationDoesNotExist`."""

    @get("/orgs")
    async def orgs(
        self, after: str = "", limit: PageLimit = 30, ascending: bool = True, only_public: bool = False
    ) -> Page[Organization]:
        """By name, exclusive of *after*."""

    @put("/orgs/{ref}")
    async def update_org(self, ref: str, request: OrganizationUpdate) -> Organization:
        """400 `invalidVisibility`. Another visibility is that of its root project group too."""

    @post("/orgs/{ref}/removal", status=204, limit=MOST_IDS)
    async def delete_org(self, ref: str, request: ProjectIds | None = None) -> None:
        """With its members, invitations, groups and projects, if these are no others than *request* names.

        409 `projectGroupChanged` when there is another project.
        """

    @get("/orgs/{ref}/members")
    async def org_members(
        self, ref: str, after: str = "", limit: PageLimit = 30, ascending: bool = True
    ) -> Page[Member]:
        """By the user's name, exclusive of *after*."""

    @put("/orgs/{ref}/members/{user}")
    async def set_org_member(self, ref: str, user: str, request: GivenRole) -> Member:
        """Make a user belong to it, or change their role; an invitation of theirs is settled by that.

        404 `userDoesNotExist`, 400 `invalidRole`.
        """

    @delete("/orgs/{ref}/members/{user}", status=204)
    async def remove_org_member(self, ref: str, user: str) -> None:
        """404 `userDoesNotExist`, `orgMemberDoesNotExist`. The last owner may be removed too."""

    @get("/users/{ref}/orgs")
    async def user_orgs(
        self, ref: str, after: str = "", limit: PageLimit = 30, ascending: bool = True
    ) -> Page[Membership]:
        """What a user belongs to, by the organization's name, exclusive of *after*."""


class Invitations(Contract):
    """Invitations to organizations; each user has at most one to each."""

    @get("/orgs/{ref}/invitations")
    async def org_invitations(
        self, ref: str, after: str = "", limit: PageLimit = 30, ascending: bool = True
    ) -> Page[Invitation]:
        """By the user's name, exclusive of *after*; 404 `organizationDoesNotExist`."""

    @get("/users/{ref}/invitations")
    async def user_invitations(
        self, ref: str, after: str = "", limit: PageLimit = 30, ascending: bool = True
    ) -> Page[Invitation]:
        """By the organization's name, exclusive of *after*; 404 `userDoesNotExist`."""

    @get("/orgs/{ref}/invitations/{user}")
    async def invitation(self, ref: str, user: str) -> Invitation:
        """404 `organizationDoesNotExist`, `userDoesNotExist`, `invitationDoesNotExist`."""

    @post("/orgs/{ref}/invitations/{user}", status=201)
    async def invite(self, ref: str, user: str, request: GivenRole) -> Invitation:
        """404 as for one; 400 `invalidRole`, `orgMemberAlreadyExists`, `invitationAlreadyExists`."""

    @delete("/orgs/{ref}/invitations/{user}", status=204)
    async def withdraw_invitation(self, ref: str, user: str) -> None:
        """404 as for one."""

    @post("/orgs/{ref}/invitations/{user}/answer", status=204)
    async def answer_invitation(self, ref: str, user: str, request: Answer) -> None:
        """Accepted or not, it is settled; who accepts belongs to it in the role of the invitation."""
