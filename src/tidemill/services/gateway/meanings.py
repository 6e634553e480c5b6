"""What variables mean, from the shapes of the public API to ours and back."""

from collections.abc import Sequence

from tidemill.contracts.gateway.variables import (
    ValueWhen,
    VariableRequest,
    VariableResponse,
    VariableValueResponse,
    WhenCondition,
    WhenConditions,
)
from tidemill.contracts.secrets import Variable, VariableData
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.core.patterns import Pattern, PatternKind, checked_pattern
from tidemill.core.variables import VariableValue
from tidemill.core.when import Conditions, When
from tidemill.errors import BadRequest, Failure

#: Patterns in one variable; each is compiled when it is created and when a job asks.
_MOST_PATTERNS = 100
_KINDS = (PatternKind.SIMPLE, PatternKind.REGEXP)


def data_of(request: VariableRequest) -> VariableData:
    """The variable that is asked for; raises BadRequest for what could never be meant."""
    if not is_valid_name(request.name):
        raise BadRequest(
            f"{request.name!r} cannot be a variable's name: {NAME_RULE}", code="invalidVariableName"
        )
    if sum(_size(value.when) for value in request.values) > _MOST_PATTERNS:
        raise _invalid(f"a variable has at most {_MOST_PATTERNS} patterns")
    values = tuple(
        VariableValue(secret_name=value.secret_name, secret_var=value.secret_var, when=_when(value.when))
        for value in request.values
    )
    return VariableData(name=request.name, values=values)


def shown(variable: Variable) -> VariableResponse:
    """A variable as the public API shows it."""
    return VariableResponse(
        id=variable.id,
        name=variable.name,
        values=tuple(
            VariableValueResponse(
                secret_name=value.secret_name,
                secret_var=value.secret_var,
                matching_secret_parent_path=path,
                when=_shown_when(value.when),
            )
            for value, path in zip(variable.values, variable.secret_paths, strict=True)
        ),
        parent_path=variable.parent_path,
    )


def _when(when: ValueWhen | None) -> When | None:
    if when is None:
        return None
    return When(branch=_conditions(when.branch), tag=_conditions(when.tag), ref=_conditions(when.ref))


def _conditions(conditions: WhenConditions | None) -> Conditions | None:
    if conditions is None:
        return None
    return Conditions(include=_patterns(conditions.include), exclude=_patterns(conditions.exclude))


def _patterns(conditions: Sequence[WhenCondition] | None) -> tuple[Pattern, ...]:
    return tuple(_pattern(condition) for condition in conditions or ())


def _pattern(condition: WhenCondition) -> Pattern:
    """The reference takes any; one without a type never matches there, and a wrong one ends its server."""
    if condition.type not in _KINDS:
        raise _invalid(f"the type of a condition is {' or '.join(_KINDS)}, not {condition.type!r}")
    kind = PatternKind(condition.type)
    try:
        return Pattern(text=condition.match) if kind is _KINDS[0] else checked_pattern(condition.match, kind)
    except ValueError as error:
        raise _invalid(f"{condition.match!r} is not a regular expression: {error}") from error


def _size(when: ValueWhen | None) -> int:
    given = [each for each in (when.branch, when.tag, when.ref) if each] if when else []
    return sum(len(each.include or ()) + len(each.exclude or ()) for each in given)


def _shown_when(when: When | None) -> ValueWhen | None:
    if when is None:
        return None
    return ValueWhen(
        branch=_shown_conditions(when.branch),
        tag=_shown_conditions(when.tag),
        ref=_shown_conditions(when.ref),
    )


def _shown_conditions(conditions: Conditions | None) -> WhenConditions | None:
    if conditions is None:
        return None
    return WhenConditions(
        include=_shown_patterns(conditions.include), exclude=_shown_patterns(conditions.exclude)
    )


def _shown_patterns(patterns: Sequence[Pattern]) -> tuple[WhenCondition, ...] | None:
    return tuple(WhenCondition(type=each.kind, match=each.text) for each in patterns) or None


def _invalid(message: str) -> Failure:
    return BadRequest(message, code="invalidVariableValues")
