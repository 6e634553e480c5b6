"""Names that both ends of a connection must agree on."""

from typing import Any

import msgspec

REQUEST_ID = "X-Request-Id"
CURSOR = "X-Agola-Cursor"
CALLER = "X-Tidemill-Caller"
CSRF_TOKEN = "X-Csrf-Token"  # noqa: S105 - a name

#: Codes that tell the two ends of a connection apart from what a service answers.
NO_SUCH_ROUTE = "noSuchRoute"
WRONG_SERVICE_TOKEN = "wrongServiceToken"  # noqa: S105 - a name
CSRF_REFUSED = "csrfRefused"


class ErrorItem(msgspec.Struct, frozen=True):
    """One error of an error body, which is an array of them."""

    code: str
    message: str = ""
    details: Any = None
