"""What an executor gets of a plan: one task, the run's environment with its number, names of values."""

from collections.abc import Iterator

from tidemill.contracts.values import CLONE_TOKEN
from tidemill.core.job import JobSpec
from tidemill.core.needs import variables_of
from tidemill.core.plan import CloneStep, Plan, PlanTask
from tidemill.core.scope import is_forks
from tidemill.services.runservice.store.jobs import Job


def spec(job: Job, plan: Plan) -> JobSpec:
    """All that an executor needs for *job*. A run's tasks stand in the order of its plan's."""
    task = plan.tasks[job.position]
    number = str(job.number)
    return JobSpec(
        id=job.id,
        generation=job.generation,
        run_id=job.run_id,
        task_id=job.task_id,
        task=task,
        environment=plan.environment | {"AGOLA_RUN_COUNTER": number, "TIDEMILL_RUN_COUNTER": number},
        values=tuple(_names(task)),
        is_fork=is_forks(job.scope),
    )


def _names(task: PlanTask) -> Iterator[str]:
    """The names of values that *task* needs, each once."""
    yield from variables_of(task)
    if any(isinstance(step, CloneStep) for step in task.steps):
        yield CLONE_TOKEN
