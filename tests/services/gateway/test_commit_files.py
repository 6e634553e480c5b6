"""Planning over a real git repository: its files, its links, and nothing outside it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import OpenDatabase
from tests.services.gitserver.hosting import Hosting, User
from tidemill.contracts.gitserver import Gitserver
from tidemill.core.context import Context
from tidemill.core.refs import branch
from tidemill.kit.carriers import coded
from tidemill.planning.planned import Planned
from tidemill.planning.planner import Planner
from tidemill.services.gateway.commit_files import CommitFiles
from tidemill.services.gitserver.service import MIGRATIONS

pytestmark = pytest.mark.anyio

SECRET = "the contents of a file of the server"


@pytest.fixture
async def hosting(tmp_path: Path, open_database: OpenDatabase) -> AsyncIterator[Hosting]:
    (tmp_path / "secret").write_text(SECRET)
    database = await open_database("gitserver", MIGRATIONS)
    async with Hosting(tmp_path / "data", database).running() as hosting:
        yield hosting


@pytest.fixture
async def user(hosting: Hosting) -> User:
    return await hosting.user()


async def pushed(user: User) -> str:
    """Commit and push the work tree."""
    await user.git("add", "-A")
    await user.git("commit", "-q", "-m", "all")
    await user.git("push", "-q", "origin", "main")
    return await user.head()


def write(user: User, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = user.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


async def planned(hosting: Hosting, planner: Planner, commit: str, before: str = "") -> Planned:
    source = CommitFiles(coded(Gitserver, hosting.service), "p-hello", commit, before=before)
    return await planner.plan(source, Context(ref=branch("main"), commit_sha=commit))


async def test_files_of_the_same_commit_are_imported(hosting: Hosting, planner: Planner, user: User) -> None:
    """Through links that stay inside the repository, too; not those of a later commit."""
    write(
        user,
        {
            ".tidemill/config.jsonnet": "{runs: [{name: (import 'link.libsonnet') + importstr '../ci/text'}]}",
            "ci/lib.libsonnet": "'lib '",
            "ci/text": "first",
        },
    )
    (user.directory / ".tidemill" / "link.libsonnet").symlink_to("../ci/lib.libsonnet")
    first = await pushed(user)
    write(user, {"ci/text": "second"})
    second = await pushed(user)
    assert [plan.name for plan in (await planned(hosting, planner, first)).plans] == ["lib first"]
    assert [plan.name for plan in (await planned(hosting, planner, second)).plans] == ["lib second"]


@pytest.mark.parametrize("target", ["{}", "../../secret", "/etc/passwd"])
@pytest.mark.parametrize(
    "way",
    [
        ("config.jsonnet", "{runs: [{name: importstr 'way'}]}"),
        ("config.star", "load('way', 'x')\ndef main(ctx):\n  return {}"),
        ("config.yml", "include: .tidemill/way"),
    ],
)
async def test_a_link_that_leads_out_is_no_file(
    hosting: Hosting, planner: Planner, user: User, tmp_path: Path, target: str, way: tuple[str, str]
) -> None:
    """Nothing of the server is read, and the problem says so."""
    file, text = way
    write(user, {f".tidemill/{file}": text})
    (user.directory / ".tidemill" / "way").symlink_to(target.format(tmp_path / "secret"))
    found = await planned(hosting, planner, await pushed(user))
    assert found.plans == ()
    assert "there is no file `.tidemill/way` in the repository" in found.problems[0].message
    assert "leads out" in found.problems[0].message
    assert SECRET not in str(found)


async def test_a_configuration_that_is_a_link_out_is_none(
    hosting: Hosting, planner: Planner, user: User, tmp_path: Path
) -> None:
    """The next candidate is taken."""
    write(user, {".agola/config.yml": "runs: [{name: a}]", ".tidemill/x": ""})
    (user.directory / ".tidemill" / "config.yml").symlink_to(tmp_path / "secret")
    found = await planned(hosting, planner, await pushed(user))
    assert (found.file, [plan.name for plan in found.plans]) == (".agola/config.yml", ["a"])


async def test_what_a_push_changes_decides_over_paths(hosting: Hosting, planner: Planner, user: User) -> None:
    """Against the commit before; without one everything may have changed."""
    text = "runs:\n- {name: src, when: {paths: ['src/**']}}\n- {name: docs, when: {paths: 'docs/**'}}\n"
    write(user, {".tidemill/config.yml": text, "src/a": "1"})
    first = await pushed(user)
    write(user, {"docs/a": "1"})
    second = await pushed(user)
    for before, expected in ((first, ["docs"]), ("", ["src", "docs"]), ("0" * 40, ["src", "docs"])):
        found = await planned(hosting, planner, second, before)
        assert [plan.name for plan in found.plans] == expected
