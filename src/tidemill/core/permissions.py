"""Who may do what: one table, read by one function (reference, API 2.5)."""

from enum import StrEnum

import msgspec


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: nobody known, a user, or the bearer of the admin token (admin without a user)."""

    user_id: str = ""
    is_admin: bool = False

    @property
    def is_logged(self) -> bool:
        """There is a user behind it."""
        return self.user_id != ""


ANONYMOUS = Actor()
ADMIN_TOKEN = Actor(is_admin=True)


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """What is acted on: whose it is, and whether everybody may see it."""

    owner: str
    is_public: bool


class Role(StrEnum):
    """What an actor is to a thing."""

    ANONYMOUS = "anonymous"
    STRANGER = "stranger"
    OWNER = "owner"
    ADMIN = "admin"
    """A user with the admin flag: logged, and owner of everything."""
    ADMIN_TOKEN = "admin token"  # noqa: S105 - a role, not a secret


class Action(StrEnum):
    """What can be asked for, as far as permission goes."""

    VIEW_GROUP = "view project group"
    CREATE_GROUP = "create project group"
    VIEW_PROJECT = "view project"
    CREATE_PROJECT = "create project"
    CHANGE_PROJECT = "change project"
    VIEW_SECRETS = "see names of secrets and variables"
    CHANGE_SECRETS = "change secrets and variables"
    VIEW_RUN = "view run"
    LIST_RUNS = "list runs"
    FOLLOW_ALL_RUNS = "follow all runs"
    CREATE_RUN = "create run"
    ACT_ON_RUN = "act on run"
    APPROVE_TASK = "approve task"
    READ_REPOSITORY = "read repository"
    WRITE_REPOSITORY = "write repository"
    VIEW_USER = "view user"
    VIEW_SELF = "view oneself"
    LIST_USERS = "list users"
    CHANGE_USERS = "create and delete users"
    MANAGE_TOKENS = "manage tokens"
    VIEW_REMOTE_SOURCE = "view remote source"
    MANAGE_EXECUTORS = "manage executors"


class Refusal(StrEnum):
    """How an action is refused."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    BAD_REQUEST = "bad request"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Roles that may, and how the others are refused where it is not as usual."""

    public: frozenset[Role]
    private: frozenset[Role]
    refusals: dict[Role, Refusal] = {}
    """Without an entry nobody known is UNAUTHORIZED and everybody else FORBIDDEN."""


EVERYBODY = frozenset(Role)
KNOWN = EVERYBODY - {Role.ANONYMOUS}
LOGGED = KNOWN - {Role.ADMIN_TOKEN}
ADMINS = frozenset({Role.ADMIN, Role.ADMIN_TOKEN})
INSIDERS = ADMINS | {Role.OWNER}
LOGGED_INSIDERS = INSIDERS & LOGGED


def _rule(
    public: frozenset[Role],
    private: frozenset[Role] | None = None,
    refusals: dict[Role, Refusal] | None = None,
) -> Rule:
    return Rule(public=public, private=public if private is None else private, refusals=refusals or {})


_SEEN_BY_ALL = _rule(EVERYBODY, INSIDERS, {Role.ANONYMOUS: Refusal.FORBIDDEN})
_SEEN_BY_KNOWN = _rule(KNOWN, INSIDERS)

RULES: dict[Action, Rule] = {
    Action.VIEW_GROUP: _SEEN_BY_KNOWN,
    Action.CREATE_GROUP: _rule(LOGGED_INSIDERS),
    Action.VIEW_PROJECT: _SEEN_BY_ALL,
    Action.CREATE_PROJECT: _rule(LOGGED_INSIDERS, refusals={Role.ADMIN_TOKEN: Refusal.BAD_REQUEST}),
    Action.CHANGE_PROJECT: _rule(INSIDERS),
    Action.VIEW_SECRETS: _SEEN_BY_KNOWN,
    Action.CHANGE_SECRETS: _rule(INSIDERS),
    Action.VIEW_RUN: _SEEN_BY_ALL,
    Action.LIST_RUNS: _SEEN_BY_KNOWN,
    Action.FOLLOW_ALL_RUNS: _rule(ADMINS),
    Action.CREATE_RUN: _rule(LOGGED_INSIDERS),
    Action.ACT_ON_RUN: _rule(INSIDERS),
    Action.APPROVE_TASK: _rule(LOGGED_INSIDERS),
    Action.READ_REPOSITORY: _rule(EVERYBODY, INSIDERS),
    Action.WRITE_REPOSITORY: _rule(INSIDERS),
    Action.VIEW_USER: _rule(KNOWN),
    Action.VIEW_SELF: _rule(LOGGED),
    Action.LIST_USERS: _rule(ADMINS),
    Action.CHANGE_USERS: _rule(ADMINS),
    Action.MANAGE_TOKENS: _rule(INSIDERS, refusals={Role.STRANGER: Refusal.BAD_REQUEST}),
    Action.VIEW_REMOTE_SOURCE: _rule(KNOWN),
    Action.MANAGE_EXECUTORS: _rule(ADMINS),
}


def role(actor: Actor, thing: Thing | None) -> Role:
    """What *actor* is to *thing*; without a thing nobody is its owner."""
    if not actor.is_logged:
        return Role.ADMIN_TOKEN if actor.is_admin else Role.ANONYMOUS
    if actor.is_admin:
        return Role.ADMIN
    return Role.OWNER if thing is not None and thing.owner == actor.user_id else Role.STRANGER


def may(actor: Actor, action: Action, thing: Thing | None = None) -> Refusal | None:
    """None when *actor* may do *action* to *thing*, else how that is to be refused."""
    rule = RULES[action]
    held = role(actor, thing)
    if held in (rule.public if thing is None or thing.is_public else rule.private):
        return None
    usual = Refusal.UNAUTHORIZED if held is Role.ANONYMOUS else Refusal.FORBIDDEN
    return rule.refusals.get(held, usual)
