"""The nouns of the public API without `await`; made by make fmt from the contracts."""

from tidemill.contracts.client.sync.blocking import Blocking, blocking, blocking_stream
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


class Accounts(Blocking):
    """Accounts: logging in and out, sessions, passwords, as the public API has them."""

    log_in = blocking(LoginRoutes.log_in)
    authorize = blocking(LoginRoutes.authorize)
    register = blocking(LoginRoutes.register)
    oauth2_callback = blocking(LoginRoutes.oauth2_callback)
    log_out = blocking(AccountRoutes.log_out)
    sessions = blocking(AccountRoutes.sessions)
    end_sessions = blocking(AccountRoutes.end_sessions)
    end_session = blocking(AccountRoutes.end_session)
    set_password = blocking(AccountRoutes.set_password)
    set_admin = blocking(AccountRoutes.set_admin)
    set_disabled = blocking(AccountRoutes.set_disabled)


class Artifacts(Blocking):
    """Artifacts of runs, an extension: files that steps have kept for people."""

    project_run_artifacts = blocking(ProjectArtifactRoutes.project_run_artifacts)
    project_run_artifacts_tar = blocking_stream(ProjectArtifactRoutes.project_run_artifacts_tar)
    project_run_artifacts_zip = blocking_stream(ProjectArtifactRoutes.project_run_artifacts_zip)
    project_run_artifact = blocking_stream(ProjectArtifactRoutes.project_run_artifact)
    user_run_artifacts = blocking(UserArtifactRoutes.user_run_artifacts)
    user_run_artifacts_tar = blocking_stream(UserArtifactRoutes.user_run_artifacts_tar)
    user_run_artifacts_zip = blocking_stream(UserArtifactRoutes.user_run_artifacts_zip)
    user_run_artifact = blocking_stream(UserArtifactRoutes.user_run_artifact)


class Audit(Blocking):
    """The audit log, an extension: who has done what, when and from where."""

    audit = blocking(AuditRoutes.audit)
    org_audit = blocking(AuditRoutes.org_audit)
    project_audit = blocking(AuditRoutes.project_audit)


class Badges(Blocking):
    """Badges: small pictures of how a project is, for pages that anybody reads."""

    badge = blocking_stream(BadgeRoutes.badge)


class Deliveries(Blocking):
    """What webhooks were told of a project's runs, and forges of its commits (reference, API 1.7.4)."""

    run_webhook_deliveries = blocking(DeliveryRoutes.run_webhook_deliveries)
    redeliver_run_webhook = blocking(DeliveryRoutes.redeliver_run_webhook)
    commit_status_deliveries = blocking(DeliveryRoutes.commit_status_deliveries)
    redeliver_commit_status = blocking(DeliveryRoutes.redeliver_commit_status)


class DirectRuns(Blocking):
    """Direct runs asked for, as the public API shows them."""

    create_direct_run = blocking(DirectRunRoutes.create_direct_run)


class Events(Blocking):
    """What happens to runs, an extension: event streams for people, pages and scripts."""

    events = blocking_stream(EventRoutes.events)
    project_events = blocking_stream(EventRoutes.project_events)
    user_events = blocking_stream(EventRoutes.user_events)


class Executors(Blocking):
    """Executors, an extension."""

    executors = blocking(ExecutorRoutes.executors)
    executor = blocking(ExecutorRoutes.executor)
    follow_executor = blocking_stream(ExecutorRoutes.follow_executor)
    drain_executor = blocking(ExecutorRoutes.drain_executor)
    pause_executor = blocking(ExecutorRoutes.pause_executor)
    resume_executor = blocking(ExecutorRoutes.resume_executor)
    delete_executor = blocking(ExecutorRoutes.delete_executor)


class LinkedAccounts(Blocking):
    """Linked accounts: who a user is on a remote source, and what they have there."""

    create_linked_account = blocking(LinkedAccountRoutes.create_linked_account)
    delete_linked_account = blocking(LinkedAccountRoutes.delete_linked_account)
    remote_repositories = blocking(LinkedAccountRoutes.remote_repositories)


