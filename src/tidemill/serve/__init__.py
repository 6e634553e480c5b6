"""The composition root: serve what the settings choose, until told to stop."""

import gc
import os
import resource
import secrets
import signal
import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import structlog

from tidemill.errors import BadRequest, Failure
from tidemill.kit.http import make_app, serve_http
from tidemill.kit.supervise import run_loops
from tidemill.kit.telemetry import configure_logging
from tidemill.serve.browsers import edge
from tidemill.serve.house import COMPONENTS, House, components
from tidemill.serve.listening import address, listen, tls
from tidemill.settings import Settings

DRAIN_SECONDS = 5.0
#: Python's own thresholds are for small programs: with them a busy server spends 7 % of its time collecting.
COLLECTIONS = (10_000, 20, 20)
#: Each reader of a log takes two connections of a gateway: the usual 1,024 open files are soon too few. More
#: than this is not asked for, since what tasks inherit they may go through one by one.
OPEN_FILES = 65_536

log = structlog.get_logger("serve")


def main(settings: Settings, config: Path | None) -> int:
    """Serve until SIGTERM or SIGINT; answers the exit code."""
    configure_logging(settings.log.level, settings.log.format)
    _allow_open_files()
    code = 0
    try:
        components(settings)  # a name that is none is told before anything is tried
        encryption = tls(settings)
        listener = listen(settings)
        anyio.run(_serve, settings, listener, encryption, config, backend_options={"use_uvloop": True})
    except* Failure as group:
        code = 1
        for error in _leaves(group):
            print(f"tidemill: {error}", file=sys.stderr)  # noqa: T201 - the last word, for people
    return code


async def _serve(
    settings: Settings, listener: socket.socket, encryption: ssl.SSLContext | None, config: Path | None
) -> None:
    stop = anyio.Event()
    token = _service_token(settings)
    own = address(listener, over_tls=encryption is not None)
    async with House(settings, own, config) as house, anyio.create_task_group() as group:
        routes = [route for service in house.services.values() for route in service.routes()]
        if "gateway" in house.services:
            from tidemill.services.gateway.rights import check_ordinary  # others need nothing of it

            check_ordinary(routes)
        app = make_app(
            routes,
            ready=house.readiness.unready,
            service_token=token,
            edge=edge(settings, house.address),
        )
        group.start_soon(_stop_on_signal, stop)
        group.start_soon(run_loops, house.loops())
        gc.freeze()
        gc.set_threshold(*COLLECTIONS)
        with suppress(OSError):  # nobody needs to read it
            print(f"Tidemill is ready: {house.address} ({', '.join(house.services)})", flush=True)  # noqa: T201 - for people and programs that wait for it
        await serve_http(app, listener, stop=stop, drain=DRAIN_SECONDS, tls=encryption)
        group.cancel_scope.cancel()


def _allow_open_files() -> None:
    """As many open files as this process may allow itself."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(most, OPEN_FILES)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _service_token(settings: Settings) -> str:
    """What other services show; where all are in this process nobody has it, and no job can ask them.

    Raises BadRequest when services in other processes need one: jobs of the host share its network.
    """
    if settings.service_token:
        return settings.service_token
    if set(components(settings)) == set(COMPONENTS):
        return secrets.token_hex(20)
    raise BadRequest(
        "services in several processes need a service_token, the same for all of them "
        "(TIDEMILL_SERVICE_TOKEN): without it any task of this machine could ask the internal ones"
    )


async def _stop_on_signal(stop: anyio.Event) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            if stop.is_set():
                os._exit(128 + number)
            log.info("stopping", signal=number.name, drain_seconds=DRAIN_SECONDS)
            stop.set()


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]
