"""How often something may be tried: counted in the database, so for all gateways together."""

import hashlib
import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from tidemill.errors import Forbidden, TooMany, Unauthorized
from tidemill.kit.db import Database, Transaction
from tidemill.kit.supervise import Loop
from tidemill.services.gateway.store import tries as store
from tidemill.settings.login import LoginSettings

#: Rows that are kept at most between two looks; who is forgiven soonest is forgotten first.
MOST_ROWS = 100_000

log = structlog.get_logger("gateway")


class Allowance(NamedTuple):
    """So many tries of what *key* names, and one more after each pause."""

    key: str
    tries: int
    pause: timedelta


class Tries:
    """Counts wrong passwords and new accounts, and turns away who has had their share."""

    def __init__(self, db: Database, settings: LoginSettings, *, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock

    def loop(self) -> Loop:
        """Forget what is forgiven."""
        return Loop("tries", self.forget, seconds=60)

    def of_account(self, name: str) -> Allowance:
        """What is allowed for an account, also for one that does not exist."""
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
        pause = timedelta(seconds=self._settings.account_pause)
        return Allowance(f"account {digest}", self._settings.account_tries, pause)

    def of_address(self, address: str) -> Allowance:
        """What is allowed from an address."""
        pause = timedelta(seconds=self._settings.address_pause)
        return Allowance(f"address {network(address)}", self._settings.address_tries, pause)

    @asynccontextmanager
    async def one(self, *allowances: Allowance, counts: bool = False) -> AsyncIterator[None]:
        """Try once; raises TooMany when that is too often. What is refused counts, or all that *counts*."""
        await self._take(allowances)
        refused = False
        try:
            yield
        except (Unauthorized, Forbidden):
            refused = True
            raise
        finally:
            if not refused and not counts:
                await self._give_back(allowances)

    async def forget(self) -> None:
        """Forget what is forgiven, and what is more than can be kept."""
        now = self._clock()

        async def forget(tx: Transaction) -> int:
            await store.forget_forgiven(tx, now)
            beyond = await store.count(tx) - MOST_ROWS
            if beyond > 0:
                await store.forget_mildest(tx, beyond)
            return beyond

        beyond = await self._db.do(forget)
        if beyond > 0:
            log.warning("more tries of passwords than are remembered", forgotten=beyond)

    async def _take(self, allowances: Sequence[Allowance]) -> None:
        now = self._clock()

        async def take(tx: Transaction) -> timedelta:
            """Count one try of each, unless one is used up; answers for how long that is so."""
            wait, counted = timedelta(0), []
            for one in sorted(allowances):
                at = await store.forgiven_at(tx, one.key, now)
                wait = max(wait, at - now - (one.tries - 1) * one.pause)
                counted.append((one.key, at + one.pause))
            if wait <= timedelta(0):
                for key, at in counted:
                    await store.set_forgiven_at(tx, key, at)
            return wait

        wait = await self._db.do(take)
        if wait > timedelta(0):
            seconds = wait.total_seconds()
            raise TooMany(
                f"too many wrong tries; try again in {seconds:.0f} s", details={"retry_after": seconds}
            )

    async def _give_back(self, allowances: Sequence[Allowance]) -> None:
        async def give(tx: Transaction) -> None:
            for one in sorted(allowances):
                await store.sooner(tx, one.key, one.pause)

        await self._db.do(give)


def network(address: str) -> str:
    """What is one address as far as tries go: of IPv6, the 64 bits that somebody has for themselves."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))
