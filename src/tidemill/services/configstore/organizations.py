"""Organizations and their members: each use case is one transaction or one snapshot."""

from collections.abc import Callable
from datetime import datetime

from tidemill.contracts.configstore import ProjectIds
from tidemill.contracts.organizations import (
    GivenRole,
    Member,
    Membership,
    NewOrganization,
    Organization,
    Organizations,
    OrganizationUpdate,
)
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.contract import Page
from tidemill.kit.db import AnyRow, Database, Snapshot, Transaction
from tidemill.services.configstore import finding, showing, showing_organizations
from tidemill.services.configstore.noting import an_org, given, note, of_org
from tidemill.services.configstore.paging import beyond, page
from tidemill.services.configstore.regrouping import hold_below
from tidemill.services.configstore.store import groups, invitations, organizations, users


class OrganizationKeeper(Organizations):
    """Keeps organizations, each with its root group, and who belongs to them."""

    def __init__(self, db: Database, *, clock: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._db = db
        self._clock = clock
        self._new_id = new_id

    async def create_org(self, request: NewOrganization) -> Organization:
        name, visibility = request.name, request.visibility
        if not is_valid_name(name):
            raise BadRequest(
                f"{name!r} cannot be an organization's name: {NAME_RULE}", code="invalidOrganizationName"
            )
        finding.check_visibility(visibility, "invalidVisibility")
        new_id, root, now = self._new_id(), self._new_id(), self._clock()

        async def add(tx: Transaction) -> AnyRow:
            if request.creator and not await users.hold(tx, request.creator):
                raise NotFound(f"user {request.creator!r} does not exist", code="creatorUserDoesNotExist")
            if not await organizations.add(tx, id=new_id, name=name, visibility=visibility, now=now):
                raise BadRequest(
                    f"there is an organization {name!r} already", code="organizationAlreadyExists"
                )
            await groups.add_root(tx, id=root, kind="org", owner=new_id, visibility=visibility, now=now)
            if request.creator:
                await organizations.set_member(tx, new_id, request.creator, "owner", now)
            made = await finding.org(tx, new_id)
            await note(tx, now, "org.create", an_org(made))
            return made

        return showing_organizations.organization(await self._db.do(add))

    async def org(self, ref: str) -> Organization:
        return showing_organizations.organization(await self._db.read(lambda tx: finding.org(tx, ref)))

    async def orgs(
        self, after: str = "", limit: int = 30, ascending: bool = True, only_public: bool = False
    ) -> Page[Organization]:
        rows = await self._db.read(
            lambda tx: organizations.listed(
                tx, after=after, limit=beyond(limit), ascending=ascending, only_public=only_public
            )
        )
        return page(rows, limit, showing_organizations.organization, lambda org: org.name)

    async def update_org(self, ref: str, request: OrganizationUpdate) -> Organization:
        if request.visibility is not None:
            finding.check_visibility(request.visibility, "invalidVisibility")
        now = self._clock()

        async def change(tx: Transaction) -> AnyRow:
            row = await finding.held_org(tx, ref)
            if request.visibility in (None, row.visibility):
                return row
            await organizations.show_to(tx, row.id, request.visibility)
            await note(tx, now, "org.update", an_org(row), given(request))
            return await finding.org(tx, row.id)

        return showing_organizations.organization(await self._db.do(change))

    async def delete_org(self, ref: str, request: ProjectIds | None = None) -> None:
        now = self._clock()

        async def remove(tx: Transaction) -> None:
            row = await finding.held_org(tx, ref)
            root = await groups.root_of(tx, "org", row.name)
            if request is not None and root is not None:
                await hold_below(tx, root, frozenset(request.projects))
            await organizations.remove(tx, row.id)
            await note(tx, now, "org.delete", an_org(row))

        await self._db.do(remove)

    async def org_members(
        self, ref: str, after: str = "", limit: int = 30, ascending: bool = True
    ) -> Page[Member]:
        async def find(tx: Snapshot) -> list[AnyRow]:
            row = await finding.org(tx, ref)
            return await organizations.members(
                tx, row.id, after=after, limit=beyond(limit), ascending=ascending
            )

        return page(
            await self._db.read(find), limit, showing_organizations.member, lambda member: member.user.name
        )

    async def set_org_member(self, ref: str, user: str, request: GivenRole) -> Member:
        now = self._clock()

        async def put(tx: Transaction) -> Member:
            org = await finding.held_org(tx, ref)
            row = await finding.held_user(tx, user)
            role = finding.role(request.role)
            await organizations.set_member(tx, org.id, row.id, role, now)
            await invitations.remove(tx, org.id, row.id)
            await note(tx, now, "member.set", of_org("member", org, row), (role,))
            return Member(user=showing.user(row), role=role)

        return await self._db.do(put)

    async def remove_org_member(self, ref: str, user: str) -> None:
        now = self._clock()

        async def remove(tx: Transaction) -> None:
            org, row = await finding.org(tx, ref), await finding.user(tx, user)
            if not await organizations.remove_member(tx, org.id, row.id):
                raise NotFound(
                    f"user {row.name!r} does not belong to {org.name!r}", code="orgMemberDoesNotExist"
                )
            await note(tx, now, "member.remove", of_org("member", org, row))

        await self._db.do(remove)

    async def user_orgs(
        self, ref: str, after: str = "", limit: int = 30, ascending: bool = True
    ) -> Page[Membership]:
        async def find(tx: Snapshot) -> list[AnyRow]:
            row = await finding.user(tx, ref)
            return await organizations.of_user(
                tx, row.id, after=after, limit=beyond(limit), ascending=ascending
            )

        return page(
            await self._db.read(find),
            limit,
            showing_organizations.membership,
            lambda one: one.organization.name,
        )
