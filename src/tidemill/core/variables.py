"""Which secret a variable means: the nearest variable, its first value that holds, a secret from there up.

Levels are counted from the project (0) up to the root group (reference, run configuration 7.2 and 7.3).
"""

from collections.abc import Iterable

import msgspec

from tidemill.core.context import Occasion
from tidemill.core.when import When


class VariableValue(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a variable: a key of a secret, on some occasions."""

    secret_name: str
    secret_var: str
    """The key in the secret's data."""
    when: When | None = None
    """None is always."""


class PlacedVariable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable and where it is defined."""

    name: str
    level: int
    values: tuple[VariableValue, ...]


class PlacedSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret and where it is kept; its data is nobody's business here."""

    id: str
    name: str
    level: int


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """What a variable means: a key of a secret, which may not have it."""

    secret: PlacedSecret
    key: str


def meant(
    name: str, variables: Iterable[PlacedVariable], secrets: Iterable[PlacedSecret], occasion: Occasion
) -> Meant | None:
    """What the variable *name* means on *occasion*; None when it is undefined.

    The nearest variable of that name wins entirely: when none of its values holds, those of the groups
    above are not asked. The first value that holds is it, also when its secret does not exist.
    """
    nearest = min((one for one in variables if one.name == name), key=lambda one: one.level, default=None)
    if nearest is None:
        return None
    value = next((value for value in nearest.values if _holds(value.when, occasion)), None)
    secret = None if value is None else secret_behind(value.secret_name, nearest.level, secrets)
    return None if value is None or secret is None else Meant(secret=secret, key=value.secret_var)


def secret_behind(name: str, level: int, secrets: Iterable[PlacedSecret]) -> PlacedSecret | None:
    """The secret that a variable defined at *level* means: of that level or the next above it that has one.

    Never one from below: a project cannot put a secret of its own behind a variable of its group.
    """
    candidates = (one for one in secrets if one.name == name and one.level >= level)
    return min(candidates, key=lambda one: one.level, default=None)


def _holds(when: When | None, occasion: Occasion) -> bool:
    return when is None or when.decide(occasion).matches
