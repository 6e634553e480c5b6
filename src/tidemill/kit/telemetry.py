"""What the server says of itself: structured logs with the request they belong to, and metrics."""

import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from enum import Enum
from typing import Any

import structlog
from prometheus_client import Counter, Histogram

from tidemill.errors import BadRequest
from tidemill.kit.contract import current_call

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("auto", "json", "text")
_SECRET_WORDS = ("secret", "password", "token", "authorization", "credential", "cookie")

loop_runs = Counter("tidemill_loop_runs", "How often a loop has run, and what woke it.", ["loop", "cause"])
loop_failures = Counter("tidemill_loop_failures", "How often a loop's work has failed.", ["loop"])
log_lines_lost = Counter("tidemill_log_lines_lost", "Log lines that could not be written.")
http_requests = Counter("tidemill_http_requests", "Requests answered.", ["verb", "route", "status"])
http_seconds = Histogram("tidemill_http_seconds", "Time until a request's answer begins.", ["verb", "route"])

_one_line_at_a_time = threading.Lock()


def configure_logging(level: str = "info", format: str = "auto") -> None:
    """Log to stderr: everything of *level* and above, as text (on a terminal) or JSON lines."""
    if level not in LEVELS:
        raise BadRequest(f"log level {level!r} is none of {', '.join(LEVELS)}")
    if format not in FORMATS:
        raise BadRequest(f"log format {format!r} is none of {', '.join(FORMATS)}")
    as_text = format == "text" or (format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_request,
        _hide_secrets,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_text:
        render: list[structlog.typing.Processor] = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    else:
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    foreign = logging.StreamHandler(sys.stderr)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[foreign], force=True)


class _Lines:
    """Writes lines to stderr; where they cannot be written they are counted, and the server goes on."""

    def __init__(self, *_: Any) -> None:
        self._stream = sys.stderr

    def msg(self, message: str) -> None:
        try:
            with _one_line_at_a_time:
                self._stream.write(message + "\n")
                self._stream.flush()
        except OSError:  # a full disk, a reader that has left
            log_lines_lost.inc()

    debug = info = warning = error = exception = critical = msg


def _add_request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    request_id = current_call().request_id
    if request_id:
        event.setdefault("request", request_id)
    return event


def _hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank what is named like a secret, and show settings of a secret type as they show themselves."""
    for key, value in event.items():
        event[key] = _shown(key, value)
    return event


def _shown(key: str, value: Any) -> Any:
    if isinstance(value, str):
        if value and any(word in key.lower() for word in _SECRET_WORDS):
            return "***"
        return value if type(value) is str or isinstance(value, Enum) else repr(value)
    if isinstance(value, Mapping):
        return {name: _shown(str(name), one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shown("", one) for one in value]
    return value
