"""Which coordinator an installation has: the embedded one of a single process, or etcd."""

import importlib.util
from contextlib import AsyncExitStack
from pathlib import Path

from tidemill.errors import BadRequest
from tidemill.kit.coord import Coordinator
from tidemill.kit.coord.embedded import EmbeddedCoordinator
from tidemill.kit.coord.file_lock import FileLock
from tidemill.settings import CoordinatorSettings


async def open_coordinator(
    settings: CoordinatorSettings, data_dir: Path, *, alone: bool, stack: AsyncExitStack
) -> Coordinator:
    """The coordinator that *settings* name, open as long as *stack*; an etcd need not be there yet.

    With the embedded one, and where *alone* says that files in it need it, no other process may use the
    data directory: Conflict (code `dataDirectoryInUse`).
    """
    coordinator: Coordinator
    if settings.url:
        coordinator = await _etcd(settings)
        stack.push_async_callback(coordinator.close)
        if alone:
            stack.callback(FileLock(data_dir / "coordinator.db.lock").release)
    else:
        coordinator = await EmbeddedCoordinator.open(data_dir / "coordinator.db")
        stack.push_async_callback(coordinator.close)
    return coordinator


def secret_files(settings: CoordinatorSettings) -> list[Path]:
    """What no task may read."""
    return [Path(name).absolute() for name in (settings.key, settings.password_file) if name]


async def _etcd(settings: CoordinatorSettings) -> Coordinator:
    if importlib.util.find_spec("aetcd") is None:
        raise BadRequest("coordinator.url names an etcd, and that needs aetcd; install tidemill[etcd]")
    from tidemill.kit.coord.etcd import Address, EtcdCoordinator

    names = ("ca", "cert", "key", "password_file")
    files = {name: Path(file) for name in names if (file := getattr(settings, name))}
    address = Address(url=settings.url, prefix=settings.prefix, user=settings.user, **files)
    return await EtcdCoordinator.open(address)
