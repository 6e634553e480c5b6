"""The permission table is the reference's matrix (API 2.5), cell by cell."""

import pytest

from tidemill.core.permissions import (
    ADMIN_TOKEN,
    ANONYMOUS,
    RULES,
    Action,
    Actor,
    Refusal,
    Thing,
    may,
)

STRANGER = Actor(user_id="stranger", memberships={"another": "owner"})
OWNER = Actor(user_id="owner")
MEMBER = Actor(user_id="stranger", memberships={"another": "owner", "org": "member"})
ORG_OWNER = Actor(user_id="stranger", memberships={"org": "owner"})
ADMIN = Actor(user_id="root", is_admin=True)
ACTORS = (ANONYMOUS, STRANGER, OWNER, ADMIN, ADMIN_TOKEN)
ORG_ACTORS = (ANONYMOUS, STRANGER, MEMBER, ORG_OWNER, ADMIN, ADMIN_TOKEN)
PUBLIC = Thing(owner="owner", is_public=True)
PRIVATE = Thing(owner="owner", is_public=False)
PUBLIC_OF_ORG = Thing(owner="org", owner_kind="org", is_public=True)
PRIVATE_OF_ORG = Thing(owner="org", owner_kind="org", is_public=False)

WORDS = {
    "yes": None,
    "400": Refusal.BAD_REQUEST,
    "401": Refusal.UNAUTHORIZED,
    "403": Refusal.FORBIDDEN,
    "404": Refusal.HIDDEN,
}

#: Columns: anonymous, stranger, owner, user with the admin flag, admin token; "public/private" in a cell.
MATRIX = {
    Action.VIEW_PROJECT: "yes/403 yes/403 yes yes yes",
    Action.VIEW_GROUP: "401 yes/403 yes yes yes",
    Action.VIEW_RUN: "yes/403 yes/403 yes yes yes",
    Action.LIST_RUNS: "401 yes/403 yes yes yes",
    Action.CREATE_PROJECT: "401 403 yes yes 400",
    Action.CREATE_GROUP: "401 403 yes yes 403",
    Action.CHANGE_GROUP: "401 403 yes yes yes",
    Action.CHANGE_PROJECT: "401 403 yes yes yes",
    Action.MANAGE_DELIVERIES: "401 403 yes yes yes",
    Action.USE_OWN_ACCOUNT: "401 403 yes yes 400",
    Action.VIEW_SECRETS: "401 yes/403 yes yes yes",
    Action.CHANGE_SECRETS: "401 403 yes yes yes",
    Action.CREATE_RUN: "401 403 yes yes 403",
    Action.ACT_ON_RUN: "401 403 yes yes yes",
    Action.DELETE_KEPT: "401 403 yes yes yes",
    Action.APPROVE_TASK: "401 403 yes yes 403",
    Action.READ_REPOSITORY: "yes/401 yes/403 yes yes yes",
    Action.WRITE_REPOSITORY: "401 403 yes yes yes",
    Action.MANAGE_TOKENS: "401 400 yes yes yes",
    Action.MANAGE_SESSIONS: "401 403 yes yes yes",
    Action.SET_PASSWORD: "401 403 yes yes yes",
    Action.LINK_ACCOUNT: "401 400 yes yes 403",
    Action.UNLINK_ACCOUNT: "401 400 yes yes yes",
    Action.VIEW_AUDIT_OF: "401 403 yes yes yes",
}

#: The same for things of organizations. Columns: anonymous, stranger, member, owner, user with the admin
#: flag, admin token.
OF_ORGS = {
    Action.VIEW_PROJECT: "yes/403 yes/404 yes yes yes yes",
    Action.VIEW_GROUP: "401 yes/404 yes yes yes yes",
    Action.VIEW_RUN: "yes/403 yes/404 yes yes yes yes",
    Action.LIST_RUNS: "401 yes/404 yes yes yes yes",
    Action.CREATE_PROJECT: "401 403 403 yes yes 400",
    Action.CREATE_GROUP: "401 403 403 yes yes 403",
    Action.CHANGE_GROUP: "401 403 403 yes yes yes",
    Action.CHANGE_PROJECT: "401 403 403 yes yes yes",
    Action.MANAGE_DELIVERIES: "401 403 403 yes yes yes",
    Action.USE_OWN_ACCOUNT: "401 403 403 yes yes 400",
    Action.VIEW_SECRETS: "401 yes/404 yes yes yes yes",
    Action.CHANGE_SECRETS: "401 403 403 yes yes yes",
    Action.CREATE_RUN: "401 403 403 yes yes 403",
    Action.ACT_ON_RUN: "401 403 403 yes yes yes",
    Action.DELETE_KEPT: "401 403 403 yes yes yes",
    Action.APPROVE_TASK: "401 403 403 yes yes 403",
    Action.READ_REPOSITORY: "yes/401 yes/404 yes yes yes yes",
    Action.WRITE_REPOSITORY: "401 403 403 yes yes yes",
    Action.VIEW_ORG: "401 yes/404 yes yes yes yes",
    Action.CHANGE_ORG: "401 403 403 yes yes yes",
    Action.VIEW_MEMBERS: "401 yes yes yes yes yes",
    Action.CHANGE_MEMBERS: "401 403 403 yes yes yes",
    Action.VIEW_INVITATION: "401 yes yes yes yes yes",
    Action.MANAGE_INVITATIONS: "401 403 403 yes yes 403",
    Action.VIEW_AUDIT_OF: "401 403 403 yes yes yes",
}

