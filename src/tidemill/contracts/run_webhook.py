"""What a webhook is told of a run: the payload, its fields in the order in which they travel (API 4.1)."""

import msgspec

#: RFC 3339 as Go writes it.
Time = str

VERSION = 1

EVENT_HEADER = "X-Agola-Event"
#: The id of what is told: the same whenever it is told again.
WEBHOOK_HEADER = "X-Agola-Delivery"
#: The hexadecimal HMAC-SHA256 of the body under the secret.
SIGNATURE_HEADER = "X-Agola-SHA256Signature"
#: Extensions: the id of the delivery, which attempt of it this is, and a signature that knows its time.
DELIVERY_HEADER = "X-Tidemill-Delivery"
ATTEMPT_HEADER = "X-Tidemill-Attempt"
TIMED_SIGNATURE_HEADER = "X-Tidemill-Signature"


class ProjectInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Whose run it is."""

    project_id: str


class WebhookStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a task, or its setup."""

    phase: str
    exit_status: int | None
    start_time: Time | None
    end_time: Time | None


class WebhookDepend(msgspec.Struct, frozen=True, kw_only=True):
    """An edge of the graph."""

    task_id: str
    conditions: tuple[str, ...]


class WebhookTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it was."""

    id: str
    name: str
    level: int
    skip: bool
    depends: dict[str, WebhookDepend]
    status: str
    timedout: bool
    waiting_approval: bool
    approved: bool
    setup_step: WebhookStep
    steps: tuple[WebhookStep, ...]
    start_time: Time | None
    end_time: Time | None


class WebhookRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it was."""

    id: str
    ref_type: str
    ref: str
    name: str
    counter: int
    phase: str
    result: str
    setup_errors: tuple[str, ...] | None
    tasks: dict[str, WebhookTask]
    enqueue_time: Time | None
    start_time: Time | None
    end_time: Time | None


class RunWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request to a webhook."""

    version: int = VERSION
    project_info: ProjectInfo
    run: WebhookRun
