"""The client of the public API by noun, without `await`; made by make fmt from the contracts."""

from functools import cached_property

from tidemill.contracts.client.sync import nouns
from tidemill.contracts.client.sync.blocking import Blocking


class GatewayClient(Blocking):
    """The public API; each attribute is a noun."""

    @cached_property
    def accounts(self) -> nouns.Accounts:
        """Accounts: logging in and out, sessions, passwords, as the public API has them."""
        return nouns.Accounts(self._portal, self._target.accounts)

    @cached_property
    def artifacts(self) -> nouns.Artifacts:
        """Artifacts of runs, an extension: files that steps have kept for people."""
        return nouns.Artifacts(self._portal, self._target.artifacts)

    @cached_property
    def audit(self) -> nouns.Audit:
        """The audit log, an extension: who has done what, when and from where."""
        return nouns.Audit(self._portal, self._target.audit)

    @cached_property
    def badges(self) -> nouns.Badges:
        """Badges: small pictures of how a project is, for pages that anybody reads."""
        return nouns.Badges(self._portal, self._target.badges)

    @cached_property
    def deliveries(self) -> nouns.Deliveries:
        """What webhooks were told of a project's runs, and forges of its commits (reference, API 1.7.4)."""
        return nouns.Deliveries(self._portal, self._target.deliveries)

    @cached_property
    def direct_runs(self) -> nouns.DirectRuns:
        """Direct runs asked for, as the public API shows them."""
        return nouns.DirectRuns(self._portal, self._target.direct_runs)

    @cached_property
    def events(self) -> nouns.Events:
        """What happens to runs, an extension: event streams for people, pages and scripts."""
        return nouns.Events(self._portal, self._target.events)

    @cached_property
    def executors(self) -> nouns.Executors:
        """Executors, an extension."""
        return nouns.Executors(self._portal, self._target.executors)

    @cached_property
    def linked_accounts(self) -> nouns.LinkedAccounts:
        """Linked accounts: who a user is on a remote source, and what they have there."""
        return nouns.LinkedAccounts(self._portal, self._target.linked_accounts)

    @cached_property
    def logs(self) -> nouns.Logs:
        """Logs of steps, as the public API shows them."""
        return nouns.Logs(self._portal, self._target.logs)

    @cached_property
    def organizations(self) -> nouns.Organizations:
        """Organizations, their members and invitations, as the public API shows them."""
        return nouns.Organizations(self._portal, self._target.organizations)

    @cached_property
    def projects(self) -> nouns.Projects:
        """Project groups and projects, as the public API shows them."""
        return nouns.Projects(self._portal, self._target.projects)

    @cached_property
    def pushes(self) -> nouns.Pushes:
        """Pushes explained, an extension: which runs were made of what was pushed, or why none."""
        return nouns.Pushes(self._portal, self._target.pushes)

    @cached_property
    def reports(self) -> nouns.Reports:
        """Tests of runs, an extension: what test reports of steps have said."""
        return nouns.Reports(self._portal, self._target.reports)

    @cached_property
    def runs(self) -> nouns.Runs:
        """Runs and their tasks, as the public API shows them."""
        return nouns.Runs(self._portal, self._target.runs)

    @cached_property
    def sealing_keys(self) -> nouns.SealingKeys:
        """Keys that secrets are sealed under, an extension."""
        return nouns.SealingKeys(self._portal, self._target.sealing_keys)

    @cached_property
    def secrets(self) -> nouns.Secrets:
        """Secrets of projects and project groups, as the public API shows them: never their values."""
        return nouns.Secrets(self._portal, self._target.secrets)

    @cached_property
    def storage(self) -> nouns.Storage:
        """What is kept of runs, and its removal."""
        return nouns.Storage(self._portal, self._target.storage)

    @cached_property
    def users(self) -> nouns.Users:
        """Users, their tokens and remote sources, as the public API shows them."""
        return nouns.Users(self._portal, self._target.users)

    @cached_property
    def variables(self) -> nouns.Variables:
        """Variables of projects and project groups, as the public API shows them."""
        return nouns.Variables(self._portal, self._target.variables)
