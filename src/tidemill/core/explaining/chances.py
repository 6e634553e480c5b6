"""Explaining a queued task: which executors could take it, and why none does."""

from collections.abc import Sequence

from tidemill.core.explaining.nouns import ExecutorView, Explanation
from tidemill.core.placement import Demand, cpus, demand_of, lacks, memory, suits
from tidemill.core.plan import PlanTask

_MOST_NAMED = 5


def explain_queued(plan: PlanTask, executors: Sequence[ExecutorView]) -> Explanation:
    """Why nobody works on a task yet that could be worked on."""
    online = [one for one in executors if one.online]
    if not online:
        known = f"; silent: {_some([one.name for one in executors])}" if executors else ""
        return Explanation(
            code="no_executor",
            sentence=f"waiting: no executor is online{known}",
            evidence={"known": str(len(executors)), "online": "0"},
        )
    demand, wanted = demand_of(plan.runtime), _wanted(plan)
    suitable = [one for one in online if suits(demand, one.room.offer)]
    evidence = {"wanted": wanted, "online": _some([_said(one) for one in online])}
    if not suitable:
        sentence = f"waiting: {_unsuitable(demand, online)}"
        return Explanation(code="no_suitable_executor", sentence=sentence, evidence=evidence)
    taking = [one for one in suitable if not one.draining]
    if not taking:
        sentence = f"waiting: all executors that take {wanted} are draining"
        return Explanation(code="executors_drain", sentence=sentence, evidence=evidence)
    slots, busy = sum(one.room.slots for one in taking), sum(one.room.jobs for one in taking)
    evidence |= {"slots": str(slots), "taken": str(busy)}
    if not any(one.room.free for one in taking):
        sentence = f"waiting: all {slots} slots for {wanted} are taken"
        return Explanation(code="waits_for_slot", sentence=sentence, evidence=evidence)
    if not any(one.room.takes(demand) for one in taking):
        sentence = f"waiting: {_asked(demand)} are asked, and no executor that takes {wanted} has it"
        return Explanation(code="waits_for_resources", sentence=sentence, evidence=evidence)
    sentence = f"waiting: an executor is about to take it ({busy} of {slots} slots are taken)"
    return Explanation(code="starts_now", sentence=sentence, evidence=evidence)


def _unsuitable(demand: Demand, online: Sequence[ExecutorView]) -> str:
    """What none of them has, or what each of them lacks, and who is there."""
    lacking = [lacks(demand, one.room.offer) for one in online]
    common = [
        lack
        for lack in lacking[0]
        if all(lack.wanted in {other.wanted for other in all_} for all_ in lacking)
    ]
    if not common:
        each = [
            f"{one.name} {' and '.join(lack.found for lack in all_)}"
            for one, all_ in zip(online, lacking, strict=True)
        ]
        return f"no live executor suits it: {_some(each, '; ')}"
    there_are = "1 executor is" if len(online) == 1 else f"{len(online)} executors are"
    nobody = f"no live executor {' and '.join(lack.wanted for lack in common)}; {there_are} online"
    if any(lack.wanted.startswith("has label") for lack in common):
        labels = {f"{name}={value}" for one in online for name, value in one.room.offer.labels.items()}
        return f"{nobody} with labels {_some(sorted(labels))}" if labels else f"{nobody} without labels"
    return f"{nobody}: {_some([_said(one) for one in online])}"


def _wanted(plan: PlanTask) -> str:
    runtime = plan.runtime
    arch = f" for {runtime.arch}" if runtime.arch else ""
    labels = [f"{name}={value}" if value else name for name, value in sorted(runtime.labels.items())]
    return f"`{runtime.type}` tasks{arch}" + (f" with labels {', '.join(labels)}" if labels else "")


def _asked(demand: Demand) -> str:
    asked = demand.resources
    parts = [] if asked.cpu is None else [cpus(asked.cpu)]
    return " and ".join(parts if asked.memory is None else [*parts, memory(asked.memory)])


def _said(executor: ExecutorView) -> str:
    offer = executor.room.offer
    return f"{executor.name} ({' '.join([*offer.runtimes, offer.arch]).strip()})"


def _some(words: Sequence[str], between: str = ", ") -> str:
    """A few of them, and how many there are beyond."""
    rest = len(words) - _MOST_NAMED
    return between.join(words[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
