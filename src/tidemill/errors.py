"""The ways a request can fail, and the status of each.

Raise one of these anywhere; `kit/http` turns it into a response and `kit/connect` turns the response
back into the same class. Anything else that escapes is a bug and reaches the caller as a bare 500.
"""

from typing import Any, ClassVar


class Failure(Exception):
    """A request failed for a reason the caller may know.

    *message* is for people and says what to do; *code* is stable and for programs; *details* is any
    plain data that helps the caller (it travels as JSON).
    """

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, code: str | None = None, details: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = details


class BadRequest(Failure):
    """The request itself is wrong; sending it again unchanged will not help."""

    status = 400
    default_code = "badRequest"


class Unauthorized(Failure):
    """Nobody we know is asking."""

    status = 401
    default_code = "unauthorized"


class Forbidden(Failure):
    """The caller is known and may not do this."""

    status = 403
    default_code = "forbidden"


class NotFound(Failure):
    """What was asked for does not exist; the only answer that proves absence."""

    status = 404
    default_code = "notFound"


class Conflict(Failure):
    """The state has moved on: a lost precondition, a duplicate, a fenced generation."""

    status = 409
    default_code = "conflict"


class Gone(Failure):
    """It was there and will not come back; what is still to be had stands in the details."""

    status = 410
    default_code = "gone"


class TooLarge(Failure):
    """The request is larger than the limit that its message names."""

    status = 413
    default_code = "tooLarge"


class TooMany(Failure):
    """Asked for too often; `retry_after` in the details says after how many seconds it may be asked again."""

    status = 429
    default_code = "tooManyRequests"

    @property
    def seconds(self) -> float:
        """After how long it may be asked again."""
        told = self.details.get("retry_after") if isinstance(self.details, dict) else None
        return float(told) if isinstance(told, int | float) else 1.0


class Internal(Failure):
    """We failed, with a message that is meant for the user (such as "the forge did not answer")."""

    status = 500
    default_code = "internal"


class Unavailable(Failure):
    """Not now: starting, draining, in maintenance, or a part is away. Ask again."""

    status = 503
    default_code = "unavailable"


#: Every class by its status, for turning a response back into an error.
BY_STATUS: dict[int, type[Failure]] = {
    cls.status: cls
    for cls in (
        BadRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        Conflict,
        Gone,
        TooLarge,
        TooMany,
        Internal,
        Unavailable,
    )
}


def typed(error: BaseException) -> Failure | None:
    """The outermost Failure that *error* is or was raised from; None when it is a bug.

    A group of one error, as a task group raises it, counts as that error.
    """
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        if isinstance(at, Failure):
            return at
        seen.add(id(at))
        if isinstance(at, BaseExceptionGroup) and len(at.exceptions) == 1:
            at = at.exceptions[0]
        else:
            at = at.__cause__
    return None


def unknown(request_id: str) -> Internal:
    """All that a caller learns of a bug; the log has the rest under the request's id."""
    return Internal("internal server error", details={"request_id": request_id})
