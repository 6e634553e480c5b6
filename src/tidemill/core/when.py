"""For which refs a run or a task is meant (reference, run configuration 2)."""

from functools import lru_cache
from typing import Any

import msgspec
import re2

from tidemill.core.refs import Ref, RefType

_DELIMITERS = "/#"


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """What a name is compared with: itself, or a regular expression found anywhere in it."""

    text: str
    is_regexp: bool = False

    def matches(self, name: str) -> bool:
        if not self.is_regexp:
            return name == self.text
        return _compiled(self.text).search(name.encode("utf-8", "replace").decode()) is not None


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """A name must match one of *include* and none of *exclude*."""

    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()


class When(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions on the branch, the tag, or the full ref; a later one overrides an earlier one."""

    branch: Conditions | None = None
    tag: Conditions | None = None
    ref: Conditions | None = None

    def matches(self, ref: Ref) -> bool:
        """Whether *ref* is meant; without any condition none is."""
        found = False
        for conditions, name in (
            (self.branch, ref.name if ref.type is RefType.BRANCH else ""),
            (self.tag, ref.name if ref.type is RefType.TAG else ""),
            (self.ref, ref.full),
        ):
            if conditions is None or not name:
                continue
            if any(pattern.matches(name) for pattern in conditions.include):
                found = True
            if any(pattern.matches(name) for pattern in conditions.exclude):
                found = False
        return found


def parse_pattern(text: str) -> Pattern:
    """`/…/` and `#…#` hold a regular expression (RE2), everything else is meant literally.

    Raises ValueError with RE2's reason for an expression that it does not understand.
    """
    if len(text.encode("utf-8", "replace")) <= 2 or text[0] != text[-1] or text[0] not in _DELIMITERS:
        return Pattern(text=text)
    expression = text[1:-1]
    try:
        _compiled(expression)
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason) from None
    return Pattern(text=expression, is_regexp=True)


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(expression, options)
