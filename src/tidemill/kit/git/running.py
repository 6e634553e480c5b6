"""Running git in an environment of its own: no configuration but ours, no hooks, no prompts."""

import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import structlog

from tidemill.errors import Internal, Unavailable
from tidemill.kit.git.process import Process

#: GIT_CONFIG_COUNT, by which our configuration is handed over, is understood from this version on.
OLDEST = (2, 31)

#: What every process of ours is told, whoever uses it.
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "safe.directory": "*",  # the data directory may belong to another user, as a mounted volume does
    "gc.auto": "0",
    "maintenance.auto": "false",
    "receive.autogc": "false",
    "advice.detachedHead": "false",
}

log = structlog.get_logger("git")


class Git:
    """The git of this machine. *config* is added to what every process of ours is told."""

    def __init__(self, config: Mapping[str, str] | None = None, *, executable: str = "git") -> None:
        self._executable = shutil.which(executable) or executable
        self._environment = _environment({**_CONFIG, **(config or {})})

    async def check(self) -> str:
        """The version of git; Unavailable where there is none or it is too old."""
        try:
            answer = (await self.run(Path("/"), "version")).decode()
        except FileNotFoundError as error:
            raise Unavailable(
                "git was not found; install it (on Debian: apt-get install git)", code="gitMissing"
            ) from error
        found = re.search(r"(\d+)\.(\d+)", answer)
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            raise Unavailable(
                f"git {OLDEST[0]}.{OLDEST[1]} or newer is needed, here is: {answer.strip()}", code="gitTooOld"
            )
        return found.string.strip()

    @asynccontextmanager
    async def process(
        self, directory: Path, arguments: Sequence[str], *, protocol: str = ""
    ) -> AsyncIterator[Process]:
        """A running git that does not outlive the block."""
        process = self.start(directory, arguments, protocol=protocol)
        try:
            yield process
        finally:
            await process.close()

    def start(self, directory: Path, arguments: Sequence[str], *, protocol: str = "") -> Process:
        """A running git whose owner closes it; *protocol* is what a client said in Git-Protocol."""
        environment = self._environment | ({"GIT_PROTOCOL": protocol} if protocol else {})
        return Process([self._executable, *arguments], cwd=directory, environment=environment)

    async def run(self, directory: Path, *arguments: str, timeout: float = 30.0) -> bytes:  # noqa: ASYNC109 - the deadline is the caller's
        """The output of a git that takes no input; Internal when it fails or takes too long."""
        output = bytearray()
        with anyio.move_on_after(timeout) as scope:
            async with self.process(directory, arguments) as process:
                process.end_input()
                while block := await process.read():
                    output += block
                code = await process.wait()
                complaint = process.complaint()
        if scope.cancelled_caught:
            raise Internal(f"git {arguments[0]} did not end within {timeout:g} s")
        if code:
            log.warning("git failed", arguments=arguments, exit_code=code, complaint=complaint)
            raise Internal(f"git {arguments[0]} failed: {complaint or f'exit code {code}'}")
        return bytes(output)


def _environment(config: Mapping[str, str]) -> dict[str, str]:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(config)),
    }
    for i, (key, value) in enumerate(config.items()):
        environment[f"GIT_CONFIG_KEY_{i}"] = key
        environment[f"GIT_CONFIG_VALUE_{i}"] = value
    return environment
