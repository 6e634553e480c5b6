"""Who may do what: one table, read by one function (reference, API 2.5)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

import msgspec

OwnerKind = Literal["user", "org"]
MemberRole = Literal["owner", "member"]


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: nobody known, a user, or the bearer of the admin token (admin without a user)."""

    user_id: str = ""
    is_admin: bool = False
    memberships: Mapping[str, MemberRole] = {}
    """What the user is in each organization they belong to, by the organization's id."""

    @property
    def is_logged(self) -> bool:
        """There is a user behind it."""
        return self.user_id != ""


ANONYMOUS = Actor()
ADMIN_TOKEN = Actor(is_admin=True)


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """What is acted on: whose it is, and whether everybody may see it."""

    owner: str
    """The id of the user or organization."""
    owner_kind: OwnerKind = "user"
    is_public: bool
    members_act: bool = False
    """Whether members of the organization may act on its runs."""


class Role(StrEnum):
    """What an actor is to a thing."""

    ANONYMOUS = "anonymous"
    STRANGER = "stranger"
    MEMBER = "member"
    """Belongs to the organization whose thing it is, and is no owner of it."""
    OWNER = "owner"
    ADMIN = "admin"
    """A user with the admin flag: logged, and owner of everything."""
    ADMIN_TOKEN = "admin token"  # noqa: S105 - a role, not a secret


class Action(StrEnum):
    """What can be asked for, as far as permission goes."""

    VIEW_GROUP = "view project group"
    CREATE_GROUP = "create project group"
    CHANGE_GROUP = "change project group"
    VIEW_PROJECT = "view project"
    CREATE_PROJECT = "create project"
    CHANGE_PROJECT = "change project"
    MANAGE_DELIVERIES = "see and repeat deliveries"
    USE_OWN_ACCOUNT = "use one's own account for a project"
    VIEW_SECRETS = "see names of secrets and variables"
    CHANGE_SECRETS = "change secrets and variables"
    VIEW_RUN = "view run"
    LIST_RUNS = "list runs"
    FOLLOW_ALL_RUNS = "follow all runs"
    CREATE_RUN = "create run"
    ACT_ON_RUN = "act on run"
    DELETE_KEPT = "delete what is kept of runs"
    APPROVE_TASK = "approve task"
    READ_REPOSITORY = "read repository"
    WRITE_REPOSITORY = "write repository"
    VIEW_USER = "view user"
    VIEW_SELF = "view oneself"
    LOG_OUT = "log out"
    LIST_USERS = "list users"
    CHANGE_USERS = "create and delete users"
    MANAGE_TOKENS = "manage tokens"
    MANAGE_SESSIONS = "see and end sessions"
    SET_PASSWORD = "set a password"  # noqa: S105 - an action, not a secret
    VIEW_ORG = "view organization"
    LIST_ORGS = "list organizations"
    CREATE_ORG = "create organization"
    CHANGE_ORG = "change organization"
    VIEW_MEMBERS = "see the members of an organization"
    CHANGE_MEMBERS = "change the members of an organization"
    VIEW_INVITATION = "see an invitation"
    MANAGE_INVITATIONS = "list, send and withdraw invitations"
    ANSWER_INVITATION = "answer an invitation"
    VIEW_REMOTE_SOURCE = "view remote source"
    CHANGE_REMOTE_SOURCES = "add, change and delete remote sources"
    LINK_ACCOUNT = "link an account"
    UNLINK_ACCOUNT = "unlink an account"
    MANAGE_KEYS = "manage keys of secrets"
    MANAGE_EXECUTORS = "manage executors"
    VIEW_AUDIT = "see the audit log"
    VIEW_AUDIT_OF = "see the audit log of this"


class Refusal(StrEnum):
    """How an action is refused."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    BAD_REQUEST = "bad request"
    HIDDEN = "hidden"
    """As if the organization did not exist."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Roles that may, and how the others are refused where it is not as usual."""

    public: frozenset[Role]
    private: frozenset[Role]
    refusals: dict[Role, Refusal] = {}
    """Without an entry nobody known is UNAUTHORIZED and everybody else FORBIDDEN."""
    is_hiding: bool = False
    """Strangers to an organization are told that what is private of it does not exist."""
    is_for_members: bool = False
    """Members may too where the thing says that its members act."""


EVERYBODY = frozenset(Role)
KNOWN = EVERYBODY - {Role.ANONYMOUS}
LOGGED = KNOWN - {Role.ADMIN_TOKEN}
ADMINS = frozenset({Role.ADMIN, Role.ADMIN_TOKEN})
INSIDERS = ADMINS | {Role.OWNER}
LOGGED_INSIDERS = INSIDERS & LOGGED
BELONGING = INSIDERS | {Role.MEMBER}


def _rule(
    public: frozenset[Role],
    private: frozenset[Role] | None = None,
    refusals: dict[Role, Refusal] | None = None,
) -> Rule:
    return Rule(public=public, private=public if private is None else private, refusals=refusals or {})


_SEEN_BY_ALL = Rule(
    public=EVERYBODY, private=BELONGING, refusals={Role.ANONYMOUS: Refusal.FORBIDDEN}, is_hiding=True
)
_SEEN_BY_KNOWN = Rule(public=KNOWN, private=BELONGING, is_hiding=True)

