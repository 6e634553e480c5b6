"""The client of the public API by noun; made by make fmt from the contracts."""

from functools import cached_property

from tidemill.contracts.client.nouns import Nouns
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


class Accounts(LoginRoutes, AccountRoutes):
    """Accounts: logging in and out, sessions, passwords, as the public API has them."""


class Artifacts(ProjectArtifactRoutes, UserArtifactRoutes):
    """Artifacts of runs, an extension: files that steps have kept for people."""


class Audit(AuditRoutes):
    """The audit log, an extension: who has done what, when and from where."""


class Badges(BadgeRoutes):
    """Badges: small pictures of how a project is, for pages that anybody reads."""


class Deliveries(DeliveryRoutes):
    """What webhooks were told of a project's runs, and forges of its commits (reference, API 1.7.4)."""


class DirectRuns(DirectRunRoutes):
    """Direct runs asked for, as the public API shows them."""


class Events(EventRoutes):
    """What happens to runs, an extension: event streams for people, pages and scripts."""


class Executors(ExecutorRoutes):
    """Executors, an extension."""


class LinkedAccounts(LinkedAccountRoutes):
    """Linked accounts: who a user is on a remote source, and what they have there."""


class Logs(ProjectLogRoutes, UserLogRoutes):
    """Logs of steps, as the public API shows them."""


class Organizations(OrgRoutes, OrgInvitationRoutes):
    """Organizations, their members and invitations, as the public API shows them."""


class Projects(ProjectGroupRoutes, ProjectRoutes):
    """Project groups and projects, as the public API shows them."""


class Pushes(PushRoutes):
    """Pushes explained, an extension: which runs were made of what was pushed, or why none."""


class Reports(RunTestRoutes):
    """Tests of runs, an extension: what test reports of steps have said."""


class Runs(ProjectRunRoutes, UserRunRoutes):
    """Runs and their tasks, as the public API shows them."""


class SealingKeys(SealingKeyRoutes):
    """Keys that secrets are sealed under, an extension."""


class Secrets(SecretRoutes):
    """Secrets of projects and project groups, as the public API shows them: never their values."""


class Storage(ProjectStorageRoutes, UserStorageRoutes):
    """What is kept of runs, and its removal."""


class Users(UserRoutes, RemoteSourceRoutes, OpenRoutes):
    """Users, their tokens and remote sources, as the public API shows them."""


class Variables(VariableRoutes):
    """Variables of projects and project groups, as the public API shows them."""


class GatewayClient(Nouns):
    """The public API; each attribute is a noun."""

    @cached_property
    def accounts(self) -> Accounts:
        """Accounts: logging in and out, sessions, passwords, as the public API has them."""
        return self._noun(Accounts)

    @cached_property
    def artifacts(self) -> Artifacts:
        """Artifacts of runs, an extension: files that steps have kept for people."""
        return self._noun(Artifacts)

    @cached_property
    def audit(self) -> Audit:
        """The audit log, an extension: who has done what, when and from where."""
        return self._noun(Audit)

    @cached_property
    def badges(self) -> Badges:
        """Badges: small pictures of how a project is, for pages that anybody reads."""
        return self._noun(Badges)

    @cached_property
    def deliveries(self) -> Deliveries:
        """What webhooks were told of a project's runs, and forges of its commits (reference, API 1.7.4)."""
        return self._noun(Deliveries)

    @cached_property
    def direct_runs(self) -> DirectRuns:
        """Direct runs asked for, as the public API shows them."""
        return self._noun(DirectRuns)

    @cached_property
    def events(self) -> Events:
        """What happens to runs, an extension: event streams for people, pages and scripts."""
        return self._noun(Events)

    @cached_property
    def executors(self) -> Executors:
        """Executors, an extension."""
        return self._noun(Executors)

    @cached_property
    def linked_accounts(self) -> LinkedAccounts:
        """Linked accounts: who a user is on a remote source, and what they have there."""
        return self._noun(LinkedAccounts)

    @cached_property
    def logs(self) -> Logs:
        """Logs of steps, as the public API shows them."""
        return self._noun(Logs)

    @cached_property
    def organizations(self) -> Organizations:
        """Organizations, their members and invitations, as the public API shows them."""
        return self._noun(Organizations)

    @cached_property
    def projects(self) -> Projects:
        """Project groups and projects, as the public API shows them."""
        return self._noun(Projects)

    @cached_property
    def pushes(self) -> Pushes:
        """Pushes explained, an extension: which runs were made of what was pushed, or why none."""
        return self._noun(Pushes)

    @cached_property
    def reports(self) -> Reports:
        """Tests of runs, an extension: what test reports of steps have said."""
        return self._noun(Reports)

    @cached_property
    def runs(self) -> Runs:
        """Runs and their tasks, as the public API shows them."""
        return self._noun(Runs)

    @cached_property
    def sealing_keys(self) -> SealingKeys:
        """Keys that secrets are sealed under, an extension."""
        return self._noun(SealingKeys)

    @cached_property
    def secrets(self) -> Secrets:
        """Secrets of projects and project groups, as the public API shows them: never their values."""
        return self._noun(Secrets)

    @cached_property
    def storage(self) -> Storage:
        """What is kept of runs, and its removal."""
        return self._noun(Storage)

    @cached_property
    def users(self) -> Users:
        """Users, their tokens and remote sources, as the public API shows them."""
        return self._noun(Users)

    @cached_property
    def variables(self) -> Variables:
        """Variables of projects and project groups, as the public API shows them."""
        return self._noun(Variables)
