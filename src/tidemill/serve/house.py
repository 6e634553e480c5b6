"""The services of this process, built and wired; the only module that sees two of them.

Where a service that another asks runs in this process, it is handed over as an object behind a thin
carrier; otherwise as a client derived from the same contract.
"""

import os
import secrets
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import structlog

from tidemill.contracts.audit import Audit
from tidemill.contracts.configstore import Configstore
from tidemill.contracts.direct_runs import DirectRepositories, DirectValues
from tidemill.contracts.feed import Feed
from tidemill.contracts.fleet import Fleet
from tidemill.contracts.gitserver import Gitserver
from tidemill.contracts.jobs import Jobs
from tidemill.contracts.logs import Logs
from tidemill.contracts.notification import Notification
from tidemill.contracts.organizations import Invitations, Organizations
from tidemill.contracts.passwords import Passwords
from tidemill.contracts.pushes import Pushes
from tidemill.contracts.remote_sources import RemoteSources
from tidemill.contracts.runservice import Runservice
from tidemill.contracts.sealing import Sealing
from tidemill.contracts.sessions import Sessions
from tidemill.contracts.storage import Storage
from tidemill.contracts.values import Values
from tidemill.errors import BadRequest, Unavailable
from tidemill.kit.carriers import absent, direct
from tidemill.kit.connect import addresses, connect, http_client
from tidemill.kit.contract import Contract
from tidemill.kit.coord import Bells, Presence
from tidemill.kit.coord.file_lock import FileLock
from tidemill.kit.db import Database
from tidemill.kit.objects import Objects
from tidemill.kit.supervise import Loop, Service
from tidemill.serve.clocks import Clocks, clock
from tidemill.serve.coordination import open_coordinator
from tidemill.serve.driving import driver
from tidemill.serve.hiding import hidden
from tidemill.serve.keeping import kept, keyring
from tidemill.serve.listening import is_loopback
from tidemill.serve.readiness import Readiness
from tidemill.settings import Settings

C = TypeVar("C", bound=Contract)

#: Every service, in the order in which they are built: who is asked comes before who asks.
COMPONENTS = ("configstore", "runservice", "notification", "gitserver", "gateway", "scheduler", "executor")

#: Those that keep rows.
WITH_DATABASE = ("configstore", "runservice", "notification", "gitserver", "gateway")

log = structlog.get_logger("serve")


