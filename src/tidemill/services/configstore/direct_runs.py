"""Direct runs: their variables travel sealed in their scope, so that nothing of them is left to clean up.

They come with the request for a run, are nobody else's, and are wanted as long as the run is: in the run's
scope, which all but this module take for an opaque text, they go when it goes.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from tidemill.contracts.configstore import TokenCheck
from tidemill.contracts.direct_runs import (
    MOST_VARIABLES,
    CloneableRepository,
    DirectValues,
    DirectVariables,
    SealedScope,
)
from tidemill.contracts.values import CLONE_TOKEN, ValuesAnswer, ValuesRequest
from tidemill.core.direct_runs import DirectRepository, direct_repository
from tidemill.core.scope import DirectScope
from tidemill.errors import BadRequest, NotFound, Unavailable
from tidemill.kit.crypto import Keyring, Sealed
from tidemill.kit.db import Database
from tidemill.services.configstore import clone_tokens
from tidemill.services.configstore.store import users

_KEY_ID_DIGITS = 16
_NONCES = 24


class DirectKeeper(DirectValues):
    """Seals variables, opens them for jobs, and knows what clone tokens of such jobs may read."""

    def __init__(
        self,
        db: Database,
        keys: Keyring,
        clone_key: Callable[[], Awaitable[bytes]],
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._keys = keys
        self._clone_key = clone_key
        self._clock = clock

    async def seal_direct_variables(self, request: DirectVariables) -> SealedScope:
        if sum(len(name.encode()) + len(value.encode()) for name, value in request.variables.items()) > (
            MOST_VARIABLES
        ):
            raise BadRequest(f"the variables have more than {MOST_VARIABLES} bytes", code="tooManyVariables")
        sealed = ""
        if request.variables:
            plain = msgspec.json.encode(request.variables)
            sealed = _written(self._keys.seal(plain, _place(request.repository)))
        return SealedScope(scope=str(DirectScope(repository=request.repository, sealed=sealed)))

    async def direct_repository_of(self, request: TokenCheck) -> CloneableRepository:
        claimed = clone_tokens.verify(await self._clone_key(), request.token, self._clock()) or ""
        repository = direct_repository(claimed)
        if repository is None or not await self._is_users(repository):
            raise NotFound("the clone token is unknown or has expired", code="cloneTokenDoesNotExist")
        return CloneableRepository(repository=repository.id)

    async def resolve(self, scope: DirectScope, request: ValuesRequest) -> ValuesAnswer:
        """The values of the names for a direct run; none for that of a user who is gone."""
        repository = direct_repository(scope.repository)
        if repository is None or not await self._is_users(repository):
            return ValuesAnswer(values={})
        given = self._opened(scope) if scope.sealed and set(request.names) != {CLONE_TOKEN} else {}
        values = {name: given[name] for name in request.names if name in given and name != CLONE_TOKEN}
        if CLONE_TOKEN in request.names:
            values[CLONE_TOKEN] = clone_tokens.mint(await self._clone_key(), repository.id, self._clock())
        return ValuesAnswer(values=values)

    def _opened(self, scope: DirectScope) -> dict[str, str]:
        try:
            plain = self._keys.open(_read(scope.sealed), _place(scope.repository))
        except Unavailable as error:
            raise Unavailable(f"the variables of a direct run: {error.message}", code=error.code) from error
        return msgspec.json.decode(plain, type=dict[str, str])

    async def _is_users(self, repository: DirectRepository) -> bool:
        return await self._db.read(lambda tx: users.by_id(tx, repository.user)) is not None


def _place(repository: str) -> bytes:
    """What the variables of its runs are bound to."""
    return f"direct run of {repository}".encode()


def _written(sealed: Sealed) -> str:
    return sealed.key_id + urlsafe_b64encode(sealed.nonce + sealed.ciphertext).decode()


def _read(text: str) -> Sealed:
    rest = urlsafe_b64decode(text[_KEY_ID_DIGITS:])
    return Sealed(key_id=text[:_KEY_ID_DIGITS], nonce=rest[:_NONCES], ciphertext=rest[_NONCES:])
