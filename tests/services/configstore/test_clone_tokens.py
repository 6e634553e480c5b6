"""Clone tokens: a job may read its own project's repository, for a day."""

import pytest
from sqlalchemy import delete

from tests.conftest import Clock
from tidemill.contracts.configstore import NewProject, NewUser, TokenCheck
from tidemill.contracts.values import CLONE_TOKEN, CLONE_TOKEN_PREFIX, ValuesRequest
from tidemill.core.scope import Scope
from tidemill.errors import NotFound
from tidemill.kit.db import Database
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.configstore.store.tables import signing_keys

pytestmark = pytest.mark.anyio


@pytest.fixture
async def project(configstore: ConfigstoreService) -> str:
    """The id of a project."""
    await configstore.create_user(NewUser(name="alice"))
    return (await configstore.create_project(NewProject(name="hello", parent="user/alice"))).id


async def token(configstore: ConfigstoreService, project: str) -> str:
    scope = str(Scope(project=project, ref="refs/heads/main"))
    answer = await configstore.resolve(ValuesRequest(scope=scope, names=(CLONE_TOKEN, "other")))
    return answer.values[CLONE_TOKEN]


async def test_a_clone_token_names_its_project(configstore: ConfigstoreService, project: str) -> None:
    """It is resolved for the scope of a run and says whose it is; other names are left out."""
    minted = await token(configstore, project)
    assert minted.startswith(CLONE_TOKEN_PREFIX)
    found = await configstore.project_of_clone_token(TokenCheck(token=minted))
    assert (found.id, found.path) == (project, "user/alice/hello")
    none = await configstore.resolve(ValuesRequest(scope=f"project:{project}:x", names=("other",)))
    assert none.values == {}


async def test_it_expires_after_a_day(configstore: ConfigstoreService, project: str, clock: Clock) -> None:
    """A minute before it is good, a minute after it is not."""
    minted = await token(configstore, project)
    clock.advance(24 * 3600 - 60)
    await configstore.project_of_clone_token(TokenCheck(token=minted))
    clock.advance(120)
    with pytest.raises(NotFound) as caught:
        await configstore.project_of_clone_token(TokenCheck(token=minted))
    assert caught.value.code == "cloneTokenDoesNotExist"


@pytest.mark.parametrize("forge", ["project", "end", "empty", "noise", "unicode", "user"])
async def test_a_forged_token_is_nobodys(configstore: ConfigstoreService, project: str, forge: str) -> None:
    """Whatever is changed, the seal no longer fits."""
    other = (await configstore.create_project(NewProject(name="other", parent="user/alice"))).id
    minted, foreign = await token(configstore, project), await token(configstore, other)
    forged = {
        "project": foreign.split(".")[0] + "." + minted.split(".")[1],
        "end": minted[:-4],
        "empty": CLONE_TOKEN_PREFIX,
        "noise": CLONE_TOKEN_PREFIX + "a.b",
        "unicode": CLONE_TOKEN_PREFIX + "é.\udc80",
        "user": "a" * 40,
    }[forge]
    with pytest.raises(NotFound):
        await configstore.project_of_clone_token(TokenCheck(token=forged))


async def test_a_deleted_project_has_no_tokens(configstore: ConfigstoreService, project: str) -> None:
    """Old ones name nothing, new ones are not made."""
    minted = await token(configstore, project)
    await configstore.delete_project(project)
    with pytest.raises(NotFound):
        await configstore.project_of_clone_token(TokenCheck(token=minted))
    request = ValuesRequest(scope=f"project:{project}:refs/heads/main", names=(CLONE_TOKEN,))
    assert (await configstore.resolve(request)).values == {}


@pytest.mark.parametrize(
    "scope", ["", "user:x:y", "project:9a57218e-ea82-481f-9d7d-c906a2894cb7:refs/heads/main"]
)
async def test_other_scopes_resolve_to_nothing(configstore: ConfigstoreService, scope: str) -> None:
    """Undefined is left out, never an error."""
    assert (await configstore.resolve(ValuesRequest(scope=scope, names=(CLONE_TOKEN,)))).values == {}


async def test_a_lost_key_is_made_anew(configstore: ConfigstoreService, db: Database, project: str) -> None:
    """After an import without it old tokens are nobody's and new ones are good."""
    minted = await token(configstore, project)
    await db.do(lambda tx: tx.run(delete(signing_keys)))
    with pytest.raises(NotFound):
        await configstore.project_of_clone_token(TokenCheck(token=minted))
    fresh = await token(configstore, project)
    assert (await configstore.project_of_clone_token(TokenCheck(token=fresh))).id == project
