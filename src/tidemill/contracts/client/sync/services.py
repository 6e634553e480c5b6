"""The clients of internal services without `await`; made by make fmt from the contracts."""

from tidemill.contracts.audit import Audit
from tidemill.contracts.client.sync.blocking import Blocking, blocking, blocking_stream
from tidemill.contracts.configstore import Configstore
from tidemill.contracts.direct_runs import DirectValues
from tidemill.contracts.feed import Feed
from tidemill.contracts.fleet import Fleet
from tidemill.contracts.jobs import Jobs
from tidemill.contracts.logs import Logs
from tidemill.contracts.notification import Notification
from tidemill.contracts.organizations import Invitations, Organizations
from tidemill.contracts.passwords import Passwords
from tidemill.contracts.remote_sources import RemoteSources
from tidemill.contracts.runservice import Runservice
from tidemill.contracts.sealing import Sealing
from tidemill.contracts.secrets import SecretCalls
from tidemill.contracts.sessions import Sessions
from tidemill.contracts.storage import Storage
from tidemill.contracts.values import Values


class ConfigstoreClient(Blocking):
    """All that the configstore answers to others."""

    entries = blocking(Audit.entries)
    record = blocking(Audit.record)
    secrets = blocking(SecretCalls.secrets)
    create_secret = blocking(SecretCalls.create_secret)
    update_secret = blocking(SecretCalls.update_secret)
    delete_secret = blocking(SecretCalls.delete_secret)
    variables = blocking(SecretCalls.variables)
    create_variable = blocking(SecretCalls.create_variable)
    update_variable = blocking(SecretCalls.update_variable)
    delete_variable = blocking(SecretCalls.delete_variable)
    create_user = blocking(Configstore.create_user)
    user = blocking(Configstore.user)
    users = blocking(Configstore.users)
    user_projects = blocking(Configstore.user_projects)
    update_user = blocking(Configstore.update_user)
    delete_user = blocking(Configstore.delete_user)
    create_token = blocking(Configstore.create_token)
    delete_token = blocking(Configstore.delete_token)
    user_of_token = blocking(Configstore.user_of_token)
    project_group = blocking(Configstore.project_group)
    create_project_group = blocking(Configstore.create_project_group)
    update_project_group = blocking(Configstore.update_project_group)
    projects_below = blocking(Configstore.projects_below)
    delete_project_group = blocking(Configstore.delete_project_group)
    group_projects = blocking(Configstore.group_projects)
    group_subgroups = blocking(Configstore.group_subgroups)
    project = blocking(Configstore.project)
    create_project = blocking(Configstore.create_project)
    update_project = blocking(Configstore.update_project)
    delete_project = blocking(Configstore.delete_project)
    project_of_clone_token = blocking(Configstore.project_of_clone_token)
    seal_direct_variables = blocking(DirectValues.seal_direct_variables)
    direct_repository_of = blocking(DirectValues.direct_repository_of)
    create_org = blocking(Organizations.create_org)
    org = blocking(Organizations.org)
    orgs = blocking(Organizations.orgs)
    update_org = blocking(Organizations.update_org)
    delete_org = blocking(Organizations.delete_org)
    org_members = blocking(Organizations.org_members)
    set_org_member = blocking(Organizations.set_org_member)
    remove_org_member = blocking(Organizations.remove_org_member)
    user_orgs = blocking(Organizations.user_orgs)
    org_invitations = blocking(Invitations.org_invitations)
    user_invitations = blocking(Invitations.user_invitations)
    invitation = blocking(Invitations.invitation)
    invite = blocking(Invitations.invite)
    withdraw_invitation = blocking(Invitations.withdraw_invitation)
    answer_invitation = blocking(Invitations.answer_invitation)
    check_password = blocking(Passwords.check_password)
    set_password = blocking(Passwords.set_password)
    create_account = blocking(Passwords.create_account)
    remote_source = blocking(RemoteSources.remote_source)
    remote_sources = blocking(RemoteSources.remote_sources)
    create_remote_source = blocking(RemoteSources.create_remote_source)
    update_remote_source = blocking(RemoteSources.update_remote_source)
    delete_remote_source = blocking(RemoteSources.delete_remote_source)
    sealing_keys = blocking(Sealing.sealing_keys)
    reseal = blocking(Sealing.reseal)
    create_session = blocking(Sessions.create_session)
    owner_of_session = blocking(Sessions.owner_of_session)
    sessions = blocking(Sessions.sessions)
    end_session = blocking(Sessions.end_session)
    end_sessions = blocking(Sessions.end_sessions)
    resolve = blocking(Values.resolve)


class RunserviceClient(Blocking):
    """All that the runservice answers to others."""

    create_runs = blocking(Runservice.create_runs)
    run = blocking(Runservice.run)
    follow_run = blocking_stream(Runservice.follow_run)
    explain_run = blocking(Runservice.explain_run)
    numbered_run = blocking(Runservice.numbered_run)
    runs = blocking(Runservice.runs)
    queued_groups = blocking(Runservice.queued_groups)
    start_run = blocking(Runservice.start_run)
    cancel_run = blocking(Runservice.cancel_run)
    stop_run = blocking(Runservice.stop_run)
    restart_run = blocking(Runservice.restart_run)
    approve_task = blocking(Runservice.approve_task)
    reject_task = blocking(Runservice.reject_task)
    artifacts = blocking(Runservice.artifacts)
    artifact_bundle = blocking_stream(Runservice.artifact_bundle)
    artifact = blocking(Runservice.artifact)
    read_artifact = blocking_stream(Runservice.read_artifact)
    tests = blocking(Runservice.tests)
    sync = blocking(Jobs.sync)
    append_log = blocking(Jobs.append_log)
    log_end = blocking(Jobs.log_end)
    workspaces = blocking(Jobs.workspaces)
    save_workspace = blocking(Jobs.save_workspace)
    find_cache = blocking(Jobs.find_cache)
    save_cache = blocking(Jobs.save_cache)
    read_archive = blocking_stream(Jobs.read_archive)
    save_artifacts = blocking(Jobs.save_artifacts)
    save_reports = blocking(Jobs.save_reports)
    executors = blocking(Fleet.executors)
    executors_page = blocking(Fleet.executors_page)
    executor = blocking(Fleet.executor)
    follow_executor = blocking_stream(Fleet.follow_executor)
    want = blocking(Fleet.want)
    forget_executor = blocking(Fleet.forget_executor)
    read_log = blocking_stream(Logs.read_log)
    log_index = blocking(Logs.log_index)
    events = blocking_stream(Feed.events)
    delete_run = blocking(Storage.delete_run)
    delete_log = blocking(Storage.delete_log)
    caches = blocking(Storage.caches)
    delete_cache = blocking(Storage.delete_cache)
    delete_caches = blocking(Storage.delete_caches)
    usage = blocking(Storage.usage)
    run_rule = blocking(Storage.run_rule)
    set_run_rule = blocking(Storage.set_run_rule)
    delete_group = blocking(Storage.delete_group)


class NotificationClient(Blocking):
    """All that the notification answers to others."""

    run_webhook_deliveries = blocking(Notification.run_webhook_deliveries)
    redeliver_run_webhook = blocking(Notification.redeliver_run_webhook)
    commit_status_deliveries = blocking(Notification.commit_status_deliveries)
    redeliver_commit_status = blocking(Notification.redeliver_commit_status)