class House:
    """The services of this process, and how each reaches the others."""

    def __init__(self, settings: Settings, address: str, config: Path | None) -> None:
        self.settings = settings
        self.data_dir = settings.data_dir.absolute()
        self.config = config
        self.components = components(settings)
        self.address = address
        self.services: dict[str, Service] = {}
        self.bells = Bells()
        self.presence: Presence | None = None
        self.readiness = Readiness()
        self._clocks = Clocks()
        self._stack = AsyncExitStack()
        self._late: dict[tuple[str, type[Contract]], _Late] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._build()
        except OSError as error:
            await self._stack.aclose()
            where = f" ({error.filename})" if error.filename else ""
            raise Unavailable(
                f"cannot start on {self.data_dir}: {error.strerror or error}{where}; "
                "mend that, or choose another with --data-dir"
            ) from error
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _build(self) -> None:
        private(self.data_dir)
        if self.components != ("executor",):
            await self._coordinate()
        for name in COMPONENTS:
            if name in self.components:
                service: Service = await getattr(self, f"_{name}")()
                self.services[name] = service
                for contract, face in service.faces().items():
                    if (name, contract) in self._late:
                        self._late[name, contract].target = face
        for service in self.services.values():
            await service.start()
            self._stack.push_async_callback(service.close)

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def loops(self) -> list[Loop]:
        """Everything that is to be supervised in this process."""
        loops = [loop for service in self.services.values() for loop in service.loops()]
        loops += self._clocks.loops()
        if self.presence is None:
            return loops
        # A coordinator that may have lost what it had rings every bell.
        return [
            *loops,
            Loop("presence", self.presence.show, seconds=20, bell=self.bells.listen("coordinator")),
        ]

    async def _coordinate(self) -> None:
        urls = [getattr(self.settings, name).database for name in WITH_DATABASE if name in self.components]
        coordinator = await open_coordinator(
            self.settings.coordinator,
            self.data_dir,
            alone=not all(url.startswith("postgresql:") for url in urls),
            stack=self._stack,
        )
        self.bells = coordinator.bells
        self.readiness.add("coordinator", lambda: coordinator.get(""))
        self.presence = Presence(coordinator, "server", new_id())

    def ask(self, contract: type[C], name: str, *, may_lack: bool = False) -> C:
        """The service *name* as whoever asks it sees it; where it *may_lack*, it answers that it does."""
        if name in self.services:
            return direct(contract, cast("C", self.services[name].faces()[contract]))
        if name in self.components:
            return direct(contract, cast("C", self._late.setdefault((name, contract), _Late())))
        url = getattr(self.settings, name).url
        if not url:
            why = f"the {name} is not among this process's components and {name}.url does not say where it is"
            if may_lack:
                return absent(contract, why)
            raise BadRequest(why)
        http = http_client(url, service_token=self.settings.service_token)
        self._stack.push_async_callback(http.aclose)
        return connect(contract, http, f"/internal/{name}")

    async def _database(self, name: str) -> Database:
        url = getattr(self.settings, name).database
        db = await Database.open(
            url or f"sqlite:///{self.data_dir / name}.db",
            name=name,
            migrations=f"tidemill.services.{name}.migrations",
        )
        self._stack.push_async_callback(db.close)
        self.readiness.add_database(name, db)
        return db

    async def _configstore(self) -> Service:
        from tidemill.services.configstore.service import ConfigstoreService

        settings = self.settings.configstore
        keys = keyring(settings, self.data_dir)
        db = await self._database("configstore")
        agreed = await self._clocks.of(db)
        return ConfigstoreService(settings, db, keys, clock=agreed, new_id=new_id)

    async def _runservice(self) -> Service:
        from tidemill.services.runservice.service import RunserviceService

        settings = self.settings.runservice
        db = await self._database("runservice")
        objects = Objects.open(settings.objects or private(self.data_dir / "objects").as_uri())
        values = self.ask(Values, "configstore")
        agreed = await self._clocks.of(db)
        return RunserviceService(settings, db, objects, self.bells, values, clock=agreed, new_id=new_id)

    async def _notification(self) -> Service:
        from tidemill.services.notification.service import NotificationService

        db = await self._database("notification")
        return NotificationService(
            self.settings.notification,
            db,
            self.bells,
            self.ask(Feed, "runservice"),
            self.ask(Runservice, "runservice"),
            clock=await self._clocks.of(db),
            new_id=new_id,
        )

    async def _gitserver(self) -> Service:
        from tidemill.services.gitserver.service import GitserverService

        settings = self.settings.gitserver
        db = await self._database("gitserver")
        pushes = self.ask(Pushes, "gateway")
        agreed = await self._clocks.of(db)
        return GitserverService(
            settings,
            self.data_dir,
            db,
            pushes,
            self.ask(DirectRepositories, "gateway"),
            clock=agreed,
            new_id=new_id,
            is_loopback_only=is_loopback(self.address),
        )

    async def _gateway(self) -> Service:
        from tidemill.planning.planner import Planner
        from tidemill.services.gateway.asked import Asked
        from tidemill.services.gateway.service import GatewayService

        settings = self.settings.gateway
        if settings.anonymous_direct_runs and not is_loopback(self.address):
            raise BadRequest(
                f"gateway.anonymous_direct_runs is for loopback addresses, not for {self.address}: everybody "
                "could read and change direct runs",
                code="badSettings",
            )
        exposed = (settings.exposed_url or self.address).rstrip("/")
        git_url = (self.settings.gitserver.exposed_url or exposed).rstrip("/")
        died = "the process that reads configurations died"
        planner = Planner(tell=lambda end: log.warning(died, reason=end.reason, last_words=end.last_words))
        await planner.start()
        self._stack.push_async_callback(planner.close)
        db = await self._database("gateway")
        return GatewayService(
            settings,
            db,
            self.bells,
            planner,
            Asked(
                configstore=self.ask(Configstore, "configstore"),
                audit=self.ask(Audit, "configstore"),
                sources=self.ask(RemoteSources, "configstore"),
                sealing=self.ask(Sealing, "configstore"),
                passwords=self.ask(Passwords, "configstore"),
                sessions=self.ask(Sessions, "configstore"),
                organizations=self.ask(Organizations, "configstore"),
                invitations=self.ask(Invitations, "configstore"),
                direct_values=self.ask(DirectValues, "configstore"),
                runservice=self.ask(Runservice, "runservice"),
                logs=self.ask(Logs, "runservice"),
                feed=self.ask(Feed, "runservice"),
                storage=self.ask(Storage, "runservice"),
                fleet=self.ask(Fleet, "runservice"),
                gitserver=self.ask(Gitserver, "gitserver"),
                notification=self.ask(Notification, "notification", may_lack=True),
            ),
            admin_token=self._admin_token(),
            exposed_url=lambda: exposed,
            git_url=lambda: git_url,
            clock=await self._clocks.of(db),
            new_id=new_id,
        )

    async def _scheduler(self) -> Service:
        from tidemill.services.scheduler.service import SchedulerService

        return SchedulerService(self.ask(Runservice, "runservice"))

    async def _executor(self) -> Service:
        from tidemill.services.executor.service import ExecutorService

        lock = FileLock(self.data_dir / "executor.lock")  # two executors would work in the same pods
        self._stack.callback(lock.release)
        return ExecutorService(
            self.settings.executor,
            self.data_dir,
            self.ask(Jobs, "runservice"),
            driver(self.settings.executor, self.data_dir / "executor" / "pods", self._hidden()),
            clock=clock,
            new_id=new_id,
            loopback_only=all(
                is_loopback(url) for url in (self.address, *addresses(self.settings.runservice.url))
            ),
        )

    def _hidden(self) -> list[Path]:
        """What no task may see."""
        databases = [getattr(self.settings, name).database for name in WITH_DATABASE]
        return hidden(self.settings, self.data_dir, self.config, databases)

    def _admin_token(self) -> str:
        """The administrator's token: given, or made at the first start and kept for the owner's eyes."""
        if self.settings.gateway.admin_token:
            return str(self.settings.gateway.admin_token)
        path = self.data_dir / "admin-token"
        token = kept(path, lambda: secrets.token_hex(20))
        log.info("the administrator's token", path=str(path))
        return token


