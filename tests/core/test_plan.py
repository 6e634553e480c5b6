"""Questions that a plan answers."""

from tidemill.core.plan import Depend, Plan, PlanTask


def test_ancestors_are_all_tasks_before() -> None:
    """Each once, by level and name."""

    def task(name: str, level: int, *depends: str) -> PlanTask:
        return PlanTask(name=name, level=level, depends=tuple(Depend(task=one) for one in depends))

    tasks = (task("b", 0), task("a", 0), task("x", 1, "a", "b"), task("y", 1, "a"), task("z", 2, "y", "x"))
    plan = Plan(name="run", tasks=tasks)
    assert [one.name for one in plan.ancestors("z")] == ["a", "b", "x", "y"]
    assert [one.name for one in plan.ancestors("y")] == ["a"]
    assert plan.ancestors("b") == ()
