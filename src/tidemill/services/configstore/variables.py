"""Variables of projects and groups: which key of which secret a name means, on which occasion."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from tidemill.contracts.secrets import ParentKind, Variable, VariableData
from tidemill.contracts.values import CLONE_TOKEN
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.core.variables import PlacedSecret, VariableValue, secret_behind
from tidemill.errors import BadRequest, Failure, NotFound
from tidemill.kit.db import AnyRow, Database, Snapshot, Transaction
from tidemill.services.configstore import finding
from tidemill.services.configstore.noting import held_by, note
from tidemill.services.configstore.store import held
from tidemill.services.configstore.store.held import Level
from tidemill.services.configstore.store.tables import secrets, variables

_MOST_VALUES = 100


class VariableKeeper:
    """Keeps variables."""

    def __init__(self, db: Database, *, clock: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._db = db
        self._clock = clock
        self._new_id = new_id

    async def listed(self, kind: ParentKind, ref: str, *, tree: bool, nearest: bool) -> tuple[Variable, ...]:
        """Those of a project or group, and of the groups above it if *tree*."""

        async def find(tx: Snapshot) -> tuple[Variable, ...]:
            levels = await finding.levels(tx, kind, ref)
            found = await held.listed(tx, variables, levels if tree else levels[:1], nearest=nearest)
            kept = placed(await held.listed(tx, secrets, levels))
            return tuple(_shown(row, n, levels, kept) for n, row in found)

        return await self._db.read(find)

    async def create(self, kind: ParentKind, ref: str, request: VariableData) -> Variable:
        """Add a variable; the secrets that it names need not exist yet."""
        meanings = _checked(request)
        new_id, now = self._new_id(), self._clock()

        async def add(tx: Transaction) -> None:
            level = await finding.held_level(tx, kind, ref)
            values = {"id": new_id, "name": request.name, "meanings": meanings}
            if not await held.add(tx, variables, level, values, now):
                raise _is_taken(request.name, level)
            await note(tx, now, "variable.create", held_by(level, "variable", new_id, request.name))

        await self._db.do(add)
        return _made(new_id, request)

    async def update(self, kind: ParentKind, ref: str, name: str, request: VariableData) -> Variable:
        """Make another of it, under another name if that is given."""
        meanings = _checked(request)
        now = self._clock()

        async def change(tx: Transaction) -> str:
            level = await finding.held_level(tx, kind, ref)
            row = await held.named(tx, variables, level, name)
            if row is None:
                raise _does_not_exist(name, level)
            if request.name != name and await held.named(tx, variables, level, request.name):
                raise _is_taken(request.name, level)
            values = {"name": request.name, "changed_at": now, "meanings": meanings}
            await held.change(tx, variables, row.id, values)
            await note(
                tx, now, "variable.update", held_by(level, "variable", row.id, name), ("name", "values")
            )
            return str(row.id)

        return _made(await self._db.do(change), request)

    async def delete(self, kind: ParentKind, ref: str, name: str) -> None:
        """Forget a variable."""
        now = self._clock()

        async def remove(tx: Transaction) -> None:
            level = (await finding.levels(tx, kind, ref))[0]
            row = await held.named(tx, variables, level, name)
            if row is None or not await held.remove(tx, variables, row.id):
                raise _does_not_exist(name, level)
            await note(tx, now, "variable.delete", held_by(level, "variable", row.id, name))

        await self._db.do(remove)


def values_of(row: AnyRow) -> tuple[VariableValue, ...]:
    """What a stored variable means."""
    return msgspec.json.decode(row.meanings, type=tuple[VariableValue, ...])


def placed(found: Sequence[tuple[int, AnyRow]]) -> list[PlacedSecret]:
    """Stored secrets as the rules see them."""
    return [PlacedSecret(id=row.id, name=row.name, level=level) for level, row in found]


def _shown(row: AnyRow, number: int, levels: Sequence[Level], kept: Sequence[PlacedSecret]) -> Variable:
    values = values_of(row)
    behind = [secret_behind(value.secret_name, number, kept) for value in values]
    return Variable(
        id=row.id,
        name=row.name,
        parent_path=levels[number].path,
        values=values,
        secret_paths=tuple(levels[secret.level].path if secret else "" for secret in behind),
    )


def _made(id: str, request: VariableData) -> Variable:
    """What creating and changing answer; as in the reference, without places."""
    nowhere = ("",) * len(request.values)
    return Variable(id=id, name=request.name, parent_path="", values=request.values, secret_paths=nowhere)


def _checked(request: VariableData) -> bytes:
    """The values as they are stored; every check of them, in the reference's order."""
    if not is_valid_name(request.name):
        raise BadRequest(
            f"{request.name!r} cannot be a variable's name: {NAME_RULE}", code="invalidVariableName"
        )
    if request.name == CLONE_TOKEN:
        raise BadRequest(
            f"{CLONE_TOKEN!r} is what the clone step asks for; take another name", code="invalidVariableName"
        )
    if not request.values:
        raise BadRequest("a variable needs at least one value", code="invalidVariableValues")
    if len(request.values) > _MOST_VALUES:
        raise BadRequest(
            f"a variable has at most {_MOST_VALUES} values, not {len(request.values)}",
            code="invalidVariableValues",
        )
    return msgspec.json.encode(request.values)


def _is_taken(name: str, level: Level) -> Failure:
    return BadRequest(f"there is a variable {name!r} in {level.path!r} already", code="variableAlreadyExists")


def _does_not_exist(name: str, level: Level) -> Failure:
    return NotFound(f"{level.path!r} has no variable {name!r}", code="variableDoesNotExist")
