"""The drivers that every test of pods runs over."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from tests.pods.worlds import FakeWorld, HostWorld, World, host_world


async def leave(world: World) -> None:
    """Remove what a test has left, as nobody else would."""
    with anyio.fail_after(30.0):
        for pod_id in await world.driver.leftovers():
            await world.driver.remove(pod_id)
        await world.driver.close()


@pytest.fixture(params=["fake", "sandboxed", "unsandboxed"])
async def world(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[World]:
    """Each driver in turn."""
    world: World = FakeWorld()
    if request.param != "fake":
        world = await host_world(tmp_path / "pods", "on" if request.param == "sandboxed" else "off")
    yield world
    await leave(world)


@pytest.fixture(params=["sandboxed", "unsandboxed"])
async def host(
    request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[HostWorld]:
    """The host driver, with a sandbox and without."""
    world = await host_world(tmp_path / "pods", "on" if request.param == "sandboxed" else "off")
    yield world
    await leave(world)


@pytest.fixture
async def sandboxed(tmp_path: Path, anyio_backend: str) -> AsyncIterator[HostWorld]:
    """The host driver with a sandbox."""
    world = await host_world(tmp_path / "pods", "on", hide=(tmp_path,))
    yield world
    await leave(world)
