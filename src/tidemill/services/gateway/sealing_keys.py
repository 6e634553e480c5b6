"""Keys of secrets, behind the permission of administrators."""

from tidemill.contracts.gateway.sealing_keys import (
    ResealRequest,
    ResealResponse,
    SealingKeyResponse,
    SealingKeyRoutes,
)
from tidemill.contracts.sealing import Reseal, Sealing
from tidemill.core.permissions import Action
from tidemill.services.gateway.door import current_caller


class SealingKeys(SealingKeyRoutes):
    """Asks the configstore, which has the keys."""

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing

    async def sealing_keys(self) -> tuple[SealingKeyResponse, ...]:
        current_caller().require(Action.MANAGE_KEYS)
        return tuple(
            SealingKeyResponse(id=key.id, current=key.is_current, here=key.is_here, sealed=key.sealed)
            for key in (await self._sealing.sealing_keys()).keys
        )

    async def reseal(self, request: ResealRequest) -> ResealResponse:
        current_caller().require(Action.MANAGE_KEYS)
        done = await self._sealing.reseal(Reseal(after=request.after))
        return ResealResponse(resealed=done.resealed, unopened=done.unopened, next=done.next)
