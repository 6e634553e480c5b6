"""The guard against pages of other origins, with a key that all gateways share."""

import secrets
from collections.abc import Callable
from datetime import datetime

from tidemill.kit.contract import Call
from tidemill.kit.db import Database
from tidemill.kit.http.csrf import Csrf
from tidemill.services.gateway.store import keys
from tidemill.settings import GatewaySettings

_KEY = "csrf"


class Guard:
    """Checks requests that show no token of a user; its key is made by whoever needs it first."""

    def __init__(
        self,
        settings: GatewaySettings,
        db: Database,
        *,
        own_origin: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._db = db
        self._own_origin = own_origin
        self._clock = clock
        self._csrf: Csrf | None = None

    async def check(self, call: Call) -> None:
        """Let a request pass or refuse it; its answer carries the token for the next one."""
        (await self._made()).check(call)

    async def check_stated_origin(self, call: Call) -> None:
        """Refuse what a page of a foreign origin sends; for routes that look at no credentials."""
        if call.header("origin"):
            (await self._made()).check_stated_origin(call)

    async def _made(self) -> Csrf:
        if self._csrf is None:
            new, now = secrets.token_bytes(32), self._clock()
            key = await self._db.do(lambda tx: keys.signing_key(tx, _KEY, new, now))
            self._csrf = Csrf(
                key,
                own_origin=self._own_origin(),
                allowed_origins=self._settings.allowed_origins,
                secure=not self._settings.unsecure_cookies,
                clock=self._clock,
            )
        return self._csrf
