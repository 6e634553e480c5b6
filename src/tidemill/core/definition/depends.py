"""What a task depends on, as it is written (reference, run configuration 6.1)."""

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import listed, shown
from tidemill.core.definition.fields import Fields
from tidemill.core.definition.keys.task import DEPEND
from tidemill.core.plan import Condition, Depend

CONDITIONS = (Condition.ON_SUCCESS, Condition.ON_FAILURE, Condition.ON_SKIPPED, Condition.ALWAYS)
_AGOLA_CONDITIONS = CONDITIONS[:3]


def read_depend(cursor: Cursor) -> Depend:
    """`name`, `{task: name, conditions: […]}` or `{name: […]}`; the task is "" after a complaint."""
    if isinstance(cursor.data, str):
        if not cursor.data:
            cursor.complain("the name of a task is empty")
        return Depend(task=cursor.data)
    if not isinstance(cursor.data, dict) or not cursor.data:
        quotes = ": put it in quotes" if cursor.kind in ("a number", "a boolean") else ""
        cursor.complain(
            f"an element of `depends` must be a task's name or a mapping, not {cursor.kind}{quotes}"
        )
        return Depend(task="")
    name, only = next(iter(cursor.data.items()))
    if len(cursor.data) == 1 and isinstance(only, list):
        return Depend(task=name, conditions=_conditions(cursor.at(name, only)))
    fields = Fields(cursor, DEPEND) if any(key.lower() == "task" for key in cursor.data) else None
    if fields is None or fields["task"].data in (None, ""):
        cursor.complain("an element of `depends` names no task: write `task: name` or `name: [on_success]`")
    if fields is None:
        return Depend(task="")
    return Depend(task=fields["task"].string(), conditions=_conditions(fields["conditions"]))


def _conditions(cursor: Cursor) -> tuple[str, ...]:
    known = _AGOLA_CONDITIONS if cursor.findings.is_agola else CONDITIONS
    found = []
    for item in cursor.items():
        condition = item.string()
        found.append(condition)
        if condition in known or not isinstance(item.data, str | None):
            continue
        if condition == Condition.ALWAYS:
            near = ": there is none in `.agola/`, move the configuration to `.tidemill/`"
        else:
            near = cursor.findings.nearest(condition, known) or f": there are {listed(known)}"
        item.complain(f"unknown condition {shown(condition)}{near}")
    return tuple(found) or (Condition.ON_SUCCESS,)
