"""Pushes explained, an extension: which runs were made of what was pushed, or why none."""

import msgspec

from tidemill.contracts.gateway.runs import ExplanationResponse, Time
from tidemill.kit.contract import Contract, get


class PushedRefExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A ref that a push moved, explained."""

    ref: str
    old: str
    new: str
    runs: tuple[int, ...]
    """Numbers of the runs that were made."""
    explanation: ExplanationResponse


class PushExplanationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A push, explained."""

    id: str
    pusher: str
    """The user's id."""
    received_at: Time | None
    refs: tuple[PushedRefExplanation, ...]


class PushRoutes(Contract):
    """What became of pushes."""

    @get("/projects/{projectref}/pushes/{pushid}/explain")
    async def explain_push(self, projectref: str, pushid: str) -> PushExplanationResponse:
        """Extension: for each ref of a push, the runs or why there are none; 404 `pushDoesNotExist`."""
