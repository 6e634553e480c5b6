"""A job's logs, kept by the runservice."""

from collections.abc import Sequence

from tidemill.contracts.jobs import Jobs
from tidemill.core.job import JobId
from tidemill.core.logs.marks import Mark, spelt
from tidemill.errors import Conflict
from tidemill.work.shipping import Fenced, LogGap


class RunserviceLog:
    """The log sink of one job in one generation."""

    def __init__(self, jobs: Jobs, id: JobId, generation: int) -> None:
        self._jobs = jobs
        self._id = id
        self._generation = generation

    async def append(self, step: int, offset: int, data: bytes, seen: Sequence[Mark] = ()) -> int:
        """Store *data* of a step from *offset* on; answers the length stored."""
        try:
            end = await self._jobs.append_log(self._id, self._generation, step, offset, data, spelt(seen))
        except Conflict as conflict:
            raise _meaning(conflict) from conflict
        return end.length

    async def end(self, step: int) -> int:
        """How many bytes of a step's log are stored."""
        try:
            return (await self._jobs.log_end(self._id, self._generation, step)).length
        except Conflict as conflict:
            raise _meaning(conflict) from conflict


def _meaning(conflict: Conflict) -> Exception:
    if conflict.code == "fenced":
        return Fenced(conflict.message)
    details = conflict.details
    if conflict.code == "logGap" and isinstance(details, dict) and isinstance(details.get("length"), int):
        return LogGap(details["length"])
    return conflict
