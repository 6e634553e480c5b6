"""An executor to be killed by a test: it starts a command in a pod, takes another pod that it does not claim.

Arguments: the directory of pods, `on` or `off` for the sandbox, the command's script. It prints where the
unclaimed pod stands, and waits for its own death.
"""

import asyncio
import sys
from pathlib import Path

from tests.pods.worlds import host_world, prepare, shell


async def main(directory: str, sandbox: str, script: str) -> None:
    world = await host_world(Path(directory), "on" if sandbox == "on" else "off")
    pod = await prepare(world)
    await pod.start(shell(script))
    assert world.host._pool is not None
    unclaimed = await world.host._pool.take()
    print(unclaimed.directory, flush=True)  # noqa: T201
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
