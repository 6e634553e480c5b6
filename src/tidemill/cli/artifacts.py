"""`tidemill artifact`: files that the steps of a run have kept."""

import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Literal

import anyio
from cyclopts import App, Parameter

from tidemill.cli.client import Number, Output, Owner, Server, ask, complete
from tidemill.cli.output import inert, show
from tidemill.cli.saving import copy, save
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.artifacts import ArtifactResponse
from tidemill.errors import BadRequest, NotFound, Unavailable
from tidemill.kit.toolbox.failure import ToolFailure
from tidemill.kit.toolbox.unpacking import unpack

app = App(name="artifact", help="Files that the steps of a run have kept.")
_MOST_IN_VAIN = 5
_FIRST_PAUSE = 0.25
COLUMNS = {"TASK": "task_name", "PATH": "path", "SIZE": "size", "EXPIRES": "expire_time"}

Task = Annotated[str, Parameter(help="Only of the task with this name.")]


@app.command(name="list")
def list_artifacts(
    project: Owner, number: Number, *, task: Task = "", server: Server = None, output: Output = "table"
) -> None:
    """List what a run has kept, by task and path.

    For example: tidemill artifact list user/alice/hello 7
    """
    found = ask(server, lambda gateway: _all(gateway, project, number), about=project)
    show([one for one in found if task in ("", one.task_name)], output, columns=COLUMNS)


@app.command
def get(
    project: Owner,
    number: Number,
    path: Annotated[str, Parameter(help="The file's path; all files when left out.")] = "",
    /,
    *,
    task: Task = "",
    to: Annotated[
        str,
        Parameter(
            help="A file, - for stdout; without PATH a directory (. by default) or an archive.",
            allow_leading_hyphen=True,
        ),
    ] = "",
    archive: Annotated[
        Literal["tar", "zip"] | None, Parameter(help="All files as one archive in the file --to.")
    ] = None,
    server: Server = None,
) -> None:
    """Download a file, or all of them into a directory (one for each task) or an archive.

    A file is seen under its name when it is complete; one that has been kept is checked by its SHA-256.
    Of a directory nothing that exists is replaced.

    For example: tidemill artifact get user/alice/hello 7 dist/app.whl
    """
    if path and archive:
        raise usage("give a PATH or --archive, not both")
    if archive and not to:
        raise usage(f"--archive needs a file: --to artifacts.{archive}")

    async def download(gateway: Gateway) -> None:
        found = [
            one for one in await _all(gateway, project, number) if task in ("", one.task_name, one.task_id)
        ]
        if path:
            await _one(gateway, project, number, _chosen(found, path), to)
            return
        if not found:
            raise NotFound(f"run #{number} has kept no artifacts" + (f" of task {task!r}" if task else ""))
        task_id = found[0].task_id if task else ""
        if archive == "zip":
            await save(await gateway.project_run_artifacts_zip(project, str(number), task_id), to)
            return
        bundle = await gateway.project_run_artifacts_tar(project, str(number), task_id)
        await (save(bundle, to) if archive else _unpack(bundle, to or "."))

    ask(server, download, about=project)


async def _all(gateway: Gateway, project: str, number: int) -> list[ArtifactResponse]:
    async def page(cursor: str) -> tuple[list[ArtifactResponse], str]:
        answer = await gateway.project_run_artifacts(project, str(number), cursor=cursor)
        return answer.items, answer.cursor

    return await complete(page)


def _chosen(found: list[ArtifactResponse], path: str) -> ArtifactResponse:
    """The one at *path*; of several of one task, what its last step has kept."""
    fitting = {one.task_id: one for one in found if one.path == path}
    if not fitting:
        paths = ", ".join(sorted({inert(one.path) for one in found})[:10]) or "none"
        raise NotFound(f"there is no artifact {path!r}; there are: {paths}")
    if len(fitting) > 1:
        names = ", ".join(one.task_name for one in fitting.values())
        raise usage(f"several tasks have kept {path}; name one with --task: {names}")
    return next(iter(fitting.values()))


async def _one(gateway: Gateway, project: str, number: int, chosen: ArtifactResponse, to: str) -> None:
    def open_at(start: int) -> Awaitable[AsyncIterator[bytes]]:
        return gateway.project_run_artifact(project, str(number), chosen.task_id, chosen.path, start)

    await save(resumed(open_at), to or chosen.path.rpartition("/")[2], sha256=chosen.sha256)


async def resumed(open_at: Callable[[int], Awaitable[AsyncIterator[bytes]]]) -> AsyncIterator[bytes]:
    """All bytes of a file, however often the connection is cut; whoever takes them checks the whole."""
    taken = in_vain = 0
    while True:
        try:
            async for chunk in await open_at(taken):
                taken, in_vain = taken + len(chunk), 0
                yield chunk
        except Unavailable:
            in_vain += 1
            if not taken or in_vain > _MOST_IN_VAIN:
                raise
        else:
            return
        print(f"cut off after {taken:,} bytes, going on from there", file=sys.stderr)
        await anyio.sleep(_FIRST_PAUSE * 2**in_vain)


async def _unpack(bundle: AsyncIterator[bytes], to: str) -> None:
    """Unpack it below a directory; nothing that is there is replaced, and nothing goes elsewhere."""
    with tempfile.TemporaryFile() as file:
        await copy(bundle, file)
        file.seek(0)
        try:
            unpack(file, to, lambda said: print(f"{to}: {said}", file=sys.stderr))
        except ToolFailure as failure:
            raise BadRequest(str(failure)) from failure
