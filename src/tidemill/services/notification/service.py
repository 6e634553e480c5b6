"""The notification service: what happens to runs is told to webhooks, at least once and in order."""

from collections.abc import Callable, Sequence
from datetime import datetime

from starlette.routing import BaseRoute

from tidemill.contracts.feed import Feed
from tidemill.contracts.notification import Notification
from tidemill.contracts.runservice import Runservice
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.kit.guarded_http import Guard, GuardedHttp, checked_url
from tidemill.kit.http import serve
from tidemill.kit.supervise import Faces, Loop
from tidemill.services.notification.deliveries import Deliveries
from tidemill.services.notification.expiring import Expiring
from tidemill.services.notification.following import Following
from tidemill.services.notification.plans import Plans
from tidemill.services.notification.sending import Sending
from tidemill.services.notification.store import places
from tidemill.settings import NotificationSettings

INTERNAL = "/internal/notification"


class NotificationService:
    """Follows the feed and delivers where a webhook is set; answers for what was delivered."""

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
        self._db = db
        self._http = GuardedHttp(Guard(settings.webhook_allow))
        self._deliveries = Deliveries(db, bells, clock=clock, new_id=new_id)
        self._expiring = Expiring(db, settings.run_webhook_expire_interval, clock=clock)
        self._following: Following | None = None
        self._sending: Sending | None = None
        if settings.webhook_url:
            checked_url(settings.webhook_url, "notification.webhook_url")
            plans = Plans(runservice)
            self._following = Following(db, bells, feed, plans, clock=clock, new_id=new_id)
            self._sending = Sending(settings, db, bells, self._http, clock=clock, new_id=new_id)

    def loops(self) -> list[Loop]:
        """Without a webhook there is nothing to do but to remove what is old."""
        found = [self._expiring.loop()]
        if self._following is not None and self._sending is not None:
            found += [self._following.loop(), self._sending.loop()]
        return found

    def faces(self) -> Faces:
        """What the gateway may ask."""
        return {Notification: self._deliveries}

    def routes(self) -> Sequence[BaseRoute]:
        """What the gateway asks from another process."""
        return serve(Notification, self._deliveries, INTERNAL)

    async def start(self) -> None:
        """Events count from now on, or from where they were followed to; without a webhook none does."""
        if self._following is not None:
            await self._following.start()
        else:
            await self._db.do(places.forget)

    async def close(self) -> None:
        """Let others go on; the database belongs to whoever opened it."""
        if self._sending is not None:
            self._sending.close()
        if self._following is not None:
            await self._following.close()
        await self._http.aclose()
