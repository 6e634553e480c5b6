"""Hashes of passwords (argon2id): made in threads, few at a time, the same time for everybody."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio.to_thread

from tidemill.core.passwords import LONGEST, normalized
from tidemill.errors import Unavailable

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")

#: Recommended by OWASP: 19 MiB, two passes, one lane.
MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
#: Each takes a core and that much memory.
AT_ONCE = 2
#: More than that would wait longer than anybody does.
WAITING = 64

#: What the password of who has none is compared with, so that they cannot be told by the time it takes.
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$rlalWrVhuUQjfQS5pyMSvg$NBTsEJ2LCxunWXCsd3FziAZeDfq4kiO456URBz8hVmc"


class Hashing:
    """Makes and compares hashes; loads what it needs for that when it is first used."""

    def __init__(self) -> None:
        self._made: PasswordHasher | None = None
        self._limit = anyio.CapacityLimiter(AT_ONCE)
        self._asked = 0

    async def hash(self, password: str) -> str:
        """What may be kept of *password*."""
        return await self._work(lambda hasher: hasher.hash(normalized(password)))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether *kept* is of *password*; without one the answer is no, after the same time."""
        right = await self._work(partial(_matches, kept or NOBODYS, password))
        return right and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether *kept* was made with less than is asked for today."""
        return self._hasher().check_needs_rehash(kept)

    async def _work(self, work: "Callable[[PasswordHasher], T]") -> T:
        if self._asked >= WAITING:
            raise Unavailable("too many people log in at once; try again", code="tooManyLogins")
        self._asked += 1
        try:
            return await anyio.to_thread.run_sync(lambda: work(self._hasher()), limiter=self._limit)
        finally:
            self._asked -= 1

    def _hasher(self) -> "PasswordHasher":
        if self._made is None:
            from argon2 import PasswordHasher  # noqa: PLC0415 - 10 ms, rarely needed

            self._made = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        return self._made


def _matches(kept: str, password: str, hasher: "PasswordHasher") -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - loaded already

    try:
        return hasher.verify(kept, normalized(password[: LONGEST + 1]))
    except (VerificationError, InvalidHashError):
        return False
