"""All there is to do where a webhook is set: follow the feed, fill the outbox, deliver."""

from collections.abc import Callable
from datetime import datetime

from tidemill.contracts.feed import Feed
from tidemill.contracts.runservice import Runservice
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.kit.guarded_http import Guard, GuardedHttp, checked_url
from tidemill.kit.supervise import Loop
from tidemill.services.notification.following import Following
from tidemill.services.notification.plans import Plans
from tidemill.services.notification.sending import Sending
from tidemill.settings import NotificationSettings


class Telling:
    """Telling a webhook what happens to runs."""

    def __init__(  # noqa: PLR0913 - it stands between several others
        self,
        settings: NotificationSettings,
        db: Database,
        bells: Bells,
        feed: Feed,
        runservice: Runservice,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        """Raises BadRequest for an address or a network in the settings that is none."""
        checked_url(settings.webhook_url, "notification.webhook_url")
        self._http = GuardedHttp(Guard(settings.webhook_allow))
        self._following = Following(db, bells, feed, Plans(runservice), clock=clock, new_id=new_id)
        self._sending = Sending(settings, db, bells, self._http, clock=clock, new_id=new_id)

    def loops(self) -> list[Loop]:
        """The way into the outbox, and the way out of it."""
        return [self._following.loop(), self._sending.loop()]

    async def start(self) -> None:
        """Events count from now on, or from where they were followed to."""
        await self._following.start()
        await self._sending.start()

    async def close(self) -> None:
        """Let other instances go on."""
        self._sending.close()
        try:
            await self._following.close()
        finally:
            await self._http.aclose()
