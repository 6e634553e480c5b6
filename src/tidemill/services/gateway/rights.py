"""The rights of every public route: what its caller must be allowed; without any a route is not served.

Who may do an action to a thing is said by the table in `core/permissions.py`; here it is said which
action each route is. Both together are the permission matrix (docs/permissions.md).
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from starlette.routing import BaseRoute, Route

from tidemill.core.permissions import RULES, Action, Role
from tidemill.kit.http.serving import Served

Of = Literal[
    "",
    "project",
    "project group",
    "user",
    "organization",
    "parent group",
    "caller",
]


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller of a route must be allowed."""

    action: Action | None
    """None: nobody looks at who asks."""
    of: Of = ""
    """What the action is done to; "" when it is done to the installation."""
    is_for_known: bool = False
    """Nobody known is turned away (401) although the action alone would let them read what is public."""

    @property
    def is_open(self) -> bool:
        """Nobody looks at who asks."""
        return self.action is None

    @property
    def hears_nobody(self) -> bool:
        """Whoever has not said who they are gets an answer that depends on the thing."""
        if self.action is None:
            return True
        return not self.is_for_known and Role.ANONYMOUS in RULES[self.action].public


_OPEN = Right(action=None)

_TABLE: tuple[tuple[Right, str], ...] = (
    (_OPEN, "version remote_sources badge log_in authorize register oauth2_callback receive_webhook"),
    # people
    (Right(action=Action.VIEW_SELF, of="caller"), "current_user remote_repositories"),
    (Right(action=Action.VIEW_SELF, of="caller"), "user_orgs user_org_invitations"),
    (Right(action=Action.LOG_OUT, of="caller"), "log_out"),
    (Right(action=Action.VIEW_USER), "user"),
    (Right(action=Action.LIST_USERS), "users"),
    (Right(action=Action.CHANGE_USERS), "create_user delete_user set_admin set_disabled"),
    (Right(action=Action.MANAGE_TOKENS, of="user"), "create_user_token delete_user_token"),
    (Right(action=Action.MANAGE_SESSIONS, of="user"), "sessions end_sessions end_session"),
    (Right(action=Action.SET_PASSWORD, of="user"), "set_password"),
    (Right(action=Action.LINK_ACCOUNT, of="user"), "create_linked_account"),
    (Right(action=Action.UNLINK_ACCOUNT, of="user"), "delete_linked_account"),
    # organizations
    (Right(action=Action.LIST_ORGS), "orgs"),
    (Right(action=Action.CREATE_ORG), "create_org"),
    (Right(action=Action.VIEW_ORG, of="organization"), "org"),
    (Right(action=Action.CHANGE_ORG, of="organization"), "update_org delete_org"),
    (Right(action=Action.VIEW_MEMBERS, of="organization"), "org_members"),
    (Right(action=Action.CHANGE_MEMBERS, of="organization"), "add_org_member remove_org_member"),
    (Right(action=Action.VIEW_INVITATION, of="organization"), "org_invitation"),
    (
        Right(action=Action.MANAGE_INVITATIONS, of="organization"),
        "org_invitations create_org_invitation delete_org_invitation",
    ),
    (Right(action=Action.ANSWER_INVITATION, of="caller"), "user_org_invitation_action"),
    # the installation
    (Right(action=Action.VIEW_REMOTE_SOURCE), "remote_source"),
    (
        Right(action=Action.CHANGE_REMOTE_SOURCES),
        "create_remote_source update_remote_source delete_remote_source",
    ),
    (Right(action=Action.MANAGE_KEYS), "sealing_keys reseal"),
    (
        Right(action=Action.MANAGE_EXECUTORS),
        "executors executor follow_executor drain_executor pause_executor resume_executor delete_executor",
    ),
    (Right(action=Action.FOLLOW_ALL_RUNS), "events"),
    (Right(action=Action.VIEW_AUDIT), "audit"),
    (Right(action=Action.VIEW_AUDIT_OF, of="organization"), "org_audit"),
    (Right(action=Action.VIEW_AUDIT_OF, of="project"), "project_audit"),
    # project groups
    (
        Right(action=Action.VIEW_GROUP, of="project group"),
        "project_group project_group_subgroups project_group_projects",
    ),
    (Right(action=Action.CREATE_GROUP, of="parent group"), "create_project_group"),
    (Right(action=Action.CHANGE_GROUP, of="project group"), "update_project_group delete_project_group"),
    (
        Right(action=Action.VIEW_SECRETS, of="project group"),
        "project_group_secrets project_group_variables",
    ),
    (
        Right(action=Action.CHANGE_SECRETS, of="project group"),
        (
            "create_project_group_secret update_project_group_secret delete_project_group_secret "
            "create_project_group_variable update_project_group_variable delete_project_group_variable"
        ),
    ),
    # projects
    (Right(action=Action.VIEW_PROJECT, of="project"), "project"),
    (Right(action=Action.CREATE_PROJECT, of="parent group"), "create_project"),
    (
        Right(action=Action.CHANGE_PROJECT, of="project"),
        "update_project delete_project reconfigure_project refresh_project set_project_retention",
    ),
    (Right(action=Action.USE_OWN_ACCOUNT, of="project"), "update_project_linked_account"),
    (Right(action=Action.VIEW_SECRETS, of="project"), "project_secrets project_variables"),
    (
        Right(action=Action.CHANGE_SECRETS, of="project"),
        (
            "create_project_secret update_project_secret delete_project_secret "
            "create_project_variable update_project_variable delete_project_variable"
        ),
    ),
    (
        Right(action=Action.MANAGE_DELIVERIES, of="project"),
        "run_webhook_deliveries redeliver_run_webhook commit_status_deliveries redeliver_commit_status",
    ),
    # runs of projects
    (
        Right(action=Action.LIST_RUNS, of="project"),
        (
            "project_runs project_pushes explain_push project_events project_caches project_storage "
            "project_retention"
        ),
    ),
    (
        Right(action=Action.VIEW_RUN, of="project"),
        "project_run follow_project_run project_run_task project_run_log project_run_log_index",
    ),
    (
        Right(action=Action.VIEW_RUN, of="project", is_for_known=True),
        (
            "explain_project_run project_run_tests project_run_artifacts project_run_artifacts_tar "
            "project_run_artifacts_zip project_run_artifact"
        ),
    ),
    (Right(action=Action.CREATE_RUN, of="project"), "create_project_run"),
    (Right(action=Action.ACT_ON_RUN, of="project"), "project_run_action"),
    (Right(action=Action.APPROVE_TASK, of="project"), "project_run_task_action"),
    (
        Right(action=Action.DELETE_KEPT, of="project"),
        "delete_project_run delete_project_run_log delete_project_caches delete_project_cache",
    ),
    # direct runs of users
    (Right(action=Action.CREATE_RUN, of="caller"), "create_direct_run"),
    (Right(action=Action.LIST_RUNS, of="user"), "user_runs user_events user_caches user_storage"),
    (
        Right(action=Action.VIEW_RUN, of="user"),
        "user_run user_run_task user_run_log user_run_log_index",
    ),
    (
        Right(action=Action.VIEW_RUN, of="user", is_for_known=True),
        (
            "follow_user_run explain_user_run user_run_tests user_run_artifacts user_run_artifacts_tar "
            "user_run_artifacts_zip user_run_artifact"
        ),
    ),
    (Right(action=Action.ACT_ON_RUN, of="user"), "user_run_action"),
    (Right(action=Action.APPROVE_TASK, of="user"), "user_run_task_action"),
    (
        Right(action=Action.DELETE_KEPT, of="user"),
        "delete_user_run delete_user_run_log delete_user_caches delete_user_cache",
    ),
)

