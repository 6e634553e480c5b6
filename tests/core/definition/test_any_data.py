"""Whatever stands in a configuration, reading it gives a definition or faults, and nothing else."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.compile import compile_definition
from tidemill.core.context import Context
from tidemill.core.definition.faults import Fault, WrongDefinition
from tidemill.core.definition.keys import run, step, task, when
from tidemill.core.definition.keys.kind import Kind
from tidemill.core.definition.nouns import Dialect
from tidemill.core.definition.reading import read_definition
from tidemill.core.plan import Plan
from tidemill.core.refs import branch

_KINDS = [
    thing for module in (run, step, task, when) for thing in vars(module).values() if isinstance(thing, Kind)
]
_KEYS = st.sampled_from(
    sorted(
        {key for kind in [*_KINDS, *step.STEPS.values()] for key in kind.keys}
        | {*step.STEPS, "type", "Name", "RUNS", "other", "true"}
    )
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        ["host", "pod", "a", "b", "run", "on_success", "/(/", "/a/", "a*[", "1h", "1Gi", "x\ny", "\udcff"]
    )
    | st.sampled_from(["${matrix.a}", "${matrix.", "${branch}", "push", "choice", "lost"])
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
        "retry": _DATA,
        "matrix": st.fixed_dictionaries(
            {"axes": st.dictionaries(st.sampled_from("abc"), st.lists(_LEAVES, max_size=3), max_size=3)},
            optional={
                "include": st.lists(
                    st.dictionaries(st.sampled_from("abcd"), _LEAVES, max_size=2), max_size=3
                ),
                "exclude": st.lists(st.dictionaries(st.sampled_from("abc"), _LEAVES, max_size=2), max_size=3),
            },
        ),
    },
)
_RUN = st.fixed_dictionaries(
    {"name": _LEAVES},
    optional={
        "tasks": st.lists(_TASK, max_size=4),
        "when": _DATA,
        "inputs": st.dictionaries(st.sampled_from(["a", "a-b", "a b"]), _DATA, max_size=2),
        "concurrency": _DATA,
    },
)


@given(_DATA | st.fixed_dictionaries({"runs": st.lists(_RUN, max_size=2)}), st.sampled_from(Dialect))
def test_nothing_breaks_the_reading(data: Any, dialect: Dialect) -> None:
    """No data makes it fail in another way, and what it accepts compiles."""
    context = Context(ref=branch("main"), commit_sha="a" * 40)
    plans: tuple[Plan, ...] = ()
    faults: tuple[Fault, ...] | None = None
    try:
        plans = compile_definition(read_definition(data, dialect).definition, context).plans
    except WrongDefinition as wrong:
        faults = wrong.faults
    assert faults is None or (faults and all(fault.message for fault in faults))
    for plan in plans:
        seen: set[str] = set()
        for one in plan.tasks:
            assert {depend.task for depend in one.depends} <= seen
            assert one.name not in seen
            seen.add(one.name)