class _Late:
    """The face of a service of this process that is built after one that asks it."""

    target: Any = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def forward(*args: Any, **kwargs: Any) -> Any:
            return await getattr(self.target, name)(*args, **kwargs)

        return forward


def components(settings: Settings) -> tuple[str, ...]:
    """The services that this process is to run; raises BadRequest for one that does not exist."""
    if "all" in settings.components:
        return COMPONENTS
    if not settings.components:
        raise BadRequest(f"components names no service; known are all, {', '.join(COMPONENTS)}")
    unknown = [name for name in settings.components if name not in COMPONENTS]
    if unknown:
        raise BadRequest(f"no such component: {', '.join(unknown)}; known are all, {', '.join(COMPONENTS)}")
    return settings.components


def private(directory: Path) -> Path:
    """*directory*, made for the eyes of its owner; raises BadRequest when nobody could write there."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except FileExistsError as error:
        raise BadRequest(f"{directory} is not a directory; choose another with --data-dir") from error
    except OSError as error:
        raise BadRequest(
            f"cannot make the directory {directory}: {error.strerror}; choose another with --data-dir"
        ) from error
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise BadRequest(
            f"{directory} cannot be written to; choose another with --data-dir, or give it rights"
        )
    return directory


def new_id() -> str:
    """A fresh id: a random UUID."""
    return str(uuid.uuid4())