#: Routes that are no part of a contract, by their paths, and what decides about them.
ORDINARY: dict[str, str] = {
    "/api/openapi.json": "everybody",
    "/api/docs": "everybody",
    "/api/docs/docs.css": "everybody",
    "/api/docs/docs.js": "everybody",
    "/api/docs/icon.svg": "everybody",
    "/livez": "everybody",
    "/readyz": "everybody",
    "/metrics": "everybody",
    "/git/{path:path}": f"who may {Action.READ_REPOSITORY} (fetch), {Action.WRITE_REPOSITORY} (push)",
    "/repos/{path:path}": "the user whose direct runs it is for, administrators, jobs of these runs",
}


def _by_name(table: Iterable[tuple[Right, str]]) -> dict[str, Right]:
    rights: dict[str, Right] = {}
    for right, names in table:
        for name in names.split():
            if name in rights:
                raise TypeError(f"the rights of the route {name!r} are declared twice")
            rights[name] = right
    return rights


#: What each route of a contract demands, by its name there.
RIGHTS = _by_name(_TABLE)

#: Routes behind the door that may be asked without saying who one is; the thing decides whether they answer.
OPEN_TO_NOBODY = frozenset(name for name, one in RIGHTS.items() if one.hears_nobody and not one.is_open)


def right(name: str) -> Right:
    """What the route of this name demands; one that demands nothing declared cannot be served."""
    found = RIGHTS.get(name)
    if found is None:
        raise TypeError(f"the route {name!r} has no rights; declare in {__name__} who may ask")
    return found


def check_ordinary(routes: Iterable[BaseRoute]) -> None:
    """Every route that is no part of a contract says who may ask."""
    paths = {getattr(route, "path", str(route)) for route in routes if not _is_of_contract(route)}
    if missing := sorted(paths - ORDINARY.keys()):
        raise TypeError(f"the routes {', '.join(missing)} have no rights; declare them in {__name__}")


def _is_of_contract(route: BaseRoute) -> bool:
    return isinstance(route, Route) and isinstance(route.endpoint, Served)
