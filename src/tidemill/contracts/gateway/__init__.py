"""The public API: wire-compatible with Agola v0.10, its shapes its own and nobody else's.

Paths are relative to `/api/v1alpha`. Field names, their order and what is left out are Agola's to the
letter; whatever is called an extension is ours.
"""

from tidemill.contracts.gateway.accounts import AccountRoutes, LoginRoutes
from tidemill.contracts.gateway.artifacts import ProjectArtifactRoutes, UserArtifactRoutes
from tidemill.contracts.gateway.audit import AuditRoutes
from tidemill.contracts.gateway.badges import BadgeRoutes
from tidemill.contracts.gateway.deliveries import DeliveryRoutes
from tidemill.contracts.gateway.direct_runs import DirectRunRoutes
from tidemill.contracts.gateway.events import EventRoutes
from tidemill.contracts.gateway.executors import ExecutorRoutes
from tidemill.contracts.gateway.linked_accounts import LinkedAccountRoutes
from tidemill.contracts.gateway.logs import ProjectLogRoutes, UserLogRoutes
from tidemill.contracts.gateway.organizations import OrgInvitationRoutes, OrgRoutes
from tidemill.contracts.gateway.projects import ProjectGroupRoutes, ProjectRoutes
from tidemill.contracts.gateway.pushes import PushRoutes
from tidemill.contracts.gateway.reports import RunTestRoutes
from tidemill.contracts.gateway.runs import ProjectRunRoutes, UserRunRoutes
from tidemill.contracts.gateway.sealing_keys import SealingKeyRoutes
from tidemill.contracts.gateway.secrets import SecretRoutes
from tidemill.contracts.gateway.storage import ProjectStorageRoutes, UserStorageRoutes
from tidemill.contracts.gateway.users import OpenRoutes, RemoteSourceRoutes, UserRoutes
from tidemill.contracts.gateway.variables import VariableRoutes

#: Where the public API is mounted.
PREFIX = "/api/v1alpha"


class Gateway(
    UserRoutes,
    LoginRoutes,
    AccountRoutes,
    RemoteSourceRoutes,
    LinkedAccountRoutes,
    SealingKeyRoutes,
    OpenRoutes,
    BadgeRoutes,
    AuditRoutes,
    OrgRoutes,
    OrgInvitationRoutes,
    ProjectGroupRoutes,
    ProjectRoutes,
    SecretRoutes,
    VariableRoutes,
    ProjectRunRoutes,
    DirectRunRoutes,
    UserRunRoutes,
    ProjectLogRoutes,
    UserLogRoutes,
    ProjectArtifactRoutes,
    UserArtifactRoutes,
    RunTestRoutes,
    ProjectStorageRoutes,
    UserStorageRoutes,
    DeliveryRoutes,
    EventRoutes,
    ExecutorRoutes,
    PushRoutes,
):
    """All that may be asked of the gateway."""


__all__ = ["PREFIX", "Gateway"]
