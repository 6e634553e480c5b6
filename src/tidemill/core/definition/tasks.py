"""Runs and tasks of a definition (reference, run configuration 1.3): their fields and their own rules."""

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import nearest
from tidemill.core.definition.graph_rules import check_graph
from tidemill.core.definition.nouns import RunDefinition, TaskDefinition
from tidemill.core.definition.steps import read_step
from tidemill.core.definition.values import read_environment, read_registries, read_when
from tidemill.core.plan import Condition, Container, Depend, Runtime, Volume

_LONGEST_NAME = 100
_ARCHITECTURES = ("386", "amd64", "arm", "arm64")
_RUNTIMES = ("pod", "host")
_CONDITIONS = (Condition.ON_SUCCESS, Condition.ON_FAILURE, Condition.ON_SKIPPED)


def read_run(cursor: Cursor) -> RunDefinition | None:
    """A run; None after complaining that there is none."""
    if not _is_filled(cursor, f"the run at index {cursor.key}"):
        return None
    faults_before = len(cursor.faults)
    name = _name(cursor, "run")
    pairs = [(item, read_task(item, name)) for item in cursor.field("tasks").items("`tasks`")]
    tasks = [(item, task) for item, task in pairs if task is not None]
    check_unique([(item, task.name) for item, task in tasks], f"task of run {name!r}")
    run = RunDefinition(
        name=name,
        tasks=tuple(task for _, task in tasks),
        when=read_when(cursor.field("when")),
        timeout=cursor.field("task_timeout_interval").duration(),
        registries=read_registries(cursor.field("docker_registries_auth")),
    )
    if len(cursor.faults) == faults_before:
        check_graph(run, tasks)
    return run


def check_unique(named: list[tuple[Cursor, str]], what: str) -> None:
    """Complain about each name that was given before."""
    seen: set[str] = set()
    for cursor, name in named:
        if name and name in seen:
            cursor.field("name").complain(f"there is another {what} with the name {name!r}: choose a new one")
        seen.add(name)


def read_task(cursor: Cursor, run: str) -> TaskDefinition | None:
    """A task; None after complaining that there is none."""
    if not _is_filled(cursor, f"run {run!r}: the task at index {cursor.key}"):
        return None
    name = _name(cursor, "task")
    steps = [read_step(item) for item in cursor.field("steps").items("`steps`")]
    return TaskDefinition(
        name=name,
        runtime=_runtime(cursor, name),
        environment=read_environment(cursor.field("environment")),
        working_dir=cursor.field("working_dir").text() or "~/project",
        shell=cursor.field("shell").text(),
        user=cursor.field("user").text(),
        steps=tuple(step for step in steps if step is not None),
        depends=tuple(_depend(item) for item in cursor.field("depends").items("`depends`")),
        ignore_failure=cursor.field("ignore_failure").flag(),
        approval=cursor.field("approval").flag(),
        when=read_when(cursor.field("when")),
        timeout=cursor.field("task_timeout_interval").duration(),
        registries=read_registries(cursor.field("docker_registries_auth")),
    )


def _is_filled(cursor: Cursor, what: str) -> bool:
    if cursor.is_null:
        cursor.complain(f"{what} is empty")
    return cursor.is_mapping(what) and not cursor.is_null


def _name(cursor: Cursor, what: str) -> str:
    field = cursor.field("name")
    name = field.text()
    if field.is_null or field.data == "":
        (cursor if field.is_null else field).complain(f"the {what} needs a `name`")
    elif len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        field.complain(f"the {what}'s name is longer than {_LONGEST_NAME} bytes")
    return name


def _runtime(task: Cursor, name: str) -> Runtime:
    cursor = task.field("runtime")
    if cursor.is_null:
        example = "`runtime: {type: host}` or `runtime: {containers: [{image: …}]}`"
        task.complain(f"task {name!r} has no `runtime`: write {example}")
        return Runtime()
    if not cursor.is_mapping("`runtime`"):
        return Runtime()
    kind, arch = cursor.field("type"), cursor.field("arch")
    containers = cursor.field("containers")
    runtime = Runtime(
        type="host" if kind.text() == "host" else "pod",
        arch=arch.text(),
        containers=tuple(_container(item) for item in containers.items("`containers`")),
    )
    if kind.text() not in ("", *_RUNTIMES):
        kind.complain(f"{kind.text()!r} is not a type of runtime: write `host` or `pod`")
    elif runtime.type == "pod" and containers.data in (None, []):
        cursor.complain(f"task {name!r}: a runtime of type `pod` needs at least one entry in `containers`")
    elif runtime.type == "host" and containers.data:
        containers.complain("a runtime of type `host` has no containers: use type `pod`", at_key=True)
    if runtime.arch not in ("", *_ARCHITECTURES):
        near = nearest(runtime.arch, _ARCHITECTURES)
        arch.complain(f"task {name!r}: {runtime.arch!r} is none of {', '.join(_ARCHITECTURES)}{near}")
    return runtime


def _container(cursor: Cursor) -> Container:
    if not _is_filled(cursor, f"the container at index {cursor.key}"):
        return Container()
    return Container(
        image=cursor.field("image").text(),
        environment=read_environment(cursor.field("environment")),
        user=cursor.field("user").text(),
        privileged=cursor.field("privileged").flag(),
        entrypoint=cursor.field("entrypoint").text(),
        volumes=tuple(_volume(item) for item in cursor.field("volumes").items("`volumes`")),
    )


def _volume(cursor: Cursor) -> Volume:
    tmpfs = cursor.field("tmpfs")
    if tmpfs.is_null:
        cursor.complain("a volume needs `tmpfs`: write `tmpfs: {}` or `tmpfs: {size: 1Gi}`")
    if not cursor.is_mapping("a volume") or not tmpfs.is_mapping("`tmpfs`"):
        return Volume()
    return Volume(path=cursor.field("path").text(), size=tmpfs.field("size").quantity())


def _depend(cursor: Cursor) -> Depend:
    """`name`, `{task: name, conditions: […]}` or `{name: […]}`."""
    if isinstance(cursor.data, str):
        return Depend(task=cursor.data)
    if not isinstance(cursor.data, dict) or not cursor.data:
        quotes = ": put it in quotes" if cursor.kind in ("a number", "a boolean") else ""
        cursor.complain(
            f"an element of `depends` must be a task's name or a mapping, not {cursor.kind}{quotes}"
        )
        return Depend(task="")
    name, only = next(iter(cursor.data.items()))
    if len(cursor.data) == 1 and isinstance(only, list):
        return _edge(name, cursor.at(name, only))
    task = cursor.field("task")
    if task.is_null:
        cursor.complain("an element of `depends` names no task: write `task: name` or `name: [on_success]`")
    return _edge(task.string(), cursor.field("conditions"))


def _edge(task: str, conditions: Cursor) -> Depend:
    for item in conditions.items("`conditions`"):
        condition = item.string()
        if condition not in _CONDITIONS and isinstance(item.data, str | None):
            near = nearest(condition, _CONDITIONS)
            item.complain(f"{condition!r} is not a condition: there are {', '.join(_CONDITIONS)}{near}")
    given = conditions.data if isinstance(conditions.data, list) else []
    return Depend(task=task, conditions=tuple(given) or (Condition.ON_SUCCESS,))
