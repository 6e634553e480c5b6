"""From what is stored of organizations to what their contracts show."""

from tidemill.contracts.configstore import User
from tidemill.contracts.organizations import Invitation, Member, Membership, Organization
from tidemill.kit.db import AnyRow
from tidemill.services.configstore import showing


def organization(row: AnyRow) -> Organization:
    """An organization as the contract shows it."""
    return Organization(id=row.id, name=row.name, visibility=row.visibility)


def member(row: AnyRow) -> Member:
    """A user's row with the role that they have."""
    return Member(user=showing.user(row), role=row.role)


def membership(row: AnyRow) -> Membership:
    """An organization's row with the role that a user has there."""
    return Membership(organization=organization(row), role=row.role)


def invitation(row: AnyRow) -> Invitation:
    """An invitation's row with the names of both sides."""
    return Invitation(
        id=row.id,
        user=User(id=row.user_id, name=row.user_name),
        organization=Organization(id=row.org_id, name=row.org_name, visibility=row.visibility),
        role=row.role,
        created_at=row.created_at,
    )
