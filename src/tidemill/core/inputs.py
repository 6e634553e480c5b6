"""What the inputs of a run say: what was given, defaults, and what is wrong with it."""

import re
from collections.abc import Mapping

from tidemill.core.context import Context, Event
from tidemill.core.definition.faults import Fault, nearest
from tidemill.core.definition.nouns import Definition, Input, RunDefinition

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")
_BY_HAND = (Event.MANUAL, Event.DIRECT)


def input_values(run: RunDefinition, context: Context) -> dict[str, str]:
    """The value of each input of *run*: what was given by hand, else its default, else nothing."""
    given = context.inputs if context.event in _BY_HAND else {}
    return {each.name: given.get(each.name, each.default or "") for each in run.inputs}


def input_environment(values: Mapping[str, str]) -> dict[str, str]:
    """The variables that every task of the run gets."""
    return {f"TIDEMILL_INPUT_{environment_name(name)}": value for name, value in values.items()}


def environment_name(name: str) -> str:
    """*name* as part of a variable's name: upper case, other characters as `_`."""
    return _NOT_IN_NAMES.sub("_", name).upper()


def input_faults(definition: Definition, context: Context, meant: Mapping[int, RunDefinition]) -> list[Fault]:
    """What is wrong with what was given for the runs that are *meant*, which are known by their index."""
    if context.event not in _BY_HAND:
        return []
    known = {each.name for run in definition.runs for each in run.inputs}
    unknown = [_unknown(name, known) for name in context.inputs if name not in known]
    wrong = [
        Fault(path=("runs", index, "inputs", each.name), message=message)
        for index, run in meant.items()
        for each in run.inputs
        if (message := _wrong(run, each, context))
    ]
    return unknown + wrong


def _unknown(name: str, known: set[str]) -> Fault:
    if not known:
        message = f"the input {name!r} was given, but the configuration has no inputs"
    else:
        near = nearest(name, known) or f": there are {', '.join(f'`{each}`' for each in sorted(known))}"
        message = f"the input {name!r} was given, but no run has it{near}"
    return Fault(path=(), message=message)


def _wrong(run: RunDefinition, each: Input, context: Context) -> str:
    """What is wrong with the value given for an input; "" when it can be taken."""
    value = context.inputs.get(each.name)
    if value is None:
        if each.default is not None or context.event is not Event.MANUAL:
            return ""
        return f"run {run.name!r} needs the input {each.name!r}{_described(each)}: give it {each.allowed}"
    if each.allows(value):
        return ""
    return f"the input {each.name!r} of run {run.name!r} cannot be {value[:100]!r}: give it {each.allowed}"


def _described(each: Input) -> str:
    return f" ({each.description})" if each.description else ""
