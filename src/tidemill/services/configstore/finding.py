"""From what callers write (ids, names, paths) to what is stored, or the reference's errors."""

from tidemill.contracts.configstore import Project
from tidemill.contracts.secrets import ParentKind
from tidemill.core.names import OwnedPath, is_id, is_path, is_valid_name, parse_path
from tidemill.core.permissions import MemberRole
from tidemill.errors import BadRequest, Failure, NotFound
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore import showing
from tidemill.services.configstore.store import groups, held, organizations, projects, sources, users
from tidemill.services.configstore.store.groups import Place
from tidemill.services.configstore.store.held import Level


async def user(tx: Snapshot, ref: str) -> AnyRow:
    """By id when *ref* looks like one, else by name."""
    found = None
    if is_id(ref):
        found = await users.by_id(tx, ref)
    elif is_valid_name(ref):
        found = await users.by_name(tx, ref)
    if found is None:
        raise no_user(ref)
    return found


async def held_user(tx: Transaction, ref: str) -> AnyRow:
    """The same, who cannot go before the transaction is over."""
    found = await user(tx, ref)
    if not await users.hold(tx, found.id):
        raise no_user(ref)
    return found


async def org(tx: Snapshot, ref: str) -> AnyRow:
    """By id when *ref* looks like one, else by name."""
    found = None
    if is_id(ref):
        found = await organizations.by_id(tx, ref)
    elif is_valid_name(ref):
        found = await organizations.by_name(tx, ref)
    if found is None:
        raise no_org(ref)
    return found


async def held_org(tx: Transaction, ref: str) -> AnyRow:
    """The same, whose visibility and people nobody else can change before the transaction is over."""
    found = await org(tx, ref)
    if not await organizations.hold(tx, found.id):
        raise no_org(ref)
    return await org(tx, found.id)


async def remote_source(tx: Snapshot, ref: str) -> AnyRow:
    """By id when *ref* looks like one, else by name."""
    found = None
    if is_id(ref):
        found = await sources.by_id(tx, ref)
    elif is_valid_name(ref):
        found = await sources.by_name(tx, ref)
    if found is None:
        raise NotFound(f"remote source {ref!r} does not exist", code="remoteSourceDoesNotExist")
    return found


async def group(tx: Snapshot, ref: str) -> Place:
    """By path when *ref* has a slash, else by id."""
    if is_path(ref):
        path = parse_path(ref, least=2)
        found = await _below(tx, path, path.names)
    else:
        found = await groups.place(tx, ref) if is_id(ref) else None
    if found is None:
        raise no_group(ref)
    return found


async def parent(tx: Snapshot, ref: str) -> Place:
    """The group that something is to be put into; whatever of its path is missing, the parent is."""
    try:
        return await group(tx, ref)
    except NotFound as error:
        raise no_parent(ref) from error


async def project(tx: Snapshot, ref: str) -> tuple[AnyRow, Place]:
    """A project and its group, by path when *ref* has a slash, else by id."""
    row, place = None, None
    if is_path(ref):
        path = parse_path(ref, least=3)
        place = await _below(tx, path, path.names[:-1])
        if place is not None and is_valid_name(path.names[-1]):
            row = await projects.in_group(tx, place.id, path.names[-1])
    elif is_id(ref):
        row = await projects.by_id(tx, ref)
        place = None if row is None else await groups.place(tx, row.parent_id)
    if row is None or place is None:
        raise no_project(ref)
    return row, place


async def projects_of(tx: Snapshot, user_id: str) -> tuple[Project, ...]:
    """Every project that a user owns, at any depth, by path."""
    roots = await groups.owned_roots(tx, user_id)
    places = await groups.trees(tx, roots)
    rows = await projects.below(tx, [root.id for root in roots])
    return tuple(
        sorted((showing.project(row, places[row.parent_id]) for row in rows), key=lambda one: one.path)
    )


async def levels(tx: Snapshot, kind: ParentKind, ref: str) -> list[Level]:
    """What *ref* names and the groups above it, nearest first: where secrets and variables are looked for."""
    if kind == "projects":
        row, place = await project(tx, ref)
        return await levels_of_project(tx, row, place)
    return await levels_of_group(tx, (await group(tx, ref)).id)


async def held_level(tx: Transaction, kind: ParentKind, ref: str) -> Level:
    """What *ref* names, where until the commit nobody else gives names to secrets and variables."""
    level = (await levels(tx, kind, ref))[0]
    if not await held.hold(tx, level):
        raise no_project(ref) if kind == "projects" else no_group(ref)
    return level


async def levels_of_project(tx: Snapshot, row: AnyRow, place: Place) -> list[Level]:
    """The same for a project that is found already, in the group at *place*."""
    own = Level(kind="projects", id=row.id, path=f"{place.path}/{row.name}", owner=place.owner)
    return [own, *await _from_group_up(tx, place.id)]


async def levels_of_group(tx: Snapshot, id: str) -> list[Level]:
    """The same for a group that is found already, and may have gone since."""
    found = await _from_group_up(tx, id)
    if not found:
        raise no_group(id)
    return found


async def _from_group_up(tx: Snapshot, id: str) -> list[Level]:
    return [
        Level(kind="project-groups", id=place.id, path=place.path, owner=place.owner)
        for place in reversed(await groups.lineage(tx, id))
    ]


async def _below(tx: Snapshot, path: OwnedPath, names: tuple[str, ...]) -> Place | None:
    root = await groups.root_of(tx, path.kind, path.owner) if is_valid_name(path.owner) else None
    if root is None:
        raise no_org(path.owner) if path.kind == "org" else no_user(path.owner)
    if not all(is_valid_name(name) for name in names):
        return None
    return await groups.descend(tx, root, names)


def no_user(ref: str) -> Failure:
    """What is said of a user who is not there."""
    return NotFound(f"user {ref!r} does not exist", code="userDoesNotExist")


def no_org(ref: str) -> Failure:
    """What is said of an organization that is not there."""
    return NotFound(f"organization {ref!r} does not exist", code="organizationDoesNotExist")


def no_parent(ref: str) -> Failure:
    """What is said of a parent group that is not there."""
    return NotFound(f"parent project group {ref!r} does not exist", code="parentProjectGroupDoesNotExist")


def no_group(ref: str) -> Failure:
    """What is said of a project group that is not there."""
    return NotFound(f"project group {ref!r} does not exist", code="projectGroupDoesNotExist")


def no_project(ref: str) -> Failure:
    """What is said of a project that is not there."""
    return NotFound(f"project {ref!r} does not exist", code="projectDoesNotExist")


def role(text: str) -> MemberRole:
    """What a user is to be in an organization; refuses what is no role."""
    match text:
        case "owner" | "member":
            return text
        case _:
            raise BadRequest(f"role {text!r} is neither owner nor member", code="invalidRole")


def check_visibility(text: str, code: str | None = None) -> None:
    """Refuse what is neither public nor private."""
    if text not in ("public", "private"):
        raise BadRequest(f"visibility {text!r} is neither public nor private", code=code)