RULES: dict[Action, Rule] = {
    Action.VIEW_GROUP: _SEEN_BY_KNOWN,
    Action.CREATE_GROUP: _rule(LOGGED_INSIDERS),
    Action.CHANGE_GROUP: _rule(INSIDERS),
    Action.VIEW_PROJECT: _SEEN_BY_ALL,
    Action.CREATE_PROJECT: _rule(LOGGED_INSIDERS, refusals={Role.ADMIN_TOKEN: Refusal.BAD_REQUEST}),
    Action.CHANGE_PROJECT: _rule(INSIDERS),
    Action.MANAGE_DELIVERIES: _rule(INSIDERS),
    Action.USE_OWN_ACCOUNT: _rule(LOGGED_INSIDERS, refusals={Role.ADMIN_TOKEN: Refusal.BAD_REQUEST}),
    Action.VIEW_SECRETS: _SEEN_BY_KNOWN,
    Action.CHANGE_SECRETS: _rule(INSIDERS),
    Action.VIEW_RUN: _SEEN_BY_ALL,
    Action.LIST_RUNS: _SEEN_BY_KNOWN,
    Action.FOLLOW_ALL_RUNS: _rule(ADMINS),
    Action.CREATE_RUN: _rule(LOGGED_INSIDERS),
    Action.ACT_ON_RUN: Rule(public=INSIDERS, private=INSIDERS, is_for_members=True),
    Action.DELETE_KEPT: _rule(INSIDERS),
    Action.APPROVE_TASK: _rule(LOGGED_INSIDERS),
    Action.READ_REPOSITORY: Rule(public=EVERYBODY, private=BELONGING, is_hiding=True),
    Action.WRITE_REPOSITORY: _rule(INSIDERS),
    Action.VIEW_USER: _rule(KNOWN),
    Action.VIEW_SELF: _rule(LOGGED),
    Action.LOG_OUT: _rule(KNOWN),
    Action.LIST_USERS: _rule(ADMINS),
    Action.CHANGE_USERS: _rule(ADMINS),
    Action.MANAGE_TOKENS: _rule(INSIDERS, refusals={Role.STRANGER: Refusal.BAD_REQUEST}),
    Action.VIEW_ORG: _SEEN_BY_KNOWN,
    Action.LIST_ORGS: _rule(KNOWN),
    Action.CREATE_ORG: _rule(KNOWN),
    Action.CHANGE_ORG: _rule(INSIDERS),
    Action.VIEW_MEMBERS: _rule(KNOWN),
    Action.CHANGE_MEMBERS: _rule(INSIDERS),
    Action.VIEW_INVITATION: _rule(KNOWN),
    Action.MANAGE_INVITATIONS: _rule(LOGGED_INSIDERS),
    Action.ANSWER_INVITATION: _rule(LOGGED, refusals={Role.ADMIN_TOKEN: Refusal.BAD_REQUEST}),
    Action.MANAGE_SESSIONS: _rule(INSIDERS),
    Action.SET_PASSWORD: _rule(INSIDERS),
    Action.VIEW_REMOTE_SOURCE: _rule(KNOWN),
    Action.CHANGE_REMOTE_SOURCES: _rule(ADMINS),
    Action.LINK_ACCOUNT: _rule(LOGGED_INSIDERS, refusals={Role.STRANGER: Refusal.BAD_REQUEST}),
    Action.UNLINK_ACCOUNT: _rule(INSIDERS, refusals={Role.STRANGER: Refusal.BAD_REQUEST}),
    Action.MANAGE_KEYS: _rule(ADMINS),
    Action.MANAGE_EXECUTORS: _rule(ADMINS),
    Action.VIEW_AUDIT: _rule(ADMINS),
    Action.VIEW_AUDIT_OF: _rule(INSIDERS),
}


def role(actor: Actor, thing: Thing | None) -> Role:
    """What *actor* is to *thing*; without a thing nobody is its owner."""
    if not actor.is_logged:
        return Role.ADMIN_TOKEN if actor.is_admin else Role.ANONYMOUS
    if actor.is_admin:
        return Role.ADMIN
    return Role.STRANGER if thing is None else _role_of_user(actor, thing)


def _role_of_user(actor: Actor, thing: Thing) -> Role:
    if thing.owner_kind == "user":
        return Role.OWNER if thing.owner == actor.user_id else Role.STRANGER
    match actor.memberships.get(thing.owner):
        case "owner":
            return Role.OWNER
        case "member":
            return Role.MEMBER
        case _:
            return Role.STRANGER


def may(actor: Actor, action: Action, thing: Thing | None = None) -> Refusal | None:
    """None when *actor* may do *action* to *thing*, else how that is to be refused."""
    rule = RULES[action]
    held = role(actor, thing)
    if held in (rule.public if thing is None or thing.is_public else rule.private):
        return None
    if thing is not None and thing.owner_kind == "org":
        if held is Role.MEMBER and rule.is_for_members and thing.members_act:
            return None
        if held is Role.STRANGER and rule.is_hiding:
            return Refusal.HIDDEN
    usual = Refusal.UNAUTHORIZED if held is Role.ANONYMOUS else Refusal.FORBIDDEN
    return rule.refusals.get(held, usual)
