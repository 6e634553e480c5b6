"""The configuration of the Buildbot master: three builders, one local worker, SQLite, and a diary of events.

Buildbot's own program reads this file, in its own environment; nothing of Tidemill is there. What differs
from run to run stands in environment variables.
"""

import json
import os
import time
from pathlib import Path

from buildbot.plugins import schedulers, steps, util, worker
from buildbot.util.service import BuildbotService

BUILDERS = {"one": ["true"], "three": ["true"] * 3, "print": [os.environ["BENCH_PRINT"]]}
LINES = Path(os.environ["BENCH_DIARY"]).open("a", buffering=1)  # noqa: SIM115 - open as long as the master is
HTTP, WORKERS = os.environ["BENCH_HTTP"], os.environ["BENCH_WORKERS"]


class Diary(BuildbotService):
    """Writes down when steps begin and when builds end, one JSON line each."""

    name = "diary"

    async def startService(self):  # noqa: N802 - Twisted's name
        await super().startService()
        for what, event in (("steps", "started"), ("steps", "finished"), ("builds", "finished")):
            await self.master.mq.startConsuming(self.note, (what, None, event))

    def note(self, key, message):
        line = {"at": time.time(), "what": f"{key[0]} {key[2]}", "number": message["number"]}
        LINES.write(json.dumps(line | {"build": message.get("buildid")}) + "\n")


def builder(name, commands):
    run = [steps.ShellCommand(command=["/bin/sh", "-c", command]) for command in commands]
    return util.BuilderConfig(
        name=name, workernames=["local"], factory=util.BuildFactory(run), collapseRequests=False
    )


def trigger(name):
    nothing = {part: util.FixedParameter(part) for part in ("branch", "revision", "repository", "project")}
    return schedulers.ForceScheduler(
        name=name, builderNames=[name], codebases=[util.CodebaseParameter("", **nothing)]
    )


BuildmasterConfig = {
    "title": "bench",
    "titleURL": f"http://127.0.0.1:{HTTP}/",
    "buildbotURL": f"http://127.0.0.1:{HTTP}/",
    "buildbotNetUsageData": None,
    "db": {"db_url": "sqlite:///state.sqlite"},
    "www": {"port": f"tcp:{HTTP}:interface=127.0.0.1", "plugins": {}},
    "protocols": {"pb": {"port": f"tcp:{WORKERS}:interface=127.0.0.1"}},
    "workers": [worker.Worker("local", "local", max_builds=4)],
    "builders": [builder(*one) for one in BUILDERS.items()],
    "schedulers": [trigger(name) for name in BUILDERS],
    "services": [Diary()],
}
