"""One key taking over from others: what is sealed is sealed anew, part by part, while everybody works on."""

from collections.abc import Callable
from datetime import datetime

import structlog

from tidemill.contracts.audit import Subject
from tidemill.contracts.sealing import Reseal, Resealed, Sealing, SealingKey, SealingKeys
from tidemill.core.names import is_id
from tidemill.errors import BadRequest, Unavailable
from tidemill.kit.crypto import Keyring, Sealed
from tidemill.kit.db import AnyRow, Database, Transaction
from tidemill.services.configstore import remote_sources, secrets
from tidemill.services.configstore.noting import note
from tidemill.services.configstore.store import sealed

#: Rows of one transaction; each may hold a megabyte.
_PART = 50

#: What a row of each table is bound to.
_PLACES: tuple[Callable[[AnyRow], bytes], ...] = (
    lambda row: secrets.place(row.id, row.project_id or row.group_id),
    lambda row: remote_sources.place(row.id),
)

_NUMBERS = tuple(str(number) for number in range(len(sealed.TABLES)))

log = structlog.get_logger("sealing")


class SealKeeper(Sealing):
    """Knows the keys, and what is sealed under which."""

    def __init__(self, db: Database, keys: Keyring, *, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock

    async def sealing_keys(self) -> SealingKeys:
        counted = await self._db.read(sealed.counted)
        here = self._keys.ids()
        missing = sorted(set(counted) - set(here))
        return SealingKeys(
            tuple(
                SealingKey(
                    id=key, is_current=key == self._keys.current, is_here=key in here, sealed=counted[key]
                )
                for key in (*here, *missing)
            )
        )

    async def reseal(self, request: Reseal) -> Resealed:
        table, _, after = request.after.partition("/")
        is_begun = request.after != ""
        if is_begun and not (table in _NUMBERS and (after == "" or is_id(after))):
            raise BadRequest(f"{request.after!r} is no place to go on from; begin anew", code="badPosition")
        return await self._db.do(lambda tx: self._part(tx, int(table or 0), after))

    async def tell(self) -> None:
        """Say in the log what is not sealed under the current key."""
        for key in (await self.sealing_keys()).keys:
            if key.sealed and not key.is_here:
                log.warning("secrets cannot be opened: their key is not here", key=key.id, secrets=key.sealed)
            elif key.sealed and not key.is_current:
                log.warning(
                    "secrets are sealed under an older key; run: tidemill sealing-key reseal",
                    key=key.id,
                    secrets=key.sealed,
                )

    async def _part(self, tx: Transaction, number: int, after: str) -> Resealed:
        rows = await sealed.otherwise(tx, number, self._keys.current, after=after, limit=_PART)
        unopened = 0
        for row in rows:
            kept = Sealed(key_id=row.key_id, nonce=row.nonce, ciphertext=row.ciphertext)
            try:
                anew = self._keys.reseal(kept, _PLACES[number](row))
            except Unavailable as error:
                unopened += 1
                tx.after_commit(_tell_unopened, sealed.TABLES[number].name, row, error.message)
            else:
                await sealed.keep(tx, number, row.id, anew)
        if len(rows) > unopened:
            key = Subject(kind="sealing-key", id=self._keys.current)
            await note(tx, self._clock(), "sealing-key.reseal", key)
        if len(rows) == _PART:
            next_place = f"{number}/{rows[-1].id}"
        else:
            next_place = f"{number + 1}/" if number + 1 < len(sealed.TABLES) else ""
        return Resealed(resealed=len(rows) - unopened, unopened=unopened, next=next_place)


def _tell_unopened(table: str, row: AnyRow, reason: str) -> None:
    log.warning("a secret cannot be opened", kept_in=table, id=row.id, key=row.key_id, reason=reason)
