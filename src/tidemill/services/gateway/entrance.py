"""The entrance: the door that every request passes, and the ways to be somebody behind it."""

from collections.abc import Callable
from datetime import datetime

from tidemill.kit.db import Database
from tidemill.services.gateway.accounts import Accounts
from tidemill.services.gateway.asked import Asked
from tidemill.services.gateway.door import Door
from tidemill.services.gateway.guard import Guard
from tidemill.services.gateway.logins import Logins
from tidemill.services.gateway.session_cookies import SessionCookies
from tidemill.services.gateway.tries import Tries
from tidemill.settings import GatewaySettings


class Entrance:
    """What decides together who somebody is: tokens, cookies, the guard, the tries of passwords."""

    def __init__(
        self,
        settings: GatewaySettings,
        db: Database,
        asked: Asked,
        *,
        admin_token: str,
        exposed_url: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        cookies = SessionCookies(secure=not settings.unsecure_cookies, seconds=settings.session_duration)
        guard = Guard(settings, db, own_origin=exposed_url, clock=clock)
        passwords, sessions = asked.passwords, asked.sessions
        self.tries = Tries(db, settings.login, clock=clock)
        self.door = Door(asked.configstore, sessions, cookies, guard, admin_token)
        self.logins = Logins(settings, asked.sources, passwords, sessions, self.tries, guard, cookies)
        self.accounts = Accounts(asked.configstore, passwords, sessions, self.tries, cookies)
