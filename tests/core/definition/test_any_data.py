"""Whatever stands in a configuration, reading it gives a definition or faults, and nothing else."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.compile import compile_definition
from tidemill.core.context import Context
from tidemill.core.definition.faults import Fault, WrongDefinition
from tidemill.core.definition.reading import read_definition
from tidemill.core.plan import Plan
from tidemill.core.refs import branch

_KEYS = st.sampled_from(
    [
        "runs",
        "tasks",
        "name",
        "runtime",
        "type",
        "containers",
        "image",
        "environment",
        "from_variable",
        "steps",
        "run",
        "clone",
        "command",
        "depth",
        "save_cache",
        "restore_cache",
        "save_to_workspace",
        "keys",
        "key",
        "contents",
        "paths",
        "depends",
        "task",
        "conditions",
        "when",
        "branch",
        "tag",
        "ref",
        "include",
        "exclude",
        "approval",
        "task_timeout_interval",
        "docker_registries_auth",
        "volumes",
        "tmpfs",
        "size",
        "arch",
        "Name",
        "RUNS",
        "shell",
        "tty",
        "other",
    ]
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        ["host", "pod", "a", "b", "run", "on_success", "/(/", "/a/", "1h", "1Gi", "x\ny", "\udcff"]
    )
    | st.text(max_size=5)
)
_DATA = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=25,
)
_STEP = st.fixed_dictionaries(
    {}, optional={"run": _LEAVES, "clone": _DATA, "type": _LEAVES, "command": _LEAVES}
)
_TASK = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b", "c", 1, None]), "runtime": st.just({"type": "host"}) | _DATA},
    optional={
        "steps": st.lists(_STEP | _DATA, max_size=2),
        "depends": st.lists(st.sampled_from(["a", "b", "c", {"a": ["on_failure"]}]) | _DATA, max_size=3),
        "environment": _DATA,
        "when": _DATA,
        "task_timeout_interval": _LEAVES,
    },
)
_RUN = st.fixed_dictionaries(
    {"name": _LEAVES}, optional={"tasks": st.lists(_TASK, max_size=4), "when": _DATA}
)


@given(_DATA | st.fixed_dictionaries({"runs": st.lists(_RUN, max_size=2)}))
def test_nothing_breaks_the_reading(data: Any) -> None:
    """No data makes it fail in another way, and what it accepts compiles."""
    context = Context(ref=branch("main"), commit_sha="a" * 40)
    plans: tuple[Plan, ...] = ()
    faults: tuple[Fault, ...] | None = None
    try:
        plans = compile_definition(read_definition(data).definition, context).plans
    except WrongDefinition as wrong:
        faults = wrong.faults
    assert faults is None or (faults and all(fault.message for fault in faults))
    for plan in plans:
        seen: set[str] = set()
        for task in plan.tasks:
            assert {depend.task for depend in task.depends} <= seen
            seen.add(task.name)
