"""How often a password may be tried."""

from typing import Annotated

import msgspec
from msgspec import Meta

#: Between a tenth of a second and a day.
_Pause = Annotated[float, Meta(ge=0.1, le=86_400)]
_Tries = Annotated[int, Meta(ge=1, le=10_000)]


class LoginSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Wrong passwords: so many at once, then one after each pause. A right one counts for nothing."""

    account_tries: _Tries = 10
    """Wrong passwords of one account at once."""
    account_pause: _Pause = 30.0
    """Seconds after which one more is allowed."""
    address_tries: _Tries = 50
    """Wrong passwords, and new accounts, from one address at once (of IPv6: from one network of 64 bits)."""
    address_pause: _Pause = 10.0
    """Seconds after which one more is allowed."""
