"""The gateway's service: the public API, the door to git hosting, the inbox."""

from collections.abc import Callable, Sequence
from datetime import datetime

from starlette.routing import BaseRoute

from tidemill.contracts.direct_runs import DirectRepositories
from tidemill.contracts.gateway import PREFIX
from tidemill.contracts.gateway.webhooks import WebhookRoutes
from tidemill.contracts.pushes import Access, AccessRequest, Push, Pushes, PushOutcome
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.kit.http import serve
from tidemill.kit.supervise import Faces, Loop
from tidemill.planning.planner import Planner
from tidemill.services.gateway import nouns
from tidemill.services.gateway.asked import Asked
from tidemill.services.gateway.checked import checked, is_open
from tidemill.services.gateway.dialect import agola, agola_in_the_open
from tidemill.services.gateway.direct_repositories import DirectReception
from tidemill.services.gateway.entrance import Entrance
from tidemill.services.gateway.forgetting import Forgetting
from tidemill.services.gateway.inbox import Inbox
from tidemill.services.gateway.reception import Reception
from tidemill.services.gateway.reference import reference_routes
from tidemill.services.gateway.removing import Removing
from tidemill.services.gateway.triggering import Triggering
from tidemill.services.gateway.webhooks import Webhooks
from tidemill.settings import GatewaySettings

INTERNAL = "/internal/gateway"


class GatewayService(Pushes):
    """The one door. What it serves to people is put together from one class per noun."""

    def __init__(  # noqa: PLR0913 - it is told all that it cannot find out
        self,
        settings: GatewaySettings,
        db: Database,
        bells: Bells,
        planner: Planner,
        asked: Asked,
        *,
        admin_token: str,
        exposed_url: Callable[[], str],
        git_url: Callable[[], str],
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self.settings = settings
        configstore, runservice, gitserver = asked.configstore, asked.runservice, asked.gitserver
        self._entrance = Entrance(
            settings, db, asked, admin_token=admin_token, exposed_url=exposed_url, clock=clock
        )
        door = self._entrance.door
        triggering = Triggering(runservice, gitserver, planner, exposed_url=exposed_url, git_url=git_url)
        self._inbox = Inbox(db, bells, configstore, triggering, clock=clock)
        self._removing = Removing(db, bells, configstore, runservice, gitserver, asked.storage, clock=clock)
        self._forgetting = Forgetting(db, settings.keep_pushes, clock=clock)
        self._reception = Reception(
            db, bells, configstore, door, offer=self._inbox.offer, exposed_url=exposed_url
        )
        self._direct = DirectReception(
            configstore,
            asked.direct_values,
            runservice,
            door,
            open_to_neighbours=settings.anonymous_direct_runs,
        )
        self._webhooks = Webhooks(configstore)
        self._nouns = [
            *nouns.people(settings, asked, self._entrance, self._removing),
            *nouns.projects(asked, db, triggering, self._removing, new_id),
            *nouns.runs(asked, db, door, clock),
        ]

    def loops(self) -> list[Loop]:
        """The inbox, the removal of repositories, and what has had its time."""
        tries = self._entrance.tries
        return [self._inbox.loop(), self._removing.loop(), self._forgetting.loop(), tries.loop()]

    def faces(self) -> Faces:
        """What the gitserver may ask."""
        return {Pushes: self, DirectRepositories: self._direct}

    def routes(self) -> Sequence[BaseRoute]:
        """The public API, and what the gitserver asks."""
        behind, before = agola(self._entrance.door), agola_in_the_open()
        api = [
            route
            for contract, noun in self._nouns
            for route in serve(
                contract, checked(contract, noun), PREFIX, before if is_open(contract) else behind
            )
        ]
        webhooks = serve(WebhookRoutes, checked(WebhookRoutes, self._webhooks), "", before)
        asked = [
            route for contract, face in self.faces().items() for route in serve(contract, face, INTERNAL)
        ]
        return [*api, *reference_routes(api), *webhooks, *asked]

    async def start(self) -> None:
        """Nothing is to be made ready: what is pending is found by the loops."""

    async def close(self) -> None:
        """Hear nothing any more; the database belongs to whoever opened it."""
        self._inbox.close()
        self._removing.close()

    async def access(self, request: AccessRequest) -> Access:
        return await self._reception.access(request)

    async def pushed(self, push: Push) -> PushOutcome:
        return await self._reception.pushed(push)
