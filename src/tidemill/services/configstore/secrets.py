"""Secrets of projects and groups: their data goes in, is sealed for its row, and comes out of no list."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from tidemill.contracts.secrets import ParentKind, Secret, SecretData
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.errors import BadRequest, Failure, NotFound
from tidemill.kit.crypto import Keyring, Sealed
from tidemill.kit.db import AnyRow, Database, Snapshot, Transaction
from tidemill.services.configstore import finding
from tidemill.services.configstore.noting import held_by, note
from tidemill.services.configstore.opened import Opened
from tidemill.services.configstore.store import held
from tidemill.services.configstore.store.held import Level
from tidemill.services.configstore.store.tables import secrets


class SecretKeeper:
    """Keeps secrets; knows the keys."""

    def __init__(
        self, db: Database, keys: Keyring, *, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._db = db
        self._keys = keys
        self._opened = Opened()
        self._clock = clock
        self._new_id = new_id

    async def listed(self, kind: ParentKind, ref: str, *, tree: bool, nearest: bool) -> tuple[Secret, ...]:
        """Those of a project or group, and of the groups above it if *tree*."""

        async def find(tx: Snapshot) -> tuple[Secret, ...]:
            levels = await finding.levels(tx, kind, ref)
            found = await held.listed(tx, secrets, levels if tree else levels[:1], nearest=nearest)
            return tuple(Secret(id=row.id, name=row.name, parent_path=levels[n].path) for n, row in found)

        return await self._db.read(find)

    async def create(self, kind: ParentKind, ref: str, request: SecretData) -> Secret:
        """Add a secret."""
        plain = _checked(request)
        new_id, now = self._new_id(), self._clock()

        async def add(tx: Transaction) -> None:
            level = await finding.held_level(tx, kind, ref)
            values = {"id": new_id, "name": request.name} | self._sealed(plain, new_id, level.id)
            if not await held.add(tx, secrets, level, values, now):
                raise _is_taken(request.name, level)
            await note(
                tx, now, "secret.create", held_by(level, "secret", new_id, request.name), sorted(request.data)
            )

        await self._db.do(add)
        return Secret(id=new_id, name=request.name, parent_path="")

    async def update(self, kind: ParentKind, ref: str, name: str, request: SecretData) -> Secret:
        """Make another of it, under another name if that is given."""
        plain = _checked(request)
        now = self._clock()

        async def change(tx: Transaction) -> str:
            level = await finding.held_level(tx, kind, ref)
            row = await held.named(tx, secrets, level, name)
            if row is None:
                raise _does_not_exist(name, level)
            if request.name != name and await held.named(tx, secrets, level, request.name):
                raise _is_taken(request.name, level)
            values = {"name": request.name, "changed_at": now} | self._sealed(plain, row.id, level.id)
            await held.change(tx, secrets, row.id, values)
            await note(
                tx,
                now,
                "secret.update",
                held_by(level, "secret", row.id, name),
                ("name", *sorted(request.data)),
            )
            return str(row.id)

        return Secret(id=await self._db.do(change), name=request.name, parent_path="")

    async def delete(self, kind: ParentKind, ref: str, name: str) -> None:
        """Forget a secret; variables may go on naming it."""
        now = self._clock()

        async def remove(tx: Transaction) -> None:
            level = (await finding.levels(tx, kind, ref))[0]
            row = await held.named(tx, secrets, level, name)
            if row is None or not await held.remove(tx, secrets, row.id):
                raise _does_not_exist(name, level)
            await note(tx, now, "secret.delete", held_by(level, "secret", row.id, name))

        await self._db.do(remove)

    def opened(self, row: AnyRow) -> Mapping[str, str]:
        """The data of a secret; raises Unavailable when it cannot be opened here and now."""
        sealed = Sealed(key_id=row.key_id, nonce=row.nonce, ciphertext=row.ciphertext)
        where = place(row.id, row.project_id or row.group_id)
        data = self._opened.get(where, sealed)
        if data is None:
            data = msgspec.json.decode(self._keys.open(sealed, where), type=dict[str, str])
            self._opened.put(where, sealed, data)
        return data

    def _sealed(self, plain: bytes, id: str, parent_id: str) -> dict[str, str | bytes]:
        sealed = self._keys.seal(plain, place(id, parent_id))
        return {"key_id": sealed.key_id, "nonce": sealed.nonce, "ciphertext": sealed.ciphertext}


def place(id: str, parent_id: str) -> bytes:
    """What a secret's data is bound to: a row that is copied elsewhere does not open there."""
    return f"secret {id} of {parent_id}".encode()


def _checked(request: SecretData) -> bytes:
    """The data as it is sealed; every check of it, in the reference's order."""
    if not is_valid_name(request.name):
        raise BadRequest(f"{request.name!r} cannot be a secret's name: {NAME_RULE}", code="invalidSecretName")
    if not request.data:
        raise BadRequest("a secret's data needs at least one key", code="invalidSecretData")
    for key, value in request.data.items():
        if "\0" in value:
            raise BadRequest(f"the value of {key!r} holds a NUL character", code="invalidSecretData")
    return msgspec.json.encode(request.data)


def _is_taken(name: str, level: Level) -> Failure:
    return BadRequest(f"there is a secret {name!r} in {level.path!r} already", code="secretAlreadyExists")


def _does_not_exist(name: str, level: Level) -> Failure:
    return NotFound(f"{level.path!r} has no secret {name!r}", code="secretDoesNotExist")
