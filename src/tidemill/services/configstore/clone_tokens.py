"""Clone tokens: short-lived, signed leave for a job to read its project's repository."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import msgspec

from tidemill.contracts.values import CLONE_TOKEN_PREFIX

LIFETIME = timedelta(hours=24)


class _Claim(msgspec.Struct, frozen=True, kw_only=True):
    project: str
    expires: int
    """Seconds since 1970."""


def mint(key: bytes, project: str, now: datetime) -> str:
    """A token for the project with this id."""
    claim = _Claim(project=project, expires=int((now + LIFETIME).timestamp()))
    payload = _text(msgspec.json.encode(claim))
    return f"{CLONE_TOKEN_PREFIX}{payload}.{_text(_seal(key, payload))}"


def verify(key: bytes, token: str, now: datetime) -> str | None:
    """The id of the project that *token* is for; None when it is forged, damaged or expired."""
    payload, _, seal = token.removeprefix(CLONE_TOKEN_PREFIX).partition(".")
    try:
        if not hmac.compare_digest(_bytes(seal), _seal(key, payload)):
            return None
        claim = msgspec.json.decode(_bytes(payload), type=_Claim)
    except (ValueError, msgspec.DecodeError):
        return None
    return claim.project if datetime.fromtimestamp(claim.expires, UTC) > now else None


def _seal(key: bytes, payload: str) -> bytes:
    return hmac.digest(key, payload.encode(), hashlib.sha256)


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