class Logs(Blocking):
    """Logs of steps, as the public API shows them."""

    project_run_log = blocking_stream(ProjectLogRoutes.project_run_log)
    project_run_log_index = blocking(ProjectLogRoutes.project_run_log_index)
    user_run_log = blocking_stream(UserLogRoutes.user_run_log)
    user_run_log_index = blocking(UserLogRoutes.user_run_log_index)


class Organizations(Blocking):
    """Organizations, their members and invitations, as the public API shows them."""

    org = blocking(OrgRoutes.org)
    orgs = blocking(OrgRoutes.orgs)
    create_org = blocking(OrgRoutes.create_org)
    update_org = blocking(OrgRoutes.update_org)
    delete_org = blocking(OrgRoutes.delete_org)
    org_members = blocking(OrgRoutes.org_members)
    add_org_member = blocking(OrgRoutes.add_org_member)
    remove_org_member = blocking(OrgRoutes.remove_org_member)
    user_orgs = blocking(OrgRoutes.user_orgs)
    org_invitations = blocking(OrgInvitationRoutes.org_invitations)
    create_org_invitation = blocking(OrgInvitationRoutes.create_org_invitation)
    org_invitation = blocking(OrgInvitationRoutes.org_invitation)
    delete_org_invitation = blocking(OrgInvitationRoutes.delete_org_invitation)
    user_org_invitations = blocking(OrgInvitationRoutes.user_org_invitations)
    user_org_invitation_action = blocking(OrgInvitationRoutes.user_org_invitation_action)


class Projects(Blocking):
    """Project groups and projects, as the public API shows them."""

    project_group = blocking(ProjectGroupRoutes.project_group)
    project_group_subgroups = blocking(ProjectGroupRoutes.project_group_subgroups)
    project_group_projects = blocking(ProjectGroupRoutes.project_group_projects)
    create_project_group = blocking(ProjectGroupRoutes.create_project_group)
    update_project_group = blocking(ProjectGroupRoutes.update_project_group)
    delete_project_group = blocking(ProjectGroupRoutes.delete_project_group)
    project = blocking(ProjectRoutes.project)
    create_project = blocking(ProjectRoutes.create_project)
    update_project = blocking(ProjectRoutes.update_project)
    delete_project = blocking(ProjectRoutes.delete_project)
    reconfigure_project = blocking(ProjectRoutes.reconfigure_project)
    update_project_linked_account = blocking(ProjectRoutes.update_project_linked_account)
    refresh_project = blocking(ProjectRoutes.refresh_project)
    create_project_run = blocking(ProjectRoutes.create_project_run)
    project_pushes = blocking(ProjectRoutes.project_pushes)


class Pushes(Blocking):
    """Pushes explained, an extension: which runs were made of what was pushed, or why none."""

    explain_push = blocking(PushRoutes.explain_push)


class Reports(Blocking):
    """Tests of runs, an extension: what test reports of steps have said."""

    project_run_tests = blocking(RunTestRoutes.project_run_tests)
    user_run_tests = blocking(RunTestRoutes.user_run_tests)


class Runs(Blocking):
    """Runs and their tasks, as the public API shows them."""

    project_runs = blocking(ProjectRunRoutes.project_runs)
    project_run = blocking(ProjectRunRoutes.project_run)
    follow_project_run = blocking_stream(ProjectRunRoutes.follow_project_run)
    explain_project_run = blocking(ProjectRunRoutes.explain_project_run)
    project_run_action = blocking(ProjectRunRoutes.project_run_action)
    project_run_task = blocking(ProjectRunRoutes.project_run_task)
    project_run_task_action = blocking(ProjectRunRoutes.project_run_task_action)
    user_runs = blocking(UserRunRoutes.user_runs)
    user_run = blocking(UserRunRoutes.user_run)
    follow_user_run = blocking_stream(UserRunRoutes.follow_user_run)
    explain_user_run = blocking(UserRunRoutes.explain_user_run)
    user_run_action = blocking(UserRunRoutes.user_run_action)
    user_run_task = blocking(UserRunRoutes.user_run_task)
    user_run_task_action = blocking(UserRunRoutes.user_run_task_action)


