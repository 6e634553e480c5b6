"""`tidemill executor`: the executors of an installation. Needs the administrator's token."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from tidemill.cli.client import Output, Server, ask, complete
from tidemill.cli.output import inert, show
from tidemill.cli.resuming import Persistence
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.executors import ExecutorActionRequest, ExecutorResponse
from tidemill.errors import NotFound, Unavailable
from tidemill.kit.streams import closing

app = App(name="executor", help="Executors: who does the jobs. Needs the administrator's token.")

Name = Annotated[str, Parameter(help="The executor's name, or its id.")]
Reason = Annotated[str, Parameter(help="Why, for others to read.")]

_executor = msgspec.json.Decoder(ExecutorResponse)
_COLUMNS = {
    "NAME": "name",
    "STATE": "state",
    "JOBS": "jobs",
    "RUNTIMES": "runtimes",
    "ARCH": "arch",
    "LABELS": "labels",
    "SEEN": "seen_time",
    "ID": "id",
}


@app.command(name="list")
def list_executors(*, server: Server = None, output: Output = "table") -> None:
    """List all executors by name.

    For example: tidemill executor list
    """

    async def executors(gateway: Gateway) -> list[ExecutorResponse]:
        async def page(cursor: str) -> tuple[list[ExecutorResponse], str]:
            answer = await gateway.executors(cursor=cursor)
            return answer.items, answer.cursor

        return await complete(page)

    found = ask(server, executors)
    if output == "json":
        show(found, output)
    else:
        show([_row(one) for one in found], output, columns=_COLUMNS)


@app.command(name="show")
def show_executor(name: Name, *, server: Server = None, output: Output = "table") -> None:
    """Show one executor.

    For example: tidemill executor show 4c1b2f6e
    """
    found = ask(server, lambda gateway: gateway.executor(name))
    if output == "json":
        show(found, output)
        return
    for field, value in _row(found).items():
        print(f"{field.replace('_', ' ')}: {inert(str(value)) or '-'}")
    if found.wanted_by:
        print(f"asked to by: {_wish(found)}")


@app.command
def drain(
    name: Name,
    *,
    reason: Reason = "",
    wait: Annotated[bool, Parameter(help="Wait until it has no job any more.", negative="")] = False,
    server: Server = None,
) -> None:
    """Have an executor finish what it has and take nothing new.

    For example: tidemill executor drain build-1 --reason "a new kernel" --wait
    """
    request = ExecutorActionRequest(reason=reason)
    draining = ask(server, lambda gateway: gateway.drain_executor(name, request))
    if wait:
        ask(server, lambda gateway: _empty(gateway, name))
    else:
        _say(draining)


@app.command
def pause(name: Name, *, reason: Reason = "", server: Server = None) -> None:
    """Have an executor take nothing new for a while: it is expected back, and never forgotten.

    For example: tidemill executor pause 4c1b2f6e
    """
    request = ExecutorActionRequest(reason=reason)
    _say(ask(server, lambda gateway: gateway.pause_executor(name, request)))


@app.command
def resume(name: Name, *, reason: Reason = "", server: Server = None) -> None:
    """Have an executor take jobs again.

    For example: tidemill executor resume 4c1b2f6e
    """
    request = ExecutorActionRequest(reason=reason)
    _say(ask(server, lambda gateway: gateway.resume_executor(name, request)))


@app.command
def delete(name: Name, *, server: Server = None) -> None:
    """Forget an executor that is offline; its jobs are lost.

    For example: tidemill executor delete 4c1b2f6e
    """
    ask(server, lambda gateway: gateway.delete_executor(name))


async def _empty(gateway: Gateway, name: str) -> None:
    """Wait until an executor has no job, and say how many are left; over broken connections too."""
    persistence = Persistence()
    told = -1
    while True:
        try:
            async with closing(await gateway.follow_executor(name)) as blocks:
                persistence.opened()
                async for line in _lines(blocks):
                    persistence.heard()
                    if line and (executor := _executor.decode(line)).jobs != told:
                        told = executor.jobs
                        _say(executor)
                        if not told:
                            return
            raise NotFound(f"executor {name} was deleted meanwhile", code="executorDoesNotExist")
        except Unavailable as error:
            persistence.broke(error)
            await persistence.pause()


async def _lines(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line


def _say(executor: ExecutorResponse) -> None:
    left = "1 job" if executor.jobs == 1 else f"{executor.jobs} jobs"
    print(
        f"{inert(executor.name)} is {_state(executor)}" + (f": {left}" if executor.jobs else ""), flush=True
    )


def _row(executor: ExecutorResponse) -> dict[str, object]:
    labels = [f"{name}={value}" if value else name for name, value in sorted(executor.labels.items())]
    return {
        "name": executor.name,
        "state": _state(executor),
        "jobs": f"{executor.jobs}/{executor.slots}",
        "runtimes": ", ".join(executor.runtimes),
        "arch": executor.arch,
        "labels": ", ".join(labels),
        "seen_time": executor.seen_time,
        "id": executor.id,
    }


def _state(executor: ExecutorResponse) -> str:
    return executor.state if executor.online else f"{executor.state}, offline"


def _wish(executor: ExecutorResponse) -> str:
    why = f": {executor.wanted_reason}" if executor.wanted_reason else ""
    return inert(f"{executor.wanted_by}{why}")
