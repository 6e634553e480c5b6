"""Which runs go by themselves: those that ended long ago, and those beyond the newest of their project.

What a project is to others is a counter group here, which may have a rule of its own beside the settings.
Runs that are not over stay, and so do the newest of a counter group, and runs with artifacts whose time is
not over.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from tidemill.contracts.storage import RunRule
from tidemill.kit.db import Database, Transaction
from tidemill.services.runservice.retention.pacing import Pace, Tally, in_portions
from tidemill.services.runservice.store import expiry, removal, rules
from tidemill.services.runservice.store.expiry import Aged
from tidemill.settings.retention import RetentionSettings

#: Runs that go together: some milliseconds of work.
_AT_ONCE = 25


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force for some runs."""

    seconds: float
    least: int
    most: int

    @property
    def rule(self) -> RunRule:
        """The same as a rule that leaves nothing out."""
        return RunRule(seconds=self.seconds, least=self.least, most=self.most)


def in_force(settings: RetentionSettings, rule: RunRule) -> Keep:
    """What a *rule* says, and the *settings* where it says nothing."""
    return Keep(
        seconds=settings.runs if rule.seconds is None else rule.seconds,
        least=settings.runs_least if rule.least is None else rule.least,
        most=settings.runs_most if rule.most is None else rule.most,
    )


class RunPolicy:
    """Removes runs by their age and number."""

    def __init__(self, db: Database, settings: RetentionSettings, *, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock
        self._pace = Pace(db)

    async def apply(self, tally: Tally) -> None:
        """Remove all runs that are to go by now."""
        own = await self._db.read(rules.all_rules)
        keep = in_force(self._settings, RunRule())
        if keep.seconds:
            await self._old(keep, own.keys(), tally)
        if keep.most:
            await self._many(keep, own.keys(), tally)
        for counter, rule in own.items():
            await self._by_rule(counter, in_force(self._settings, rule), tally)
        for path in await self._db.read(removal.groups_to_go):
            await self._group(path, tally)

    async def _old(self, keep: Keep, but: Collection[str], tally: Tally) -> None:
        """Remove old runs of all counter groups but some."""
        before = self._before(keep)
        newest: dict[str, int] = {}
        after = 0
        while found := await self._db.read(lambda tx, after=after: expiry.oldest(tx, after)):  # type: ignore[misc]  # mypy: a lambda's default
            after = found[-1].sequence
            if all(run.created_at >= before for run in found):
                return
            old = [run for run in found if run.ended_at < before and run.counter_path not in but]
            for counter in {run.counter_path for run in old} - newest.keys():
                newest[counter] = await self._first_of_newest(counter, keep)
            await self._remove([run for run in old if run.number < newest[run.counter_path]], tally)

    def _before(self, keep: Keep) -> datetime:
        return self._clock() - timedelta(seconds=keep.seconds)

    async def _first_of_newest(self, counter: str, keep: Keep) -> int:
        """From which number on the runs of a counter group stay however old they are."""
        if not keep.least:
            return 1 << 62
        return await self._db.read(lambda tx: expiry.number_from_top(tx, counter, keep.least - 1))

    async def _many(self, keep: Keep, but: Collection[str], tally: Tally) -> None:
        """Remove the runs beyond the newest of all counter groups but some."""
        after = ""
        while counters := await self._db.read(lambda tx, after=after: expiry.counter_paths(tx, after, 200)):  # type: ignore[misc]  # mypy: a lambda's default
            after = counters[-1]
            for counter in counters:
                if counter not in but:
                    await self._beyond_most(counter, keep, tally)

    async def _beyond_most(self, counter: str, keep: Keep, tally: Tally) -> None:
        most = max(keep.most, keep.least)
        await self._up_to(
            counter, await self._db.read(lambda tx: expiry.number_from_top(tx, counter, most)), tally
        )

    async def _by_rule(self, counter: str, keep: Keep, tally: Tally) -> None:
        """Remove the runs of a counter group that has a rule of its own."""
        if keep.most:
            await self._beyond_most(counter, keep, tally)
        if not keep.seconds:
            return
        before = self._before(keep)
        last = await self._first_of_newest(counter, keep) - 1
        after = 0
        while found := await self._db.read(
            lambda tx, after=after: expiry.of_counter(tx, counter, after, last)  # type: ignore[misc]  # mypy: a lambda's default
        ):
            after = found[-1].number
            await self._remove([run for run in found if run.ended_at < before], tally)
            if all(run.created_at >= before for run in found):
                return

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

        async def drop_caches(tx: Transaction) -> bool:
            count = await expiry.limit_caches(tx, path, 0, now)
            tally.after(tx, "caches", count)
            return count > 0

        async def forget(tx: Transaction) -> None:
            await expiry.forget_counter(tx, path)
            await rules.set_rule(tx, path, RunRule())
            await removal.forget_group(tx, path)

        await self._pace.until_done(drop_caches)
        await self._db.do(forget)

    async def _remove(self, found: Sequence[Aged], tally: Tally, *, wanted: bool = True) -> None:
        """Remove those that are over; *wanted*, those with artifacts whose time is not over stay."""
        over = [run.sequence for run in found if run.is_final]
        if over and wanted:
            now = self._clock()
            kept = await self._db.read(lambda tx: expiry.keeping_artifacts(tx, over, now))
            over = [sequence for sequence in over if sequence not in kept]

        async def remove(tx: Transaction, some: Sequence[int]) -> None:
            tally.after(tx, "runs", await removal.remove_runs(tx, some))

        await self._pace.for_each(in_portions(over, _AT_ONCE), remove)
