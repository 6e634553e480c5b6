"""Explaining a queued task: which executors could take it, and why none does."""

from collections.abc import Sequence

from tidemill.core.explaining.nouns import ExecutorView, Explanation
from tidemill.core.plan import PlanTask

_MOST_NAMED = 5


def explain_queued(plan: PlanTask, executors: Sequence[ExecutorView]) -> Explanation:
    """Why nobody works on a task yet that could be worked on."""
    online = [one for one in executors if one.online]
    if not online:
        known = f"; {len(executors)} are known, all silent" if executors else ""
        return Explanation(
            code="no_executor",
            sentence=f"waiting: no executor is online{known}",
            evidence={"known": str(len(executors)), "online": "0"},
        )
    wanted = _wanted(plan)
    suitable = [one for one in online if _suits(one, plan)]
    evidence = {"wanted": wanted, "online": ", ".join(_said(one) for one in online[:_MOST_NAMED])}
    if not suitable:
        there_are = "1 executor is" if len(online) == 1 else f"{len(online)} executors are"
        sentence = f"waiting: no executor takes {wanted}; {there_are} online: {evidence['online']}"
        return Explanation(code="no_suitable_executor", sentence=sentence, evidence=evidence)
    taking = [one for one in suitable if not one.draining]
    if not taking:
        sentence = f"waiting: all executors that take {wanted} are draining"
        return Explanation(code="executors_drain", sentence=sentence, evidence=evidence)
    slots, busy = sum(one.slots for one in taking), sum(one.jobs for one in taking)
    evidence |= {"slots": str(slots), "taken": str(busy)}
    if all(one.jobs >= one.slots for one in taking):
        sentence = f"waiting: all {slots} slots for {wanted} are taken"
        return Explanation(code="waits_for_slot", sentence=sentence, evidence=evidence)
    sentence = f"waiting: an executor is about to take it ({busy} of {slots} slots are taken)"
    return Explanation(code="starts_now", sentence=sentence, evidence=evidence)


def _suits(executor: ExecutorView, plan: PlanTask) -> bool:
    return plan.runtime.type in executor.runtimes and plan.runtime.arch in ("", executor.arch)


def _wanted(plan: PlanTask) -> str:
    arch = f" for {plan.runtime.arch}" if plan.runtime.arch else ""
    return f"`{plan.runtime.type}` tasks{arch}"


def _said(executor: ExecutorView) -> str:
    return f"{executor.name} ({' '.join([*executor.runtimes, executor.arch]).strip()})"
