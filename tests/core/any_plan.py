"""Any graph of tasks, and any states of their steps, for tests that try all there may be."""

from hypothesis import strategies as st

from tidemill.core.plan import Depend, Plan, PlanTask, Retry, RetryOn, RunStep
from tidemill.core.run import StepPhase, StepState

CONDITIONS = st.lists(
    st.sampled_from(["on_success", "on_failure", "on_skipped", "always"]), unique=True, max_size=3
)
RETRIES = st.one_of(
    st.just(Retry()),
    st.builds(
        Retry,
        attempts=st.integers(1, 3),
        on=st.lists(st.sampled_from(RetryOn), unique=True, min_size=1).map(tuple),
        backoff=st.sampled_from([0.0, 10.0]),
    ),
)


STEPS = st.lists(
    st.builds(RunStep, ignore_failure=st.booleans(), skip=st.sampled_from(["", "`when` says no"])), max_size=2
)
STATES = st.lists(
    st.builds(StepState, phase=st.sampled_from(StepPhase), exit_code=st.sampled_from([None, 0, 3])),
    max_size=2,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any graph of up to seven tasks."""
    tasks = []
    for number in range(draw(st.integers(0, 7))):
        parents = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        tasks.append(
            PlanTask(
                name=str(number),
                depends=tuple(Depend(task=str(p), conditions=tuple(draw(CONDITIONS))) for p in parents),
                approval=draw(st.booleans()),
                approvers=draw(st.integers(1, 2)),
                approval_expires=draw(st.sampled_from([None, 15.0])),
                ignore_failure=draw(st.booleans()),
                skip=draw(st.integers(0, 5)) == 0,
                retry=draw(RETRIES),
                steps=tuple(draw(STEPS)),
            )
        )
    timeout = draw(st.sampled_from([None, None, 30.0]))
    return Plan(name="r", tasks=tuple(tasks), fail_fast=draw(st.booleans()), timeout=timeout)
