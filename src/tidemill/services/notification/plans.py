"""The plans of runs that are told about, asked for once: a plan never changes."""

from collections import OrderedDict

from tidemill.contracts.runservice import RunDetail, Runservice
from tidemill.core.plan import Plan
from tidemill.core.run import Run, RunId
from tidemill.errors import NotFound

#: Runs whose plans are remembered: about as many as are at work at once.
_REMEMBERED = 128


class Plans:
    """Asks the runservice for the plans of runs."""

    def __init__(self, runservice: Runservice) -> None:
        self._runservice = runservice
        self._found: OrderedDict[RunId, Plan | None] = OrderedDict()

    async def of(self, run: Run) -> Plan | None:
        """The plan of a run; None when it has none, or was removed."""
        if not run.tasks:
            return None
        if run.id not in self._found:
            detail = await self.detail(run.id)
            self._found[run.id] = detail.plan if detail else None
            if len(self._found) > _REMEMBERED:
                self._found.popitem(last=False)
        self._found.move_to_end(run.id)
        return self._found[run.id]

    async def detail(self, id: RunId) -> RunDetail | None:
        """A run as it is now; None when it was removed."""
        try:
            return await self._runservice.run(id)
        except NotFound as error:
            if error.code != "runDoesNotExist":
                raise
            return None
