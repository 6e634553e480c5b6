"""Renaming, moving and deleting project groups: no group gets inside itself, and nothing is lost unseen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tidemill.contracts.configstore import ProjectGroupUpdate
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.errors import BadRequest, Conflict
from tidemill.kit.db import Transaction
from tidemill.services.configstore import finding
from tidemill.services.configstore.changing import check_depth, check_members, hold, is_taken
from tidemill.services.configstore.noting import a_group, given, note
from tidemill.services.configstore.store import groups, projects
from tidemill.services.configstore.store.groups import Place


async def update_group(tx: Transaction, ref: str, request: ProjectGroupUpdate, now: datetime) -> Place:
    """Rename, move or change a project group; every check, in the reference's order."""
    place = await finding.group(tx, ref)
    if request.name is not None:
        _check_name(place, request.name)
    if request.visibility is not None:
        finding.check_visibility(request.visibility, "invalidVisibility")
    changes: dict[str, Any] = {"visibility": request.visibility}
    if request.parent is not None or request.name:
        target = None if request.parent is None else (await finding.parent(tx, request.parent)).id
        changes |= await _placed(tx, place.id, target, request.name)
    wanted = {key: value for key, value in changes.items() if value is not None}
    if wanted:
        await groups.change(tx, place.id, wanted)
        await note(tx, now, "projectgroup.update", a_group(place), given(request))
    return await finding.group(tx, place.id)


async def delete_group(tx: Transaction, ref: str, expected: frozenset[str], now: datetime) -> None:
    """Delete a group with everything below it; what is there beside the *expected* projects keeps it."""
    place = await finding.group(tx, ref)
    if is_root(place):
        raise BadRequest(f"{place.path!r} is a root group; it goes with its owner alone")
    await hold_below(tx, place, expected)
    await groups.remove(tx, place.id)
    await note(tx, now, "projectgroup.delete", a_group(place))


async def hold_below(tx: Transaction, place: Place, expected: frozenset[str]) -> None:
    """Hold all below a group until it is gone; refuses when that is more projects than are *expected*."""
    await _hold_trees(tx, [place.id])
    await groups.lock_tree(tx, (await finding.group(tx, place.id)).id)
    if not expected.issuperset(await projects.ids_below(tx, place.id)):
        raise Conflict(
            f"a project was put into {place.path!r} in this moment; ask again", code="projectGroupChanged"
        )


def is_root(place: Place) -> bool:
    """A root group is where a user or an organization begins."""
    return place.path == place.parent_path


async def _placed(tx: Transaction, id: str, target: str | None, name: str | None) -> dict[str, Any]:
    """Where the group is to be, and under which name; held, so that what is checked is true at the commit."""
    await _hold_trees(tx, [id] if target is None else [id, target])
    place = await finding.group(tx, id)
    if is_root(place):
        raise BadRequest(f"{place.path!r} is a root group; it cannot be moved")
    parent = await finding.parent(tx, place.parent_path if target is None else target)
    if parent.path == place.path or parent.path.startswith(f"{place.path}/"):
        raise BadRequest(f"{place.path!r} cannot be moved into itself")
    check_depth(parent, 1 + await groups.height(tx, id))
    if parent.owner_kind == "user":
        check_members(parent, members_may=await projects.act_below(tx, id))
    await hold(tx, parent, parent.path)
    wanted = name or place.name
    taken = await groups.named(tx, parent.id, wanted)
    if taken not in (None, id):
        raise is_taken(parent, wanted)
    return {"parent_id": parent.id, "name": wanted}


async def _hold_trees(tx: Transaction, ids: Sequence[str]) -> None:
    """Hold the root groups above these groups: what moves within their trees does so one at a time."""
    held: set[str] = set()
    while roots := {chain[0].id for one in ids if (chain := await groups.lineage(tx, one))} - held:
        for root in sorted(roots):
            await groups.lock(tx, root)
        held |= roots


def _check_name(place: Place, name: str) -> None:
    if is_root(place) and name:
        raise BadRequest(f"{place.path!r} is a root group; it has no name", code="invalidProjectGroupName")
    if not is_root(place) and not is_valid_name(name):
        raise BadRequest(
            f"{name!r} cannot be a project group's name: {NAME_RULE}", code="invalidProjectGroupName"
        )
