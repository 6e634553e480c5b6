"""The public API answers as the reference says, to Agola's client: in process, over HTTP, on both databases."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.vectors.installation import Installation, installed
from tests.vectors.stories import Story, stories
from tidemill.kit.db import Database
from tidemill.planning.planner import Planner

pytestmark = pytest.mark.anyio

WAYS = [(engine, carrier) for engine in ("sqlite", "postgresql") for carrier in ("in process", "http")]
#: Stories that are known to fail, and why.
EXPECTED_FAILURES: dict[str, str] = {}

TOGETHER = [story for story in stories() if not story.alone and not story.settings]
APART = [story for story in stories() if story.alone or story.settings]


def named(story: Story) -> str:
    return story.story


@pytest.fixture(scope="module")
async def planner(anyio_backend: str) -> AsyncIterator[Planner]:
    made = Planner()
    await made.start()
    yield made
    await made.close()


@asynccontextmanager
async def opened(
    request: pytest.FixtureRequest, place: Path, planner: Planner, **settings: object
) -> AsyncIterator[Installation]:
    """An installation with databases of its own, which are gone afterwards."""
    engine, carrier = request.param
    server, database = None, f"vectors_{uuid4().hex[:12]}"
    if engine == "postgresql":
        server = request.getfixturevalue("postgres_server")
        await server.create(database)
    async with AsyncExitStack() as stack:

        async def open_(name: str, migrations: str) -> Database:
            url = server.url(database) if server else f"sqlite:///{place / name}.db"
            db = await Database.open(url, name=name, migrations=migrations)
            stack.push_async_callback(db.close)
            return db

        async with installed(carrier, open_, planner, place / "objects", dict(settings)) as made:
            yield made
    if server:
        await server.drop(database)


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
async def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, planner: Planner
) -> AsyncIterator[Installation]:
    """One for all stories that do not mind each other."""
    async with opened(request, tmp_path_factory.mktemp("vectors"), planner) as made:
        yield made


@pytest.fixture(params=WAYS, ids="-".join)
async def own_installation(
    request: pytest.FixtureRequest, story: Story, tmp_path: Path, planner: Planner
) -> AsyncIterator[Installation]:
    """One for a story alone, with its settings."""
    async with opened(request, tmp_path, planner, **story.settings) as made:
        yield made


@pytest.mark.parametrize("story", TOGETHER, ids=named)
async def test_a_story(installation: Installation, story: Story) -> None:
    """Each request of it is answered as it says."""
    await installation.player(story).play()


@pytest.mark.parametrize("story", APART, ids=named)
async def test_a_story_of_its_own(own_installation: Installation, story: Story) -> None:
    """As the others, in an installation where nothing else has happened."""
    await own_installation.player(story).play()
