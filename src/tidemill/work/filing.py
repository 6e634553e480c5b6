"""Steps that keep files and bring them back: chores in the pod, with archives from and to a store."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial

import anyio

from tidemill.contracts.jobs import Archive
from tidemill.core.plan import (
    Content,
    RestoreCache,
    RestoreWorkspace,
    SaveArtifacts,
    SaveCache,
    SaveReports,
    SaveToWorkspace,
)
from tidemill.core.run import StepPhase
from tidemill.errors import Failure, NotFound
from tidemill.kit.archive import Damaged, compressed, plain
from tidemill.pods import Chore, Pack, Pod, PodLost, Progress, Render, Unpack
from tidemill.work.bench import CALL_LIMIT, Bench
from tidemill.work.commands import command_key, secrets
from tidemill.work.environment import task_environment
from tidemill.work.insisting import Spring, insist
from tidemill.work.junit.reading import read_reports
from tidemill.work.masking import Mask
from tidemill.work.notes import Notes
from tidemill.work.shipping import Fenced
from tidemill.work.store import Store

LONGEST_KEY = 512
_MOST_SAID = 64 << 10


class StepFailed(Exception):
    """A step cannot be done; the message is for its log."""


class FileStep:
    """One such step. Everything it does can be done again: chores are done once, archives kept once."""

    def __init__(self, bench: Bench, pod: Pod, index: int) -> None:
        self._bench = bench
        self._pod = pod
        self._index = index
        self._notes = Notes(bench.directory / f"notes-{index}.json")
        self._chore = ""
        """The key of the chore that is being done."""

    async def do(self) -> None:
        """Do it, or what an earlier life has left to do of it."""
        ledger = self._bench.ledger
        self._bench.logs.ship_text(self._index, self._notes, resume=ledger.is_found)
        try:
            if not ledger.has_ended(self._index):
                await self._in_time()
        except Fenced:
            self._bench.fenced()
            await anyio.lowlevel.checkpoint()
        finally:
            self._notes.end()

    async def _in_time(self) -> None:
        with self._bench.waiting(self._index):
            try:
                await self._step()
            except StepFailed as failed:
                self._notes.say(str(failed))
                self._bench.end_step(self._index, StepPhase.FAILED, reason=_first_line(str(failed)))
            else:
                self._bench.end_step(self._index, StepPhase.SUCCESS)
            return
        reason = self._bench.overtime(self._index)
        if self._chore:
            with suppress(PodLost), anyio.move_on_after(self._bench.grace + CALL_LIMIT):
                await self._pod.stop(self._chore, self._bench.grace)
                await self._followed(self._chore)
        self._notes.say(reason or "stopped")
        self._bench.cut_step(self._index, reason)

    async def _step(self) -> None:
        store = self._bench.store
        if store is None:
            raise StepFailed("there is no place here where files could be kept")
        try:
            match self._bench.step(self._index):
                case SaveToWorkspace(contents=contents):
                    await self._save_to_workspace(store, contents)
                case RestoreWorkspace(dest_dir=dest_dir):
                    await self._restore_workspace(store, dest_dir)
                case SaveCache(key=key, contents=contents):
                    await self._save_cache(store, key, contents)
                case RestoreCache(keys=keys, dest_dir=dest_dir):
                    await self._restore_cache(store, keys, dest_dir)
                case SaveArtifacts(contents=contents):
                    await self._save_artifacts(store, contents)
                case SaveReports(junit=junit):
                    await self._save_reports(store, junit)
        except Failure as failure:
            raise StepFailed(failure.message) from failure
        except (Damaged, OSError) as error:
            raise StepFailed(str(error)) from error

    async def _save_to_workspace(self, store: Store, contents: tuple[Content, ...]) -> None:
        await self._do(Pack(contents))
        kept = await self._kept(partial(store.save_workspace, self._index))
        self._notes.say(f"kept for the tasks that depend on this one: {kept.size:,} bytes")

    async def _restore_workspace(self, store: Store, dest_dir: str) -> None:
        archives = await insist(store.workspaces)
        if not archives:
            self._notes.say("no task before this one has kept any files")
        for number, archive in enumerate(archives):
            self._notes.say(f"from task {archive.task!r}, step {archive.step + 1}:")
            await self._unpack(store, archive, dest_dir, f"-{number}")

    async def _save_cache(self, store: Store, template: str, contents: tuple[Content, ...]) -> None:
        if self._bench.spec.is_fork:
            self._notes.say("nothing is saved: runs of forks read caches and save none")
            return
        key = await self._key(template, "-key")
        self._notes.say(f"key: {key}")
        found = await insist(partial(store.find_cache, key))
        if found is not None and found.key == key:
            self._notes.say("there is a cache of this key already: nothing to be done")
            return
        await self._do(Pack(contents))
        kept = await self._kept(partial(store.save_cache, key))
        self._notes.say(f"saved: {kept.size:,} bytes")

    async def _restore_cache(self, store: Store, templates: tuple[str, ...], dest_dir: str) -> None:
        for number, template in enumerate(templates):
            key = await self._key(template, f"-key-{number}")
            found = await insist(partial(store.find_cache, key))
            if found is None:
                self._notes.say(f"key: {key}: there is no such cache")
                continue
            self._notes.say(f"key: {key}: found" + ("" if found.key == key else f" {found.key}"))
            try:
                await self._unpack(store, found, dest_dir, f"-{number}")
            except NotFound:
                self._notes.say("it has been removed meanwhile")
                continue
            return

    async def _save_artifacts(self, store: Store, contents: tuple[Content, ...]) -> None:
        await self._do(Pack(contents))
        key = self._chore_key("")
        spring = Spring(lambda: self._pod.made(key))
        kept = await insist(lambda: store.save_artifacts(self._index, spring.flow()), spring)
        if kept.left_out:
            self._notes.say("links are not kept: of what they lead to, name the paths themselves")
        until = f" until {kept.expires_at:%Y-%m-%d %H:%M} UTC" if kept.expires_at else ""
        files = "1 file" if kept.files == 1 else f"{kept.files:,} files"
        self._notes.say(f"kept with the run{until}: {files}, {kept.size:,} bytes")

    async def _save_reports(self, store: Store, paths: tuple[str, ...]) -> None:
        await self._do(Pack((Content(source_dir=".", paths=paths),)))
        mask = Mask(secrets(self._bench.spec, self._bench.values))
        answer = await read_reports(self._pod.made(self._chore_key("")), mask)
        for warning in answer.warnings:
            self._notes.say(f"warning: {warning}")
        found = answer.reported
        if not found.files and not answer.warnings:
            self._notes.say("warning: there are no reports")
        await insist(partial(store.save_reports, self._index, found))
        self._notes.say(f"{found.tests:,} tests: {found.bad:,} failed, {found.skipped:,} skipped")

    async def _key(self, template: str, suffix: str) -> str:
        """What a key's template becomes in the pod."""
        await self._do(Render(template), suffix)
        text = b"".join([block async for block in self._pod.made(self._chore_key(suffix))])
        key = text.decode(errors="replace")
        if not key or len(key) > LONGEST_KEY or not key.isprintable():
            raise StepFailed(
                f"a key has 1 to {LONGEST_KEY} printable characters, and {template!r} becomes {key[:100]!r}"
            )
        return key

    async def _kept(self, keep: Callable[[AsyncIterator[bytes]], Awaitable[Archive]]) -> Archive:
        """Bring what was packed to the store."""
        key = self._chore_key("")
        spring = Spring(lambda: compressed(self._pod.made(key)))
        return await insist(lambda: keep(spring.flow()), spring)

    async def _unpack(self, store: Store, archive: Archive, dest_dir: str, suffix: str) -> None:
        await self._do(Unpack(dest_dir), suffix, partial(_read, store, archive))

    async def _do(
        self,
        order: Pack | Unpack | Render,
        suffix: str = "",
        archive: Callable[[], AsyncIterator[bytes]] | None = None,
    ) -> None:
        """Do a chore to its end, and take over what it says."""
        chore = Chore(
            key=self._chore_key(suffix),
            order=order,
            environment=task_environment(self._bench.spec, self._bench.values),
            working_dir=self._bench.spec.task.working_dir,
        )
        self._chore = chore.key
        await insist(lambda: self._pod.do(chore, archive() if archive else None))
        progress = await self._followed(chore.key)
        self._chore = ""
        said = (await self._pod.read(chore.key, 0, _MOST_SAID)).decode(errors="replace") + progress.error
        if progress.exit_code != 0:
            raise StepFailed(said.strip() or f"it ended with exit code {progress.exit_code}")
        if said:
            self._notes.say(said)

    async def _followed(self, key: str) -> Progress:
        async for progress in self._pod.follow(key):
            if progress.ended:
                return progress
        raise PodLost("it stopped telling about its work")

    def _chore_key(self, suffix: str) -> str:
        return command_key(self._index) + suffix


async def _read(store: Store, archive: Archive) -> AsyncIterator[bytes]:
    async for chunk in plain(await store.read(archive), sha256=archive.sha256):
        yield chunk


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
