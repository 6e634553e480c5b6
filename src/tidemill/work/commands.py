"""Steps as commands for a pod: arguments, script, environment (reference, run configuration 3.2, 3.3)."""

from collections.abc import Iterator, Mapping

from tidemill.contracts.values import CLONE_TOKEN
from tidemill.core.job import JobSpec
from tidemill.core.plan import CloneStep, RunStep
from tidemill.pods import Exec
from tidemill.work.cloning import authorization, clone_environment, clone_script
from tidemill.work.disguises import SHORTEST, is_too_short
from tidemill.work.environment import resolve, task_environment

#: The clone script is ours and is POSIX, whatever shell the task has chosen for its own commands.
_CLONE_SHELL = "/bin/sh -e"


def command(spec: JobSpec, index: int, values: Mapping[str, str], *, most: int | None = None) -> Exec:
    """The command of step *index*, which is known by the same key in every life of the executor."""
    step = spec.task.steps[index]
    environment = task_environment(spec, values)
    match step:
        case RunStep():
            shell = step.shell or spec.task.shell
            script = step.command + "\n"
            environment |= resolve(step.environment, values)
            working_dir = step.working_dir or spec.task.working_dir
            tty = step.tty
        case CloneStep():
            shell = _CLONE_SHELL
            script = clone_script(step)
            environment |= clone_environment(environment, values.get(CLONE_TOKEN, ""))
            working_dir = spec.task.working_dir
            tty = True
        case _:
            raise TypeError(f"step {index} is no command")
    return Exec(
        key=command_key(index),
        argv=tuple(shell.split(" ")),
        script=script,
        environment=environment,
        working_dir=working_dir,
        tty=tty,
        most=most,
    )


def command_key(index: int) -> str:
    """What a step's command is called within its pod."""
    return f"step-{index}"


def warnings(spec: JobSpec, values: Mapping[str, str]) -> Iterator[str]:
    """What whoever reads the log of this job should know about its values."""
    short = [name for name in spec.values if is_too_short(values.get(name, ""))]
    if short:
        yield f"not masked in logs, because they have fewer than {SHORTEST} characters: {', '.join(short)}"
    absent = [name for name in spec.values if name not in values and name != CLONE_TOKEN]
    if spec.is_fork and absent:
        yield f"without a value, because this run is of a fork: {', '.join(absent)}"


def secrets(spec: JobSpec, values: Mapping[str, str]) -> list[str]:
    """What must never be seen in a log of this job."""
    hidden = [values[name] for name in spec.values if name in values]
    if token := values.get(CLONE_TOKEN, ""):
        hidden.append(authorization(token))
    if key := spec.environment.get("AGOLA_SSHPRIVKEY", ""):
        hidden.append(key)
    return hidden
