"""What a plan may hold and this executor cannot do yet: such a task fails in its setup, whole."""

from collections.abc import Callable

from tidemill.core.plan import PlanTask

#: What a task may ask for, and how to see that it does.
_TASK: dict[str, Callable[[PlanTask], bool]] = {
    "privileged": lambda task: (
        task.runtime.type == "host" and any(c.privileged for c in task.runtime.containers)
    ),
    "readiness": lambda task: any(container.readiness for container in task.runtime.containers),
    "services": lambda task: task.runtime.type == "host" and len(task.runtime.containers) > 1,
}


def unsupported(task: PlanTask) -> str:
    """A sentence that names all of it; "" when the task can be done."""
    found = [f"`{name}`" for name, asks in _TASK.items() if asks(task)]
    return f"not supported by this executor: {', '.join(found)}" if found else ""
