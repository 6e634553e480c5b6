"""Which runs go by themselves: those that ended long ago, and those beyond the newest of their project.

What a project is to others is a counter group here. Runs that are not over stay, and so do the newest of
a counter group, and runs with artifacts whose time is not over.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from tidemill.kit.db import Database, Transaction
from tidemill.services.runservice.retention.pacing import Pace, Tally
from tidemill.services.runservice.store import expiry, removal
from tidemill.services.runservice.store.expiry import Aged
from tidemill.settings.retention import RetentionSettings


class RunPolicy:
    """Removes runs by their age and number."""

    def __init__(self, db: Database, settings: RetentionSettings, *, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock
        self._pace = Pace(db)

    async def apply(self, tally: Tally) -> None:
        """Remove all runs that are to go by now."""
        if self._settings.runs:
            await self._old(tally)
        if self._settings.runs_most:
            await self._many(tally)
        for path in await self._db.read(removal.groups_to_go):
            await self._group(path, tally)

    async def _old(self, tally: Tally) -> None:
        before = self._clock() - timedelta(seconds=self._settings.runs)
        newest: dict[str, int] = {}
        after = 0
        while found := await self._db.read(lambda tx, after=after: expiry.oldest(tx, after)):  # type: ignore[misc]  # mypy: a lambda's default
            after = found[-1].sequence
            if all(run.created_at >= before for run in found):
                return
            old = [run for run in found if run.ended_at < before]
            for counter in {run.counter_path for run in old} - newest.keys():
                newest[counter] = await self._first_of_newest(counter)
            await self._remove([run for run in old if run.number < newest[run.counter_path]], tally)

    async def _first_of_newest(self, counter: str) -> int:
        """From which number on the runs of a counter group stay however old they are."""
        least = self._settings.runs_least
        if not least:
            return 1 << 62
        return await self._db.read(lambda tx: expiry.number_from_top(tx, counter, least - 1))

    async def _many(self, tally: Tally) -> None:
        most = max(self._settings.runs_most, self._settings.runs_least)
        after = ""
        while counters := await self._db.read(lambda tx, after=after: expiry.counter_paths(tx, after, 200)):  # type: ignore[misc]  # mypy: a lambda's default
            after = counters[-1]
            for counter in counters:
                last = await self._db.read(
                    lambda tx, counter=counter: expiry.number_from_top(tx, counter, most)  # type: ignore[misc]  # mypy: a lambda's default
                )
                await self._up_to(counter, last, tally)

    async def _up_to(self, counter: str, last: int, tally: Tally) -> None:
        """Remove the runs of a counter group up to the number *last*."""
        after = 0
        while found := await self._db.read(
            lambda tx, after=after: expiry.of_counter(tx, counter, after, last)  # type: ignore[misc]  # mypy: a lambda's default
        ):
            after = found[-1].number
            await self._remove(found, tally)

    async def _group(self, path: str, tally: Tally) -> None:
        """Remove a group that is wanted no more: runs, then caches, then what was counted."""
        now = self._clock()
        after = 0
        is_over = True
        while found := await self._db.read(
            lambda tx, after=after: expiry.of_counter(tx, path, after, 1 << 62)  # type: ignore[misc]  # mypy: a lambda's default
        ):
            after = found[-1].number
            is_over = is_over and all(run.is_final for run in found)
            await self._remove(found, tally, wanted=False)
        if not is_over:
            return

        async def forget(tx: Transaction) -> None:
            tally.after(tx, "caches", await expiry.limit_caches(tx, path, 0, now))
            await expiry.forget_counter(tx, path)
            await removal.forget_group(tx, path)

        await self._db.do(forget)

    async def _remove(self, found: Sequence[Aged], tally: Tally, *, wanted: bool = True) -> None:
        """Remove those that are over; *wanted*, those with artifacts whose time is not over stay."""
        over = [run.sequence for run in found if run.is_final]
        if over and wanted:
            now = self._clock()
            kept = await self._db.read(lambda tx: expiry.keeping_artifacts(tx, over, now))
            over = [sequence for sequence in over if sequence not in kept]

        async def remove(tx: Transaction, sequence: int) -> None:
            place = await removal.find(tx, sequence)
            if place is not None and await removal.remove_run(tx, place):
                tally.after(tx, "runs", 1)

        await self._pace.for_each(over, remove)
