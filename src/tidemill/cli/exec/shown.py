"""Tasks that are done here, as people see them."""

from tidemill.cli.live import with_attempt, with_warnings
from tidemill.core.ignored import is_warning, warnings
from tidemill.core.plan import PlanTask
from tidemill.core.run import RunTask, Status


def shown_status(planned: PlanTask, task: RunTask) -> str:
    """The status for people: a failure that the run ignores is a warning, a lost task has failed."""
    if is_warning(planned, task):
        return "warning"
    return Status.FAILED if task.status is Status.LOST else task.status


def noted(planned: PlanTask, task: RunTask) -> str:
    """What is to be said of a task beside its status."""
    steps = warnings(planned, task) - is_warning(planned, task)
    reason = "" if task.status is Status.NOT_STARTED else task.reason
    return with_attempt(with_warnings(reason, steps), task.attempt)
