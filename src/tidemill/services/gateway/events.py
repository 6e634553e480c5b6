"""What happens to runs as people see it, behind the permission to list the runs."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import lru_cache

import msgspec

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.feed import Feed, Happened, RunChanged
from tidemill.contracts.gateway.events import (
    EventResponse,
    EventRoutes,
    EventTaskResponse,
    RunEventResponse,
    TaskEventResponse,
)
from tidemill.core.permissions import Action
from tidemill.core.refs import group_owner
from tidemill.core.run import RunTask
from tidemill.kit.contract import current_call
from tidemill.kit.event_stream import Message, Parser, message, position
from tidemill.kit.go_json import encode, go_time
from tidemill.kit.streams import closing
from tidemill.services.gateway.door import Door, current_caller
from tidemill.services.gateway.owners import project_groups, user_groups
from tidemill.services.gateway.runs import GroupOf
from tidemill.services.gateway.showing import listed_run, shown_status
from tidemill.services.gateway.watching import while_allowed

#: Events that are kept as people see them.
_REMEMBERED = 64
_happened = msgspec.json.Decoder(Happened)


class Events(EventRoutes):
    """Events of all runs, of a project's, of a user's own."""

    def __init__(self, configstore: Configstore, feed: Feed, door: Door) -> None:
        self._feed = feed
        self._door = door
        self._of_project = project_groups(configstore)
        self._of_user = user_groups(configstore)

    async def events(self, after: str = "") -> AsyncIterator[bytes]:
        async def everybodys() -> str:
            current_caller().require(Action.FOLLOW_ALL_RUNS)
            return ""

        return await self._follow(everybodys, after)

    async def project_events(self, projectref: str, after: str = "") -> AsyncIterator[bytes]:
        return await self._follow(lambda: self._group(self._of_project, projectref), after)

    async def user_events(self, userref: str, after: str = "") -> AsyncIterator[bytes]:
        return await self._follow(lambda: self._group(self._of_user, userref), after)

    @staticmethod
    async def _group(group_of: GroupOf, owner: str) -> str:
        return await group_of(owner, Action.LIST_RUNS)

    async def _follow(self, find: Callable[[], Awaitable[str]], after: str) -> AsyncIterator[bytes]:
        """Events of the group that *find* answers, as long as it answers it to who asked."""

        async def ask() -> None:
            await self._door.look_again()
            await find()

        group = await find()
        told = await self._feed.events(current_call().last_event_id or after, group)
        return while_allowed(_shown(told), ask)


async def _shown(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The same stream with what people get to see."""
    parser = Parser()
    async with closing(chunks):
        async for chunk in chunks:
            told = parser.feed(chunk)
            if told:
                yield b"".join(map(_rewritten, told))
            elif parser.is_between:
                yield position(parser.last_id)


@lru_cache(_REMEMBERED)
def _rewritten(told: Message) -> bytes:
    """The same for everybody who may see it: many readers are told the same things at the same time."""
    return message(told.id, told.event, encode(_event(told)))


def _event(told: Message) -> EventResponse:
    happened = _happened.decode(told.data)
    project, user = group_owner(happened.group)
    time = go_time(happened.at)
    if isinstance(happened, RunChanged):
        return RunEventResponse(
            time=time, project_id=project, user_id=user, run=listed_run(happened), reason=happened.reason
        )
    return TaskEventResponse(
        time=time,
        project_id=project,
        user_id=user,
        run_number=happened.number,
        task=_task(happened.task),
    )


def _task(task: RunTask) -> EventTaskResponse:
    return EventTaskResponse(
        id=task.id,
        name=task.name,
        status=shown_status(task),
        timedout=task.timed_out,
        waiting_approval=task.waiting_approval,
        approved=task.approved,
        start_time=go_time(task.started_at),
        end_time=go_time(task.ended_at),
        attempt=task.attempt,
        reason=task.reason,
    )