#: The same columns for what is asked of no thing in particular; nobody owns that.
WITHOUT_THING = {
    Action.VIEW_USER: "401 yes yes yes yes",
    Action.VIEW_SELF: "401 yes yes yes 403",
    Action.FOLLOW_ALL_RUNS: "401 403 403 yes yes",
    Action.LIST_USERS: "401 403 403 yes yes",
    Action.CHANGE_USERS: "401 403 403 yes yes",
    Action.LIST_ORGS: "401 yes yes yes yes",
    Action.CREATE_ORG: "401 yes yes yes yes",
    Action.ANSWER_INVITATION: "401 yes yes yes 400",
    Action.VIEW_REMOTE_SOURCE: "401 yes yes yes yes",
    Action.CHANGE_REMOTE_SOURCES: "401 403 403 yes yes",
    Action.MANAGE_KEYS: "401 403 403 yes yes",
    Action.MANAGE_EXECUTORS: "401 403 403 yes yes",
    Action.VIEW_AUDIT: "401 403 403 yes yes",
    Action.LOG_OUT: "401 yes yes yes yes",
}


@pytest.mark.parametrize(("action", "row"), MATRIX.items(), ids=str)
def test_each_cell_of_the_matrix(action: Action, row: str) -> None:
    """Public and private things, for every role."""
    for actor, cell in zip(ACTORS, row.split(), strict=True):
        public, _, private = cell.partition("/")
        assert may(actor, action, PUBLIC) is WORDS[public], actor
        assert may(actor, action, PRIVATE) is WORDS[private or public], actor


@pytest.mark.parametrize(("action", "row"), OF_ORGS.items(), ids=str)
def test_each_cell_for_organizations(action: Action, row: str) -> None:
    """What is private of an organization does not exist for strangers."""
    for actor, cell in zip(ORG_ACTORS, row.split(), strict=True):
        public, _, private = cell.partition("/")
        assert may(actor, action, PUBLIC_OF_ORG) is WORDS[public], actor
        assert may(actor, action, PRIVATE_OF_ORG) is WORDS[private or public], actor


@pytest.mark.parametrize("is_public", [True, False])
def test_members_act_on_runs_where_the_project_lets_them(is_public: bool) -> None:
    """They restart, cancel and stop; nothing else becomes theirs, and strangers gain nothing."""
    thing = Thing(owner="org", owner_kind="org", is_public=is_public, members_act=True)
    assert may(MEMBER, Action.ACT_ON_RUN, thing) is None
    assert may(STRANGER, Action.ACT_ON_RUN, thing) is Refusal.FORBIDDEN
    for action in (Action.CHANGE_PROJECT, Action.CREATE_RUN, Action.DELETE_KEPT, Action.APPROVE_TASK):
        assert may(MEMBER, action, thing) is Refusal.FORBIDDEN


def test_users_and_organizations_are_not_taken_for_each_other() -> None:
    """Whatever their ids are."""
    users = Thing(owner="org", owner_kind="user", is_public=False)
    assert may(ORG_OWNER, Action.VIEW_PROJECT, users) is Refusal.FORBIDDEN
    orgs = Thing(owner="owner", owner_kind="org", is_public=False)
    assert may(OWNER, Action.VIEW_PROJECT, orgs) is Refusal.HIDDEN


@pytest.mark.parametrize(("action", "row"), WITHOUT_THING.items(), ids=str)
def test_each_cell_without_a_thing(action: Action, row: str) -> None:
    """Actions on the installation as a whole."""
    for actor, cell in zip(ACTORS, row.split(), strict=True):
        assert may(actor, action) is WORDS[cell], actor


def test_every_action_stands_in_the_tables() -> None:
    """No action without a rule, no rule without a row here."""
    assert set(RULES) == set(Action) == set(MATRIX) | set(OF_ORGS) | set(WITHOUT_THING)
    accounts = {Action.LINK_ACCOUNT, Action.UNLINK_ACCOUNT, Action.SET_PASSWORD, Action.MANAGE_SESSIONS}
    of_users_alone = accounts | {Action.MANAGE_TOKENS}
    assert set(MATRIX) - set(OF_ORGS) == of_users_alone


def test_nobody_owns_what_has_no_owner() -> None:
    """An empty owner is not the anonymous actor's."""
    orphan = Thing(owner="", is_public=False)
    assert may(ANONYMOUS, Action.CHANGE_PROJECT, orphan) is Refusal.UNAUTHORIZED
    assert may(ANONYMOUS, Action.VIEW_PROJECT, orphan) is Refusal.FORBIDDEN
