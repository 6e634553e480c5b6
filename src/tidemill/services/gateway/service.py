"""The gateway's service: the public API, the door to git hosting, the inbox."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from starlette.routing import BaseRoute

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.feed import Feed
from tidemill.contracts.fleet import Fleet
from tidemill.contracts.gateway import PREFIX
from tidemill.contracts.gateway.accounts import AccountRoutes, LoginRoutes
from tidemill.contracts.gateway.artifacts import ProjectArtifactRoutes, UserArtifactRoutes
from tidemill.contracts.gateway.badges import BadgeRoutes
from tidemill.contracts.gateway.deliveries import DeliveryRoutes
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
from tidemill.contracts.gitserver import Gitserver
from tidemill.contracts.logs import Logs
from tidemill.contracts.notification import Notification
from tidemill.contracts.organizations import Invitations, Organizations
from tidemill.contracts.passwords import Passwords
from tidemill.contracts.pushes import Access, AccessRequest, Push, Pushes, PushOutcome
from tidemill.contracts.remote_sources import RemoteSources
from tidemill.contracts.runservice import Runservice
from tidemill.contracts.sealing import Sealing
from tidemill.contracts.sessions import Sessions
from tidemill.contracts.storage import Storage
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.kit.http import serve
from tidemill.kit.supervise import Faces, Loop
from tidemill.planning.planner import Planner
from tidemill.services.gateway.accounts import Accounts
from tidemill.services.gateway.artifacts import ProjectArtifacts, UserArtifacts
from tidemill.services.gateway.badges import Badges
from tidemill.services.gateway.deliveries import Deliveries
from tidemill.services.gateway.dialect import agola, agola_in_the_open
from tidemill.services.gateway.door import Door
from tidemill.services.gateway.events import Events
from tidemill.services.gateway.executors import Executors
from tidemill.services.gateway.forgetting import Forgetting
from tidemill.services.gateway.guard import Guard
from tidemill.services.gateway.inbox import Inbox
from tidemill.services.gateway.invitations import OrgInvitations
from tidemill.services.gateway.linked_accounts import LinkedAccounts
from tidemill.services.gateway.logins import Logins
from tidemill.services.gateway.logs import ProjectLogs, StepLogs, UserLogs
from tidemill.services.gateway.organizations import Orgs
from tidemill.services.gateway.owners import project_groups, user_groups
from tidemill.services.gateway.project_groups import ProjectGroups
from tidemill.services.gateway.project_runs import ProjectRuns
from tidemill.services.gateway.projects import Projects
from tidemill.services.gateway.pushes import ExplainedPushes
from tidemill.services.gateway.reception import Reception
from tidemill.services.gateway.reference import reference_routes
from tidemill.services.gateway.remote_sources import GitHosts, Open
from tidemill.services.gateway.removing import Removing
from tidemill.services.gateway.run_tests import RunTests
from tidemill.services.gateway.sealing_keys import SealingKeys
from tidemill.services.gateway.secrets import Secrets
from tidemill.services.gateway.session_cookies import SessionCookies
from tidemill.services.gateway.storage import ProjectStorage, UserStorage
from tidemill.services.gateway.tries import Tries
from tidemill.services.gateway.triggering import Triggering
from tidemill.services.gateway.user_runs import UserRuns
from tidemill.services.gateway.users import Users
from tidemill.services.gateway.variables import Variables
from tidemill.settings import GatewaySettings

INTERNAL = "/internal/gateway"


class GatewayService(Pushes):
    """The one door. What it serves to people is put together from one class per noun."""

    def __init__(  # noqa: PLR0913, PLR0917 - it asks everybody
        self,
        settings: GatewaySettings,
        db: Database,
        bells: Bells,
        configstore: Configstore,
        runservice: Runservice,
        gitserver: Gitserver,
        planner: Planner,
        *,
        sources: RemoteSources,
        sealing: Sealing,
        passwords: Passwords,
        sessions: Sessions,
        organizations: Organizations,
        invitations: Invitations,
        logs: Logs,
        feed: Feed,
        storage: Storage,
        fleet: Fleet,
        notification: Notification,
        admin_token: str,
        exposed_url: Callable[[], str],
        git_url: Callable[[], str],
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self.settings = settings
        cookies = SessionCookies(secure=not settings.unsecure_cookies, seconds=settings.session_duration)
        guard = Guard(settings, db, own_origin=exposed_url, clock=clock)
        self._tries = Tries(db, settings.login, clock=clock)
        self._door = Door(configstore, sessions, cookies, guard, admin_token)
        self._logins = Logins(settings, sources, passwords, sessions, self._tries, guard, cookies)
        self._accounts = Accounts(configstore, passwords, sessions, self._tries, cookies)
        triggering = Triggering(runservice, gitserver, planner, exposed_url=exposed_url, git_url=git_url)
        self._inbox = Inbox(db, bells, configstore, triggering, clock=clock)
        self._removing = Removing(db, bells, configstore, runservice, gitserver, storage, clock=clock)
        self._forgetting = Forgetting(db, settings.keep_pushes, clock=clock)
        self._reception = Reception(
            db, bells, configstore, self._door, offer=self._inbox.offer, exposed_url=exposed_url
        )
        self._users = Users(configstore, sources, self._removing)
        self._git_hosts = GitHosts(sources, registration=settings.registration)
        self._linked_accounts = LinkedAccounts(configstore, sources)
        self._open = Open(sources, registration=settings.registration)
        self._sealing_keys = SealingKeys(sealing)
        self._badges = Badges(configstore, runservice)
        mode = settings.organization_member_adding_mode
        self._orgs = Orgs(organizations, configstore, self._removing, mode)
        self._invitations = OrgInvitations(invitations, organizations, mode)
        self._project_groups = ProjectGroups(configstore, self._removing)
        self._projects = Projects(db, configstore, gitserver, triggering, self._removing, new_id=new_id)
        self._secrets = Secrets(configstore)
        self._variables = Variables(configstore)
        self._project_runs = ProjectRuns(configstore, runservice, self._door)
        self._user_runs = UserRuns(configstore, runservice, self._door)
        logs_of = partial(StepLogs, runservice, logs, self._door, clock=clock)
        self._project_logs = ProjectLogs(logs_of(project_groups(configstore)))
        self._user_logs = UserLogs(logs_of(user_groups(configstore)))
        self._project_artifacts = ProjectArtifacts(configstore, runservice, self._door)
        self._user_artifacts = UserArtifacts(configstore, runservice, self._door)
        self._executors = Executors(fleet, self._door)
        self._run_tests = RunTests(configstore, runservice)
        self._project_storage = ProjectStorage(configstore, runservice, storage)
        self._user_storage = UserStorage(configstore, runservice, storage)
        self._pushes = ExplainedPushes(db, configstore, clock=clock)
        self._deliveries = Deliveries(configstore, notification)
        self._events = Events(configstore, feed, self._door)

    def loops(self) -> list[Loop]:
        """The inbox, the removal of repositories, and what has had its time."""
        return [self._inbox.loop(), self._removing.loop(), self._forgetting.loop(), self._tries.loop()]

    def faces(self) -> Faces:
        """What the gitserver may ask."""
        return {Pushes: self}

    def routes(self) -> Sequence[BaseRoute]:
        """The public API, and what the gitserver asks."""
        dialect = agola(self._door)
        api = [
            *serve(UserRoutes, self._users, PREFIX, dialect),
            *serve(LoginRoutes, self._logins, PREFIX, agola_in_the_open()),
            *serve(AccountRoutes, self._accounts, PREFIX, dialect),
            *serve(RemoteSourceRoutes, self._git_hosts, PREFIX, dialect),
            *serve(SealingKeyRoutes, self._sealing_keys, PREFIX, dialect),
            *serve(LinkedAccountRoutes, self._linked_accounts, PREFIX, dialect),
            *serve(OpenRoutes, self._open, PREFIX, agola_in_the_open()),
            *serve(BadgeRoutes, self._badges, PREFIX, agola_in_the_open()),
            *serve(OrgRoutes, self._orgs, PREFIX, dialect),
            *serve(OrgInvitationRoutes, self._invitations, PREFIX, dialect),
            *serve(ProjectGroupRoutes, self._project_groups, PREFIX, dialect),
            *serve(ProjectRoutes, self._projects, PREFIX, dialect),
            *serve(SecretRoutes, self._secrets, PREFIX, dialect),
            *serve(VariableRoutes, self._variables, PREFIX, dialect),
            *serve(ProjectRunRoutes, self._project_runs, PREFIX, dialect),
            *serve(UserRunRoutes, self._user_runs, PREFIX, dialect),
            *serve(ProjectLogRoutes, self._project_logs, PREFIX, dialect),
            *serve(UserLogRoutes, self._user_logs, PREFIX, dialect),
            *serve(ProjectArtifactRoutes, self._project_artifacts, PREFIX, dialect),
            *serve(UserArtifactRoutes, self._user_artifacts, PREFIX, dialect),
            *serve(RunTestRoutes, self._run_tests, PREFIX, dialect),
            *serve(ProjectStorageRoutes, self._project_storage, PREFIX, dialect),
            *serve(UserStorageRoutes, self._user_storage, PREFIX, dialect),
            *serve(PushRoutes, self._pushes, PREFIX, dialect),
            *serve(DeliveryRoutes, self._deliveries, PREFIX, dialect),
            *serve(EventRoutes, self._events, PREFIX, dialect),
            *serve(ExecutorRoutes, self._executors, PREFIX, dialect),
        ]
        return [*api, *reference_routes(api), *serve(Pushes, self, INTERNAL)]

    async def start(self) -> None:
        """Nothing is to be made ready: what is pending is found by the loops."""

    async def close(self) -> None:
        """Hear nothing any more; the database belongs to whoever opened it."""
        self._inbox.close()
        self._removing.close()

    async def access(self, request: AccessRequest) -> Access:
        return await self._reception.access(request)

    async def pushed(self, push: Push) -> PushOutcome:
        return await self._reception.pushed(push)
