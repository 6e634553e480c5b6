"""The notification service: what happens to runs is told to webhooks, at least once and in order."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from tidemill.contracts.feed import Feed
from tidemill.contracts.notification import Notification
from tidemill.contracts.runservice import Runservice
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.kit.http import serve
from tidemill.kit.supervise import Faces, Loop
from tidemill.services.notification.deliveries import Deliveries
from tidemill.services.notification.expiring import Expiring
from tidemill.services.notification.store import places
from tidemill.settings import NotificationSettings

if TYPE_CHECKING:
    from tidemill.services.notification.telling import Telling

INTERNAL = "/internal/notification"


class NotificationService:
    """Tells where a webhook is set, and answers for what was delivered."""

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
        self._deliveries = Deliveries(db, bells, clock=clock, new_id=new_id)
        self._expiring = Expiring(db, settings.run_webhook_expire_interval, clock=clock)
        self._telling: Telling | None = None
        if settings.webhook_url:
            telling = _telling()
            self._telling = telling(settings, db, bells, feed, runservice, clock=clock, new_id=new_id)

    def loops(self) -> list[Loop]:
        """Without a webhook there is nothing to do but to remove what is old."""
        return [self._expiring.loop(), *(self._telling.loops() if self._telling else ())]

    def faces(self) -> Faces:
        """What the gateway may ask."""
        return {Notification: self._deliveries}

    def routes(self) -> Sequence[BaseRoute]:
        """What the gateway asks from another process."""
        return serve(Notification, self._deliveries, INTERNAL)

    async def start(self) -> None:
        """Without a webhook no event counts, until one is set."""
        if self._telling is not None:
            await self._telling.start()
        else:
            await self._db.do(places.forget)

    async def close(self) -> None:
        """Let others go on; the database belongs to whoever opened it."""
        if self._telling is not None:
            await self._telling.close()


def _telling() -> "type[Telling]":
    """Loaded where it is wanted: a server that tells nobody anything does without a second HTTP client."""
    from tidemill.services.notification.telling import Telling  # noqa: PLC0415

    return Telling
