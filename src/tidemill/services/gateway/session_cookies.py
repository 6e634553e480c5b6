"""The two cookies of a session (API 2.3): one that opens it, one that pages can read and delete."""

import base64
import hashlib
import hmac

from tidemill.kit.http.cookies import cookies, set_cookie

SECONDARY = "secondarysession"


class SessionCookies:
    """Sets the cookies of a session, and reads them; a session needs both, and one made for the other."""

    def __init__(self, *, secure: bool, seconds: float) -> None:
        self._secure = secure
        self._seconds = int(seconds)
        self._primary = "__Host-session" if secure else "session"

    def begin(self, secret: str) -> None:
        """Set both with the answer that is being made."""
        self._set(secret, _second(secret), self._seconds)

    def end(self) -> None:
        """Have both removed."""
        self._set("", "", 0)

    def secret(self, header: str) -> str | None:
        """What opens the session of a Cookie header; None when either is missing or does not fit."""
        if not header:
            return None
        given = cookies(header)
        secret, second = given.get(self._primary, ""), given.get(SECONDARY, "")
        return secret if secret and hmac.compare_digest(second, _second(secret)) else None

    def _set(self, secret: str, second: str, seconds: int) -> None:
        set_cookie(self._primary, secret, secure=self._secure, same_site="Strict", seconds=seconds)
        set_cookie(
            SECONDARY, second, secure=self._secure, same_site="Strict", http_only=False, seconds=seconds
        )


def _second(secret: str) -> str:
    """Follows from the secret, and tells nothing of it."""
    digest = hmac.digest(secret.encode(), b"secondary session", hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
