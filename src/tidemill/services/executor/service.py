"""The executor as a service: who it is, its loops, and the pods that nobody owns any more."""

import platform
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import anyio
import anyio.to_thread
import structlog
from starlette.routing import BaseRoute

from tidemill.contracts.jobs import ExecutorInfo, Jobs
from tidemill.core.job import ExecutorId
from tidemill.core.plan import Resources
from tidemill.errors import Internal
from tidemill.kit.supervise import Faces, Loop, one_by_one
from tidemill.pods import Driver
from tidemill.services.executor.holding import Holding
from tidemill.services.executor.slots import Slots
from tidemill.services.executor.syncing import Syncing
from tidemill.settings import ExecutorSettings, ResourceSettings

log = structlog.get_logger()

_LEFTOVERS = "executor.leftovers"
_REMOVAL_LIMIT = 60.0
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386", "armv7l": "arm"}


class ExecutorService:
    """Works on jobs of the runservice on this machine.

    It may die at any moment: pods go on without it, and the next life on the same directory goes on
    with them. Leaving on SIGTERM is no different.
    """

    def __init__(  # noqa: PLR0913 - what the composition root builds it from
        self,
        settings: ExecutorSettings,
        data_dir: Path,
        jobs: Jobs,
        driver: Driver,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        loopback_only: bool,
    ) -> None:
        self._settings = settings
        self._place = data_dir / "executor"
        self._driver = driver
        self._new_id = new_id
        self._loopback_only = loopback_only
        self._presentation = ExecutorInfo(id=ExecutorId(""), slots=0, runtimes=())
        self._holding = Holding(
            self._place / "jobs",
            driver,
            jobs,
            Slots(settings.slots),
            log_limit=settings.log_limit,
            clock=clock,
            changed=self._tell,
        )
        self._syncing = Syncing(jobs, lambda: self._presentation, self._holding, clock)

    async def start(self) -> None:
        """Find out what the driver can do, and what an earlier life has left.

        Raises `Internal` where tasks would not be kept from the rest of the machine and must be.
        """
        own_id = await anyio.to_thread.run_sync(_kept_id, self._place / "id", self._new_id)
        await self._driver.start()
        if not (self._driver.sandboxed or self._loopback_only or self._settings.allow_unsandboxed):
            raise Internal(
                "tasks on this host would run without a sandbox, on a server that others can reach; install "
                "bubblewrap where it works, listen on loopback only, or set executor.allow_unsandboxed"
            )
        say = log.info if self._driver.sandboxed else log.warning
        say("how tasks are kept from this machine", driver=self._driver.notice)
        await self._holding.load()
        self._presentation = ExecutorInfo(
            id=own_id,
            name=self._settings.name or socket.gethostname(),
            slots=self._settings.slots,
            runtimes=self._driver.runtimes,
            arch=_architecture(),
            labels=self._settings.labels,
            allow_privileged=self._settings.allow_privileged,
            resources=_resources(self._settings.resources),
        )
        log.info("executor is ready", id=own_id, slots=self._settings.slots, runtimes=self._driver.runtimes)

    def loops(self) -> list[Loop]:
        """Working on jobs, which goes on until it is cancelled, and clearing away what is left over."""
        return [
            Loop("executor.work", self.work),
            Loop(_LEFTOVERS, self.remove_leftovers, seconds=60.0),
        ]

    def faces(self) -> Faces:
        """Nobody asks it."""
        return {}

    def routes(self) -> list[BaseRoute]:
        """Nobody calls an executor."""
        return []

    async def close(self) -> None:
        """Go, and leave pods with a task where they are."""
        await self._driver.close()

    async def work(self) -> None:
        """Do jobs until cancelled; after a failure, from what is on disk."""
        await self._holding.load()
        async with anyio.create_task_group() as group:
            self._holding.work_in(group)
            await self._syncing.forever()

    async def remove_leftovers(self) -> None:
        """Remove pods that no job of ours owns: of fenced jobs, of lives that were cut short."""
        with anyio.fail_after(_REMOVAL_LIMIT):
            pods = await self._driver.leftovers()
        await one_by_one(_LEFTOVERS, pods, self._remove_leftover)

    async def _remove_leftover(self, pod: str) -> None:
        if pod not in self._holding.pods():
            log.info("removing a leftover pod", pod=pod)
            with anyio.fail_after(_REMOVAL_LIMIT):
                await self._driver.remove(pod)

    def _tell(self, is_pressing: bool) -> None:
        self._syncing.tell(at_once=is_pressing)


def _architecture() -> str:
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def _resources(stated: ResourceSettings) -> Resources:
    """As the run language counts them."""
    cpu = None if stated.cpu is None else round(stated.cpu * 1000)
    return Resources(cpu=cpu, memory=stated.memory)


def _kept_id(path: Path, new_id: Callable[[], str]) -> ExecutorId:
    """The executor's id, made once and kept."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists() or not path.read_text().strip():
        beside = path.with_suffix(".new")
        beside.write_text(new_id() + "\n")
        beside.replace(path)
    return ExecutorId(path.read_text().strip())
