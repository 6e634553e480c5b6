"""Test reports: what came of the tests of a step, and what is kept of each that did not pass."""

from typing import Annotated, Literal

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class FailedCase(msgspec.Struct, frozen=True, kw_only=True):
    """A test that did not pass; its texts are cut to what a person reads."""

    kind: Literal["failure", "error"]
    suite: str = ""
    classname: str = ""
    name: str = ""
    message: str = ""
    text: str = ""
    """Where and why, as the test's runner tells it."""
    seconds: _Seconds = 0.0


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What the reports of one step say, all together; counted are the cases, not what totals claim."""

    files: _Count = 0
    tests: _Count = 0
    failures: _Count = 0
    errors: _Count = 0
    skipped: _Count = 0
    seconds: _Seconds = 0.0
    failed: tuple[FailedCase, ...] = ()
    """The first that did not pass, as many as are kept."""

    @property
    def bad(self) -> int:
        """How many did not pass."""
        return self.failures + self.errors


MOST_FAILED = 500
"""Failed tests of a step of which more is kept than their number."""
LONGEST_NAME = 500
LONGEST_MESSAGE = 1000
LONGEST_TEXT = 4000
#: Characters that all of them have together.
LARGEST = 512 << 10
