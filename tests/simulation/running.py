"""Many worlds, each in a process of its own that was forked for it: none of them knows of another."""

import gc
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec

from tests.simulation.scenario import Scenario
from tests.simulation.world import Outcome, play
from tidemill.kit.db import Database

_MIGRATIONS = "tidemill.services.runservice.migrations"
#: Memory as a file system, where there is one.
_MEMORY = Path("/dev/shm")


class Runner:
    """Plays scenarios. *planting* puts a known fault into each."""

    def __init__(self, planting: Callable[[], Any] | None = None) -> None:
        self._place = Path(
            tempfile.mkdtemp(prefix="tidemill-simulation-", dir=_MEMORY if _MEMORY.is_dir() else None)
        )
        self._planting = planting
        self.count = 0
        template = self._place / "template.sqlite"
        anyio.run(_prepare, template)
        self._template = template

    def close(self) -> None:
        """Leave nothing."""
        shutil.rmtree(self._place, ignore_errors=True)

    def play(self, scenario: Scenario, *, told: bool = False) -> Outcome:
        """What becomes of one scenario."""
        self.count += 1
        reading, writing = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._be_a_world(scenario, writing, told=told)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        shutil.rmtree(self._place / "world", ignore_errors=True)
        if not answer:
            return Outcome(what="the simulation died", details="see above")
        return msgspec.json.decode(answer, type=Outcome)

    def _be_a_world(self, scenario: Scenario, writing: int, *, told: bool) -> None:
        """In the child; it never returns."""
        try:
            gc.disable()  # what is dead stays as it is: collecting it would let it clean up
            place = self._place / "world"
            place.mkdir()
            shutil.copy(self._template, place / "db.sqlite")
            answer = msgspec.json.encode(play(scenario, place, told=told, planting=self._planting))
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(answer)
        except BaseException:  # noqa: BLE001 - it is told and ends here
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(0)


async def _prepare(path: Path) -> None:
    database = await Database.open(f"sqlite:///{path}", name="runservice", migrations=_MIGRATIONS)
    await database.close()
