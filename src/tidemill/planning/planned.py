"""What planning has to say about a commit: its plans, the runs passed over, what is wrong and where."""

from enum import StrEnum

import msgspec

from tidemill.core.decisions import Decision
from tidemill.core.plan import Plan

TIDEMILL_FOLDER = ".tidemill"
AGOLA_FOLDER = ".agola"
"""Configurations in it follow Agola's rules."""

#: Where a repository's configuration is looked for, in this order; the first that exists is read.
CANDIDATES = tuple(
    f"{folder}/config.{extension}"
    for folder in (TIDEMILL_FOLDER, AGOLA_FOLDER)
    for extension in ("star", "jsonnet", "json", "yml", "yaml")
)


class Severity(StrEnum):
    """Whether a problem keeps a configuration from having plans."""

    ERROR = "error"
    WARNING = "warning"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a configuration; line and column count from 1, 0 is unknown."""

    path: str
    """The file."""
    line: int = 0
    column: int = 0
    message: str
    severity: Severity = Severity.ERROR
    where: str = ""
    """The path in its data, such as `runs[0].tasks[2].steps[1].type`."""
    source: str = ""
    """The line of the file, for people to look at."""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: {self.message}"


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The plans of a commit, or the problems that keep it from having any."""

    file: str = ""
    """The configuration that was read; "" when the commit has none."""
    plans: tuple[Plan, ...] = ()
    skipped: tuple[str, ...] = ()
    """Why runs that the configuration defines were not made, a sentence each."""
    problems: tuple[Problem, ...] = ()
    """Errors; with any there are no plans."""
    warnings: tuple[Problem, ...] = ()
    decisions: tuple[Decision, ...] = ()
    """For every run, task and step that is made, skipped or not made: why."""
