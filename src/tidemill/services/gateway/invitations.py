"""Invitations to organizations, of the public API."""

from typing import Unpack

from tidemill.contracts.gateway.lists import ListQuery
from tidemill.contracts.gateway.organizations import (
    CreateOrgInvitationRequest,
    ListedOrgInvitationResponse,
    OrgInvitationActionRequest,
    OrgInvitationResponse,
    OrgInvitationRoutes,
)
from tidemill.contracts.organizations import Answer, GivenRole, Invitation, Invitations, Organizations
from tidemill.core.permissions import Action, Thing
from tidemill.errors import BadRequest, Internal
from tidemill.kit.contract import Page, current_call
from tidemill.kit.go_json import go_time
from tidemill.services.gateway.door import current_caller
from tidemill.services.gateway.organizations import found_org
from tidemill.services.gateway.paging import NamesPage, names_page
from tidemill.settings import MemberAddingMode

#: How many are listed at once. Agola lists all of them, and gives no cursor to go on with.
_LONGEST_PAGE = 1000


class OrgInvitations(OrgInvitationRoutes):
    """Invitations, for the owners of organizations and for who is invited."""

    def __init__(
        self, invitations: Invitations, organizations: Organizations, adding_mode: MemberAddingMode
    ) -> None:
        self._invitations = invitations
        self._organizations = organizations
        self._adding_mode = adding_mode

    async def org_invitations(
        self, orgref: str, **wanted: Unpack[ListQuery]
    ) -> Page[ListedOrgInvitationResponse]:
        names = _names(wanted)
        org = await found_org(self._organizations, orgref, Action.MANAGE_INVITATIONS)
        page = await self._invitations.org_invitations(org.id, names.after, names.limit, names.ascending)
        return Page([_listed(one) for one in page.items], names.cursor(page.cursor))

    async def create_org_invitation(
        self, orgref: str, request: CreateOrgInvitationRequest
    ) -> OrgInvitationResponse:
        caller = current_caller()
        caller.require(Action.MANAGE_INVITATIONS, Thing(owner=caller.actor.user_id, is_public=True))
        if self._adding_mode != "invitation":
            raise BadRequest(
                "here users are added to organizations and not invited; add them as members",
                code="cannotCreateInvitation",
            )
        if not request.user_ref:
            raise BadRequest("user_ref is empty; name who is invited")
        if request.role not in ("owner", "member"):
            raise BadRequest(f"role {request.role!r} is neither owner nor member", code="invalidRole")
        org = await found_org(self._organizations, orgref, Action.MANAGE_INVITATIONS)
        try:
            made = await self._invitations.invite(org.id, request.user_ref, GivenRole(role=request.role))
        except BadRequest as error:
            if error.code == "orgMemberAlreadyExists" and not current_call().accept:
                raise Internal(error.message) from error  # what Agola's own client gets, and expects
            raise
        return _shown(made)

    async def org_invitation(self, orgref: str, userref: str) -> OrgInvitationResponse:
        org = await found_org(self._organizations, orgref, Action.VIEW_INVITATION)
        return _shown(await self._invitations.invitation(org.id, userref))

    async def delete_org_invitation(self, orgref: str, userref: str) -> None:
        org = await found_org(self._organizations, orgref, Action.MANAGE_INVITATIONS)
        await self._invitations.withdraw_invitation(org.id, userref)

    async def user_org_invitations(self, **wanted: Unpack[ListQuery]) -> Page[OrgInvitationResponse]:
        names, caller = _names(wanted), current_caller()
        caller.require(Action.VIEW_SELF)
        page = await self._invitations.user_invitations(
            caller.actor.user_id, names.after, names.limit, names.ascending
        )
        return Page([_shown(one) for one in page.items], names.cursor(page.cursor))

    async def user_org_invitation_action(self, orgref: str, request: OrgInvitationActionRequest) -> None:
        if request.action_type not in ("accept", "reject"):
            raise BadRequest(f"action_type {request.action_type!r} is neither accept nor reject")
        caller = current_caller()
        caller.require(Action.ANSWER_INVITATION)
        answer = Answer(accept=request.action_type == "accept")
        await self._invitations.answer_invitation(orgref, caller.actor.user_id, answer)


def _names(wanted: ListQuery) -> NamesPage:
    return names_page(wanted, longest=_LONGEST_PAGE)


def _shown(invitation: Invitation) -> OrgInvitationResponse:
    return OrgInvitationResponse(
        id=invitation.id,
        user_ref=invitation.user.id,
        organization_id=invitation.organization.id,
        organization_name=invitation.organization.name,
    )


def _listed(invitation: Invitation) -> ListedOrgInvitationResponse:
    created = go_time(invitation.created_at) or ""
    return ListedOrgInvitationResponse(
        id=invitation.id,
        creation_time=created,
        update_time=created,
        user_id=invitation.user.id,
        user_ref=invitation.user.id,
        organization_id=invitation.organization.id,
        organization_name=invitation.organization.name,
        role=invitation.role,
    )