class SealingKeys(Blocking):
    """Keys that secrets are sealed under, an extension."""

    sealing_keys = blocking(SealingKeyRoutes.sealing_keys)
    reseal = blocking(SealingKeyRoutes.reseal)


class Secrets(Blocking):
    """Secrets of projects and project groups, as the public API shows them: never their values."""

    project_secrets = blocking(SecretRoutes.project_secrets)
    create_project_secret = blocking(SecretRoutes.create_project_secret)
    update_project_secret = blocking(SecretRoutes.update_project_secret)
    delete_project_secret = blocking(SecretRoutes.delete_project_secret)
    project_group_secrets = blocking(SecretRoutes.project_group_secrets)
    create_project_group_secret = blocking(SecretRoutes.create_project_group_secret)
    update_project_group_secret = blocking(SecretRoutes.update_project_group_secret)
    delete_project_group_secret = blocking(SecretRoutes.delete_project_group_secret)


class Storage(Blocking):
    """What is kept of runs, and its removal."""

    delete_project_run = blocking(ProjectStorageRoutes.delete_project_run)
    delete_project_run_log = blocking(ProjectStorageRoutes.delete_project_run_log)
    project_caches = blocking(ProjectStorageRoutes.project_caches)
    delete_project_caches = blocking(ProjectStorageRoutes.delete_project_caches)
    delete_project_cache = blocking(ProjectStorageRoutes.delete_project_cache)
    project_storage = blocking(ProjectStorageRoutes.project_storage)
    project_retention = blocking(ProjectStorageRoutes.project_retention)
    set_project_retention = blocking(ProjectStorageRoutes.set_project_retention)
    delete_user_run = blocking(UserStorageRoutes.delete_user_run)
    delete_user_run_log = blocking(UserStorageRoutes.delete_user_run_log)
    user_caches = blocking(UserStorageRoutes.user_caches)
    delete_user_caches = blocking(UserStorageRoutes.delete_user_caches)
    delete_user_cache = blocking(UserStorageRoutes.delete_user_cache)
    user_storage = blocking(UserStorageRoutes.user_storage)


class Users(Blocking):
    """Users, their tokens and remote sources, as the public API shows them."""

    current_user = blocking(UserRoutes.current_user)
    user = blocking(UserRoutes.user)
    users = blocking(UserRoutes.users)
    create_user = blocking(UserRoutes.create_user)
    delete_user = blocking(UserRoutes.delete_user)
    create_user_token = blocking(UserRoutes.create_user_token)
    delete_user_token = blocking(UserRoutes.delete_user_token)
    remote_source = blocking(RemoteSourceRoutes.remote_source)
    create_remote_source = blocking(RemoteSourceRoutes.create_remote_source)
    update_remote_source = blocking(RemoteSourceRoutes.update_remote_source)
    delete_remote_source = blocking(RemoteSourceRoutes.delete_remote_source)
    version = blocking(OpenRoutes.version)
    remote_sources = blocking(OpenRoutes.remote_sources)


class Variables(Blocking):
    """Variables of projects and project groups, as the public API shows them."""

    project_variables = blocking(VariableRoutes.project_variables)
    create_project_variable = blocking(VariableRoutes.create_project_variable)
    update_project_variable = blocking(VariableRoutes.update_project_variable)
    delete_project_variable = blocking(VariableRoutes.delete_project_variable)
    project_group_variables = blocking(VariableRoutes.project_group_variables)
    create_project_group_variable = blocking(VariableRoutes.create_project_group_variable)
    update_project_group_variable = blocking(VariableRoutes.update_project_group_variable)
    delete_project_group_variable = blocking(VariableRoutes.delete_project_group_variable)
