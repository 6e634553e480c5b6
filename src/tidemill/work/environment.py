"""The environment of a task's steps (reference, run configuration 4.2), lowest precedence first."""

from collections.abc import Mapping

from tidemill.core.job import JobSpec
from tidemill.core.plan import FromVariable, Value

Environment = dict[str, str]


def task_environment(spec: JobSpec, values: Mapping[str, str]) -> Environment:
    """The task's own variables, overridden by the run's static ones.

    Each static `AGOLA_…` variable stands under `TIDEMILL_…` too.
    """
    static = spec.environment
    ours = {
        "TIDEMILL_" + name.removeprefix("AGOLA_"): value
        for name, value in static.items()
        if name.startswith("AGOLA_")
    }
    return resolve(spec.task.environment, values) | ours | static


def resolve(environment: Mapping[str, Value], values: Mapping[str, str]) -> Environment:
    """Written values as they are, late ones by name; what is not defined has its default, or is empty."""
    return {
        name: values.get(value.name, value.default or "") if isinstance(value, FromVariable) else value.value
        for name, value in environment.items()
    }
