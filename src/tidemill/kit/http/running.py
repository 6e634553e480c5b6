"""An app served by uvicorn on a socket that somebody else has opened."""

import asyncio
import logging
import socket
import ssl

import anyio
from uvicorn import Config, Server

from tidemill.kit.http.app import App
from tidemill.kit.http.protocol import Protocol

#: Idle connections stay open longer than any client of ours keeps them, so that none is lost in a race.
KEEP_ALIVE_SECONDS = 75
_CANCELLED_SECONDS = 1.0


async def serve_http(
    app: App,
    listener: socket.socket,
    *,
    stop: anyio.Event,
    drain: float = 5.0,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve *app* on *listener* until *stop*; then finish what is in flight, for *drain* seconds at most.

    Signals are the caller's business. What waits or streams is ended at once: its client asks again.
    """
    config = Config(
        app,
        http=Protocol,
        ws="none",
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level=logging.CRITICAL,  # the app logs every failure itself
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=drain,  # type: ignore[arg-type]  # fractions of seconds work too
        reset_contextvars=True,
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )
    server = _Server(config, app, stop)
    await server._serve(sockets=[listener])  # noqa: SLF001 - `serve` would take over the signals
    left = set(server.server_state.tasks)
    if left:
        await asyncio.wait(left, timeout=_CANCELLED_SECONDS)


class _Server(Server):
    """uvicorn without its ten ticks a second."""

    def __init__(self, config: Config, app: App, stop: anyio.Event) -> None:
        super().__init__(config)
        self._app = app
        self._stop = stop

    async def main_loop(self) -> None:
        await self._stop.wait()
        self._app.stop()
