"""One task of a definition (reference, run configuration 1.3): its fields and its own rules."""

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.depends import read_depend
from tidemill.core.definition.faults import listed, shown
from tidemill.core.definition.fields import Fields
from tidemill.core.definition.keys.task import APPROVAL, MOST_APPROVERS, MOST_ATTEMPTS, RETRY, RETRY_ON
from tidemill.core.definition.nouns import TaskDefinition
from tidemill.core.definition.runtimes import read_runtime
from tidemill.core.definition.steps import read_step
from tidemill.core.definition.values import read_environment, read_registries
from tidemill.core.definition.when import read_when
from tidemill.core.plan import Retry, RetryOn

_LONGEST_NAME = 100
_LARGEST_EXIT_CODE = 255


def read_task(
    fields: Fields, *, base: str = "", name: str = "", matrix: dict[str, str] | None = None
) -> TaskDefinition:
    """The task that *fields* say, for one combination of a matrix under its own *name*."""
    approval, approvers, expires = _approval(fields["approval"])
    steps = [read_step(item) for item in fields["steps"].items()]
    return TaskDefinition(
        name=name or fields["name"].text(),
        base=base,
        matrix=matrix or {},
        runtime=read_runtime(fields["runtime"], fields.place),
        environment=read_environment(fields["environment"]),
        working_dir=fields["working_dir"].text() or "~/project",
        shell=fields["shell"].text(),
        user=fields["user"].text(),
        steps=tuple(step for step in steps if step is not None),
        depends=tuple(read_depend(item) for item in fields["depends"].items()),
        ignore_failure=fields["ignore_failure"].flag(),
        approval=approval,
        approvers=approvers,
        approval_expires=expires,
        when=read_when(fields["when"]),
        timeout=fields["task_timeout_interval"].duration(),
        registries=read_registries(fields["docker_registries_auth"]),
        retry=_retry(fields["retry"]),
    )


def check_name(name: Cursor, text: str, what: str, place: Cursor) -> None:
    """Complain about the name of the *what* at *place* when there is none or a long one."""
    if name.data in (None, ""):
        (place if name.is_null else name).complain(f"the {what} needs a `name`")
    elif len(text.encode("utf-8", "replace")) > _LONGEST_NAME:
        name.complain(f"the {what}'s name is longer than {_LONGEST_NAME} bytes: {shown(text)}")


def _approval(cursor: Cursor) -> tuple[bool, int, float | None]:
    """Whether it is needed, by how many, and for how many seconds it is waited for."""
    if not isinstance(cursor.data, dict) or cursor.findings.is_agola:
        return cursor.flag(), 1, None
    fields = Fields(cursor, APPROVAL)
    number = fields["approvers"].whole()
    if number is not None and not 1 <= number <= MOST_APPROVERS:
        fields["approvers"].complain(f"there may be 1 to {MOST_APPROVERS} approvers")
    return True, number or 1, fields["expire_after"].seconds(0.0, from_zero=True) or None


def _retry(cursor: Cursor) -> Retry:
    """A number of attempts, or a mapping that says more."""
    if cursor.is_null:
        return Retry()
    if not isinstance(cursor.data, dict):
        return Retry(attempts=_attempts(cursor))
    fields = Fields(cursor, RETRY)
    if not fields.has("attempts"):
        cursor.complain(f"`retry` needs `attempts`: write a number from 1 to {MOST_ATTEMPTS}")
    on = tuple(RetryOn(word) for word in map(_ending, fields["on"].one_or_more()) if word)
    codes = tuple(_exit_code(item) for item in fields["exit_codes"].one_or_more())
    if codes and on and RetryOn.FAILED not in on:
        fields["exit_codes"].complain("`exit_codes` are of failures: put `failed` into `on`", at_key=True)
    return Retry(
        attempts=_attempts(fields["attempts"]),
        on=on or Retry().on,
        exit_codes=codes,
        backoff=fields["backoff"].seconds(0.0, from_zero=True),
    )


def _attempts(cursor: Cursor) -> int:
    number = cursor.whole()
    if number is not None and not 1 <= number <= MOST_ATTEMPTS:
        cursor.complain(f"there may be 1 to {MOST_ATTEMPTS} attempts, the first one included")
        return 1
    return 1 if number is None else number


def _ending(cursor: Cursor) -> str:
    """A way of ending; "" after complaining."""
    word = cursor.string()
    if word in RETRY_ON:
        return word
    if isinstance(cursor.data, str | None):
        near = cursor.findings.nearest(word, RETRY_ON)
        cursor.complain(f"unknown end of a task {shown(word)}{near or f': there are {listed(RETRY_ON)}'}")
    return ""


def _exit_code(cursor: Cursor) -> int:
    number = cursor.whole()
    if cursor.is_null or (number is not None and not 1 <= number <= _LARGEST_EXIT_CODE):
        cursor.complain("an exit code of a failure is a number from 1 to 255")
    return number or 1
