"""Where a task is executed: its runtime, containers, volumes, labels and resources."""

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import listed, shown
from tidemill.core.definition.fields import Fields, fields_of
from tidemill.core.definition.keys.task import (
    ARCHITECTURES,
    CONTAINER,
    READINESS,
    RESOURCES,
    RUNTIME,
    RUNTIMES,
    TMPFS,
    VOLUME,
)
from tidemill.core.definition.values import read_environment
from tidemill.core.plan import Container, Readiness, Resources, Runtime, Volume

_THOUSANDTHS = 1000
_READY = Readiness(command="")


def read_runtime(cursor: Cursor, task: Cursor) -> Runtime:
    """The runtime of the task that stands at *task*."""
    if cursor.is_null:
        example = "`runtime: {type: host}` or `runtime: {containers: [{image: …}]}`"
        task.complain(f"the task has no `runtime`: write {example}")
        return Runtime()
    fields = fields_of(cursor, RUNTIME)
    if fields is None:
        return Runtime()
    kind = fields["type"].text()
    containers = fields["containers"]
    is_host = kind == "host"
    runtime = Runtime(
        type="host" if is_host else "pod",
        arch=_arch(fields["arch"]),
        containers=tuple(_container(item, index) for index, item in enumerate(containers.items())),
        labels=_labels(fields["labels"]),
        resources=_resources(fields["resources"]),
    )
    if kind not in ("", *RUNTIMES):
        near = cursor.findings.nearest(kind, RUNTIMES)
        fields["type"].complain(f"unknown type of runtime {shown(kind)}{near or ': write `host` or `pod`'}")
    elif not is_host and containers.data in (None, []):
        cursor.complain("a runtime of type `pod` needs at least one entry in `containers`")
    elif is_host and containers.data:
        containers.complain("a runtime of type `host` has no containers: use type `pod`", at_key=True)
    elif is_host and isinstance(cursor.data, dict) and cursor.data.get("privileged"):
        cursor.complain(
            "a runtime of type `host` is never privileged, its tasks stay in a sandbox: use type `pod`"
        )
    return runtime


def _arch(cursor: Cursor) -> str:
    arch = cursor.text()
    if arch not in ("", *ARCHITECTURES):
        near = cursor.findings.nearest(arch, ARCHITECTURES)
        cursor.complain(f"unknown architecture {shown(arch)}{near or f': there are {listed(ARCHITECTURES)}'}")
    return arch


def _container(cursor: Cursor, index: int) -> Container:
    if cursor.is_null:
        cursor.complain(f"the container at index {index} is empty")
        return Container()
    fields = fields_of(cursor, CONTAINER)
    if fields is None:
        return Container()
    readiness = fields["readiness"]
    if index == 0 and not readiness.is_null:
        readiness.complain(
            "only services, the containers after the first, have a `readiness`: steps are done in the first",
            at_key=True,
        )
    return Container(
        image=fields["image"].text(),
        environment=read_environment(fields["environment"]),
        user=fields["user"].text(),
        privileged=fields["privileged"].flag(),
        entrypoint=fields["entrypoint"].text(),
        volumes=tuple(_volume(item) for item in fields["volumes"].items()),
        readiness=_readiness(readiness),
    )


def _volume(cursor: Cursor) -> Volume:
    fields = fields_of(cursor, VOLUME)
    if fields is None:
        return Volume()
    tmpfs = fields["tmpfs"]
    if tmpfs.is_null:
        cursor.complain("a volume needs `tmpfs`: write `tmpfs: {}` or `tmpfs: {size: 1Gi}`")
    memory = fields_of(tmpfs, TMPFS)
    return Volume(path=fields["path"].text(), size=memory["size"].quantity() if memory else None)


def _readiness(cursor: Cursor) -> Readiness | None:
    fields = None if cursor.is_null else fields_of(cursor, READINESS)
    if fields is None:
        return None
    command = fields["command"]
    if command.data in (None, ""):
        command.complain("`readiness` needs a `command`, such as `pg_isready`")
    return Readiness(
        command=command.string(),
        interval=fields["interval"].seconds(_READY.interval),
        timeout=fields["timeout"].seconds(_READY.timeout),
    )


def _labels(cursor: Cursor) -> dict[str, str]:
    """`[gpu]` or `{zone: eu}`; a name alone stands for any value."""
    if isinstance(cursor.data, list):
        named = [(item, item.word(), "") for item in cursor.items()]
    elif cursor.is_null or isinstance(cursor.data, dict):
        named = [(item, item.key, "" if item.is_null else item.word()) for item in cursor.entries()]
    else:
        cursor.complain(
            f"`labels` must be a list of names or a mapping of names and values, not {cursor.kind}"
        )
        return {}
    for item, name, _ in named:
        if not name and isinstance(item.data, str):
            item.complain("the name of a label is empty")
    return {name: value for _, name, value in named}


def _resources(cursor: Cursor) -> Resources:
    fields = fields_of(cursor, RESOURCES)
    if fields is None:
        return Resources()
    return Resources(cpu=_amount(fields, "cpu", _THOUSANDTHS), memory=_amount(fields, "memory", 1))


def _amount(fields: Fields, key: str, scale: int) -> int | None:
    amount = fields[key].quantity(scale)
    if amount is not None and amount <= 0:
        fields[key].complain(f"{shown(key)} must be more than 0")
        return None
    return amount
