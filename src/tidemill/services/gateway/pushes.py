"""Pushes explained, behind the permission to list the runs of their project."""

from collections.abc import Callable
from datetime import datetime

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.pushes import PushedRefExplanation, PushExplanationResponse, PushRoutes
from tidemill.contracts.gateway.runs import ExplanationResponse
from tidemill.core.explaining.pushes import MadeOf, Pushed, explain_push
from tidemill.core.permissions import Action
from tidemill.errors import NotFound
from tidemill.kit.db import Database
from tidemill.kit.go_json import go_time
from tidemill.services.gateway.door import current_caller, thing
from tidemill.services.gateway.store import inbox
from tidemill.services.gateway.store.inbox import Item, State


class ExplainedPushes(PushRoutes):
    """What became of pushes, from the records that the inbox keeps."""

    def __init__(self, db: Database, configstore: Configstore, *, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._configstore = configstore
        self._clock = clock

    async def explain_push(self, projectref: str, pushid: str) -> PushExplanationResponse:
        project = await self._configstore.project(projectref)
        current_caller().require(Action.LIST_RUNS, thing(project))
        record = await self._db.read(lambda tx: inbox.record(tx, project.id, pushid))
        if record is None:
            raise NotFound(f"{project.path} has no push {pushid!r}", code="pushDoesNotExist")
        now = self._clock()
        return PushExplanationResponse(
            id=record.id,
            pusher=record.pusher,
            received_at=go_time(record.received_at),
            refs=tuple(_explained(item, now) for item in record.items),
        )


def _explained(item: Item, now: datetime) -> PushedRefExplanation:
    runs = tuple(MadeOf(number=run.number, name=run.name, setup_error=run.setup_error) for run in item.runs)
    found = explain_push(
        Pushed(
            code=item.code,
            is_pending=item.state is State.PENDING,
            has_failed=item.state is State.FAILED,
            note=item.note,
            runs=runs,
            attempts=item.attempts,
            due_at=item.due_at,
        ),
        now,
    )
    return PushedRefExplanation(
        ref=item.ref,
        old=item.old,
        new=item.new,
        runs=tuple(run.number for run in item.runs),
        explanation=ExplanationResponse(code=found.code, sentence=found.sentence, evidence=found.evidence),
    )
