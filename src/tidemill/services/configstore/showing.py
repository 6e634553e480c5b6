"""From what is stored to what the contract shows."""

from collections.abc import Sequence

from tidemill.contracts.configstore import Project, ProjectGroup, User
from tidemill.contracts.remote_sources import RemoteSource
from tidemill.kit.db import AnyRow
from tidemill.services.configstore.store.groups import Place, narrower


def user(row: AnyRow, token_names: tuple[str, ...] = ()) -> User:
    """A user as the contract shows it."""
    return User(
        id=row.id,
        name=row.name,
        is_admin=row.is_admin,
        is_disabled=row.is_disabled,
        token_names=token_names,
    )


def known_user(rows: Sequence[AnyRow], token_name: str = "") -> User:
    """A user who has said who they are: one row, or one for each of their memberships."""
    (first, *_) = rows
    memberships = {row.org_id: row.role for row in rows if row.org_id is not None}
    return User(
        id=first.id,
        name=first.name,
        is_admin=first.is_admin,
        memberships=memberships,
        token_name=token_name,
    )


def group(place: Place) -> ProjectGroup:
    """A project group as the contract shows it."""
    return ProjectGroup(
        id=place.id,
        name=place.name,
        path=place.path,
        parent_path=place.parent_path,
        visibility=place.visibility,
        global_visibility=place.global_visibility,
        owner=place.owner,
        owner_kind=place.owner_kind,
    )


def project(row: AnyRow, place: Place) -> Project:
    """A project as the contract shows it; on the built-in source its repository is at its own path."""
    path = f"{place.path}/{row.name}"
    return Project(
        id=row.id,
        name=row.name,
        path=path,
        parent_path=place.path,
        visibility=row.visibility,
        global_visibility=narrower(place.global_visibility, row.visibility),
        owner=place.owner,
        owner_kind=place.owner_kind,
        remote_source=row.remote_source,
        repo_path=row.repo_path or path,
        created_at=row.created_at,
        pass_vars_to_forked_pr=row.pass_vars_to_forked_pr,
        members_can_perform_run_actions=row.members_can_perform_run_actions,
    )


def source(row: AnyRow) -> RemoteSource:
    """A remote source as the contract shows it."""
    return RemoteSource(
        id=row.id,
        name=row.name,
        type=row.type,
        auth_type=row.auth_type,
        api_url=row.api_url,
        skip_verify=row.skip_verify,
        oauth2_client_id=row.oauth2_client_id,
        ssh_host_key=row.ssh_host_key,
        skip_ssh_host_key_check=row.skip_ssh_host_key_check,
        registration_enabled=row.registration_enabled,
        login_enabled=row.login_enabled,
    )
