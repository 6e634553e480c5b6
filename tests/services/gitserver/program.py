"""A gitserver as a program: `python -m tests.services.gitserver.program DIRECTORY [held]`.

It prints its address. With `held` its gateway takes pushes and never answers.
"""

import sys
from pathlib import Path

import anyio

from tests.services.gitserver.hosting import Hosting
from tidemill.kit.db import Database
from tidemill.services.gitserver.service import MIGRATIONS


def database_url(directory: Path) -> str:
    return f"sqlite:///{directory / 'gitserver.db'}"


async def main(directory: Path, how: str) -> None:
    db = await Database.open(database_url(directory), name="gitserver", migrations=MIGRATIONS)
    hosting = Hosting(directory, db)
    if how == "held":
        hosting.gateway.held = anyio.Event()
    async with hosting.running():
        print(hosting.address, flush=True)  # noqa: T201 - for whoever started it
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), *(sys.argv[2:] or [""]), backend_options={"use_uvloop": True})
