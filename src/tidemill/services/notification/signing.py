"""The headers of a request to a webhook: what it is about, and who has signed it."""

import hashlib
import hmac
from datetime import datetime

from tidemill.contracts.run_webhook import (
    ATTEMPT_HEADER,
    DELIVERY_HEADER,
    EVENT_HEADER,
    SIGNATURE_HEADER,
    TIMED_SIGNATURE_HEADER,
    WEBHOOK_HEADER,
)
from tidemill.services.notification.store.claiming import Claimed


def headers(claimed: Claimed, secret: str, now: datetime) -> dict[str, str]:
    """Agola's headers and ours; signatures only with a *secret*."""
    found = {
        "Content-Type": "application/json",
        "User-Agent": "Tidemill",
        EVENT_HEADER: "run",
        WEBHOOK_HEADER: claimed.webhook,
        DELIVERY_HEADER: claimed.id,
        ATTEMPT_HEADER: str(claimed.attempts + 1),
    }
    if secret:
        found[SIGNATURE_HEADER] = _signature(secret, claimed.payload)
        found[TIMED_SIGNATURE_HEADER] = _timed_signature(secret, claimed.payload, int(now.timestamp()))
    return found


def _signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _timed_signature(secret: str, body: bytes, second: int) -> str:
    """Of the time too, so that whoever has overheard a request cannot send it again much later."""
    return f"t={second},v1={_signature(secret, b'%d.%b' % (second, body))}"
