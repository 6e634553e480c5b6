"""`tidemill cache`: files that the runs of a project have kept for later ones."""

from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from tidemill.cli.client import Output, Project, Server, ask, complete
from tidemill.cli.output import show
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.storage import CacheResponse, StorageResponse
from tidemill.errors import NotFound

app = App(name="cache", help="Files that the runs of a project have kept for later ones.")
COLUMNS = {
    "KEY": "key",
    "SCOPE": "scope",
    "SIZE": "size",
    "SAVED": "create_time",
    "USED": "use_time",
    "ID": "id",
}
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@app.command(name="list")
def list_caches(project: Project, *, server: Server = None, output: Output = "table") -> None:
    """List the caches of a project, by key, and how much of its quota they take.

    For example: tidemill cache list user/alice/hello
    """

    async def look(gateway: Gateway) -> tuple[list[CacheResponse], StorageResponse]:
        return await _all(gateway, project), await gateway.project_storage(project)

    found, kept = ask(server, look, about=project)
    if output == "json":
        show(found, output)
        return
    rows = [msgspec.structs.asdict(one) | {"size": size(one.size)} for one in found]
    show(rows, output, columns=COLUMNS)
    of_quota = f" of {size(kept.cache_quota)}" if kept.cache_quota else ""
    print(
        f"\n{kept.caches:,} {'cache' if kept.caches == 1 else 'caches'}, {size(kept.cache_bytes)}{of_quota}"
    )


@app.command
def delete(
    project: Project,
    key: Annotated[str, Parameter(help="The cache's key or id.")] = "",
    /,
    *,
    all_: Annotated[bool, Parameter(name="--all", help="All caches of the project.", negative="")] = False,
    server: Server = None,
) -> None:
    """Delete a cache, in all scopes that have it, or all of them; the next run saves it anew.

    For example: tidemill cache delete user/alice/hello deps-4f0c
    """
    if all_ == bool(key):
        raise usage("give a KEY, or --all")

    async def remove(gateway: Gateway) -> int:
        if all_:
            return (await gateway.delete_project_caches(project)).removed
        found = [one for one in await _all(gateway, project) if key in (one.key, one.id)]
        if not found:
            raise NotFound(f"there is no cache {key!r}; `tidemill cache list {project}` shows them all")
        for one in found:
            await gateway.delete_project_cache(project, one.id)
        return len(found)

    count = ask(server, remove, about=project)
    print(f"{count:,} {'cache' if count == 1 else 'caches'} deleted")


async def _all(gateway: Gateway, project: str) -> list[CacheResponse]:
    async def page(cursor: str) -> tuple[list[CacheResponse], str]:
        answer = await gateway.project_caches(project, cursor=cursor)
        return answer.items, answer.cursor

    return await complete(page)


def size(count: int) -> str:
    """A number of bytes for people: `512 bytes`, `1.5 MiB`."""
    number, unit = float(count), _UNITS[0]
    for larger in _UNITS[1:]:
        if number < 1000:
            break
        number, unit = number / 1024, larger
    return f"{count:,} bytes" if unit == _UNITS[0] else f"{number:.3g} {unit}"
