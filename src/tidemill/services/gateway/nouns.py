"""The nouns of the public API: which class answers which routes."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

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
from tidemill.kit.contract import Contract
from tidemill.kit.db import Database
from tidemill.services.gateway.artifacts import ProjectArtifacts, UserArtifacts
from tidemill.services.gateway.asked import Asked
from tidemill.services.gateway.audit import AuditLog
from tidemill.services.gateway.badges import Badges
from tidemill.services.gateway.deliveries import Deliveries
from tidemill.services.gateway.direct_runs import DirectRunMaking
from tidemill.services.gateway.door import Door
from tidemill.services.gateway.entrance import Entrance
from tidemill.services.gateway.events import Events
from tidemill.services.gateway.executors import Executors
from tidemill.services.gateway.invitations import OrgInvitations
from tidemill.services.gateway.linked_accounts import LinkedAccounts
from tidemill.services.gateway.logs import ProjectLogs, StepLogs, UserLogs
from tidemill.services.gateway.organizations import Orgs
from tidemill.services.gateway.owners import project_groups, user_groups
from tidemill.services.gateway.project_groups import ProjectGroups
from tidemill.services.gateway.project_runs import ProjectRuns
from tidemill.services.gateway.projects import Projects
from tidemill.services.gateway.pushes import ExplainedPushes
from tidemill.services.gateway.remote_sources import GitHosts, Open
from tidemill.services.gateway.removing import Removing
from tidemill.services.gateway.run_tests import RunTests
from tidemill.services.gateway.sealing_keys import SealingKeys
from tidemill.services.gateway.secrets import Secrets
from tidemill.services.gateway.storage import ProjectStorage, UserStorage
from tidemill.services.gateway.triggering import Triggering
from tidemill.services.gateway.user_runs import UserRuns
from tidemill.services.gateway.users import Users
from tidemill.services.gateway.variables import Variables
from tidemill.settings import GatewaySettings

#: Routes and who answers them.
Nouns = list[tuple[type[Contract], Contract]]


def people(settings: GatewaySettings, asked: Asked, entrance: Entrance, removing: Removing) -> Nouns:
    """Who there is, and how they come in."""
    mode = settings.organization_member_adding_mode
    return [
        (UserRoutes, Users(asked.configstore, asked.sources, removing)),
        (LoginRoutes, entrance.logins),
        (AccountRoutes, entrance.accounts),
        (RemoteSourceRoutes, GitHosts(asked.sources, registration=settings.registration)),
        (LinkedAccountRoutes, LinkedAccounts(asked.configstore, asked.sources)),
        (OpenRoutes, Open(asked.sources, registration=settings.registration)),
        (AuditRoutes, AuditLog(asked.audit, asked.configstore, asked.organizations)),
        (OrgRoutes, Orgs(asked.organizations, asked.configstore, removing, mode)),
        (OrgInvitationRoutes, OrgInvitations(asked.invitations, asked.organizations, mode)),
    ]


def projects(
    asked: Asked, db: Database, triggering: Triggering, removing: Removing, new_id: Callable[[], str]
) -> Nouns:
    """What they build, and what it needs."""
    configstore, runservice = asked.configstore, asked.runservice
    return [
        (SealingKeyRoutes, SealingKeys(asked.sealing)),
        (BadgeRoutes, Badges(configstore, runservice)),
        (ProjectGroupRoutes, ProjectGroups(configstore, removing)),
        (
            ProjectRoutes,
            Projects(db, configstore, asked.gitserver, triggering, removing, new_id=new_id),
        ),
        (
            DirectRunRoutes,
            DirectRunMaking(asked.gitserver, asked.direct_values, triggering, new_id=new_id),
        ),
        (SecretRoutes, Secrets(configstore)),
        (VariableRoutes, Variables(configstore)),
    ]


def runs(asked: Asked, db: Database, door: Door, clock: Callable[[], datetime]) -> Nouns:
    """What happens, and what is kept of it."""
    configstore, runservice, storage = asked.configstore, asked.runservice, asked.storage
    logs_of = partial(StepLogs, runservice, asked.logs, door, clock=clock)
    return [
        (ProjectRunRoutes, ProjectRuns(configstore, runservice, door)),
        (UserRunRoutes, UserRuns(configstore, runservice, door)),
        (ProjectLogRoutes, ProjectLogs(logs_of(project_groups(configstore)))),
        (UserLogRoutes, UserLogs(logs_of(user_groups(configstore)))),
        (ProjectArtifactRoutes, ProjectArtifacts(configstore, runservice, door)),
        (UserArtifactRoutes, UserArtifacts(configstore, runservice, door)),
        (RunTestRoutes, RunTests(configstore, runservice)),
        (ProjectStorageRoutes, ProjectStorage(configstore, runservice, storage, asked.audit)),
        (UserStorageRoutes, UserStorage(configstore, runservice, storage, asked.audit)),
        (PushRoutes, ExplainedPushes(db, configstore, clock=clock)),
        (DeliveryRoutes, Deliveries(configstore, asked.notification)),
        (EventRoutes, Events(configstore, asked.feed, door)),
        (ExecutorRoutes, Executors(asked.fleet, asked.audit, door)),
    ]
