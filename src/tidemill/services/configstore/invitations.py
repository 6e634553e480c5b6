"""Invitations to organizations: made, withdrawn, answered."""

from collections.abc import Callable
from datetime import datetime

from tidemill.contracts.organizations import Answer, GivenRole, Invitation, Invitations
from tidemill.errors import BadRequest, Failure, NotFound
from tidemill.kit.contract import Page
from tidemill.kit.db import AnyRow, Database, Snapshot, Transaction
from tidemill.services.configstore import finding, showing_organizations
from tidemill.services.configstore.noting import note, of_org
from tidemill.services.configstore.paging import beyond, page
from tidemill.services.configstore.store import invitations, organizations


class InvitationKeeper(Invitations):
    """Keeps invitations; none is there of someone who belongs to the organization already."""

    def __init__(self, db: Database, *, clock: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._db = db
        self._clock = clock
        self._new_id = new_id

    async def org_invitations(
        self, ref: str, after: str = "", limit: int = 30, ascending: bool = True
    ) -> Page[Invitation]:
        async def find(tx: Snapshot) -> list[AnyRow]:
            org = await finding.org(tx, ref)
            return await invitations.of_org(tx, org.id, after=after, limit=beyond(limit), ascending=ascending)

        return page(
            await self._db.read(find), limit, showing_organizations.invitation, lambda one: one.user.name
        )

    async def user_invitations(
        self, ref: str, after: str = "", limit: int = 30, ascending: bool = True
    ) -> Page[Invitation]:
        async def find(tx: Snapshot) -> list[AnyRow]:
            user = await finding.user(tx, ref)
            return await invitations.of_user(
                tx, user.id, after=after, limit=beyond(limit), ascending=ascending
            )

        return page(
            await self._db.read(find),
            limit,
            showing_organizations.invitation,
            lambda one: one.organization.name,
        )

    async def invitation(self, ref: str, user: str) -> Invitation:
        async def find(tx: Snapshot) -> Invitation:
            org, row = await finding.org(tx, ref), await finding.user(tx, user)
            return await _one(tx, org, row)

        return await self._db.read(find)

    async def invite(self, ref: str, user: str, request: GivenRole) -> Invitation:
        new_id, now = self._new_id(), self._clock()

        async def add(tx: Transaction) -> Invitation:
            role = finding.role(request.role)
            org = await finding.held_org(tx, ref)
            row = await finding.held_user(tx, user)
            if await organizations.is_member(tx, org.id, row.id):
                raise BadRequest(
                    f"user {row.name!r} belongs to {org.name!r} already", code="orgMemberAlreadyExists"
                )
            if not await invitations.add(tx, id=new_id, org_id=org.id, user_id=row.id, role=role, now=now):
                raise BadRequest(
                    f"user {row.name!r} is invited to {org.name!r} already", code="invitationAlreadyExists"
                )
            await note(tx, now, "invitation.create", of_org("invitation", org, row), (role,))
            return await _one(tx, org, row)

        return await self._db.do(add)

    async def withdraw_invitation(self, ref: str, user: str) -> None:
        now = self._clock()

        async def remove(tx: Transaction) -> None:
            org, row = await finding.org(tx, ref), await finding.user(tx, user)
            if not await invitations.remove(tx, org.id, row.id):
                raise _none(org, row)
            await note(tx, now, "invitation.delete", of_org("invitation", org, row))

        await self._db.do(remove)

    async def answer_invitation(self, ref: str, user: str, request: Answer) -> None:
        now = self._clock()

        async def settle(tx: Transaction) -> None:
            org = await finding.held_org(tx, ref)
            row = await finding.held_user(tx, user)
            found = await _one(tx, org, row)
            await invitations.remove(tx, org.id, row.id)
            if request.accept:
                await organizations.set_member(tx, org.id, row.id, found.role, now)
            answer = "accept" if request.accept else "reject"
            await note(tx, now, f"invitation.{answer}", of_org("invitation", org, row), (found.role,))

        await self._db.do(settle)


async def _one(tx: Snapshot, org: AnyRow, user: AnyRow) -> Invitation:
    found = await invitations.one(tx, org.id, user.id)
    if found is None:
        raise _none(org, user)
    return showing_organizations.invitation(found)


def _none(org: AnyRow, user: AnyRow) -> Failure:
    return NotFound(f"user {user.name!r} is not invited to {org.name!r}", code="invitationDoesNotExist")
