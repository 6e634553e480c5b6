"""Users and their tokens."""

import asyncio
from itertools import count

import pytest
from sqlalchemy import LargeBinary, Text, select

from tidemill.contracts.configstore import (
    NewProject,
    NewProjectGroup,
    NewToken,
    NewUser,
    ProjectIds,
    TokenCheck,
    UserUpdate,
)
from tidemill.errors import BadRequest, Failure, NotFound
from tidemill.kit.db import Database
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.configstore.store.tables import metadata

pytestmark = pytest.mark.anyio


async def code(call: object) -> str:
    """The code that a call fails with."""
    with pytest.raises(Failure) as caught:
        await call  # type: ignore[misc]
    return caught.value.code


async def test_a_user_is_found_by_id_and_by_name(configstore: ConfigstoreService) -> None:
    """A user comes with a public root group."""
    alice = await configstore.create_user(NewUser(name="alice"))
    assert await configstore.user("alice") == await configstore.user(alice.id) == alice
    root = await configstore.project_group("user/alice")
    assert (root.name, root.path, root.parent_path) == ("", "user/alice", "user/alice")
    assert (root.visibility, root.global_visibility, root.owner) == ("public", "public", alice.id)
    assert await configstore.project_group(root.id) == root


@pytest.mark.parametrize("name", ["", "a_b", "a--b", "x" * 41, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"])
async def test_a_bad_name_is_refused(configstore: ConfigstoreService, name: str) -> None:
    """With the code of the reference, and a message that says what a name is."""
    with pytest.raises(BadRequest, match="single dashes") as caught:
        await configstore.create_user(NewUser(name=name))
    assert caught.value.code == "invalidUserName"


async def test_a_name_is_given_once(configstore: ConfigstoreService) -> None:
    """Of many who ask at once one gets it; another case is another name."""
    calls = [configstore.create_user(NewUser(name="alice")) for _ in range(8)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BadRequest)]
    assert len(refused) == 7
    assert {error.code for error in refused} == {"userAlreadyExists"}
    await configstore.create_user(NewUser(name="Alice"))


@pytest.mark.parametrize("ref", ["bob", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "no such", "a\0b", ""])
async def test_who_is_not_there(configstore: ConfigstoreService, ref: str) -> None:
    """Whatever is asked for, the answer is that there is none."""
    assert await code(configstore.user(ref)) == "userDoesNotExist"
    assert await code(configstore.delete_user(ref)) == "userDoesNotExist"
    assert await code(configstore.create_token(ref, NewToken(name="t"))) == "userDoesNotExist"


async def test_users_are_listed_by_name_in_pages(configstore: ConfigstoreService) -> None:
    """Bytes decide the order, in both directions, and the last page knows that it is last."""
    for name in ("carol", "Zoe", "alice", "bob", "dave"):
        await configstore.create_user(NewUser(name=name))
    order = ["Zoe", "alice", "bob", "carol", "dave"]

    async def walk(*, ascending: bool, limit: int) -> list[list[str]]:
        pages, after = [], ""
        while True:
            page = await configstore.users(after, limit, ascending)
            pages.append([user.name for user in page.items])
            if not page.cursor:
                return pages
            after = page.cursor

    assert await walk(ascending=True, limit=2) == [order[:2], order[2:4], order[4:]]
    assert await walk(ascending=False, limit=5) == [order[::-1]]
    assert await walk(ascending=True, limit=0) == [order]


async def test_a_token_belongs_to_its_user(configstore: ConfigstoreService) -> None:
    """It is 40 hexadecimal digits, known at once, and forgotten when it is deleted."""
    alice = await configstore.create_user(NewUser(name="alice"))
    token = (await configstore.create_token("alice", NewToken(name="laptop"))).token
    assert len(token) == 40
    assert set(token) <= set("0123456789abcdef")
    assert (await configstore.user_of_token(TokenCheck(token=token))).id == alice.id
    await configstore.create_token(alice.id, NewToken(name="ci"))
    assert (await configstore.user("alice")).token_names == ("ci", "laptop")
    assert (await configstore.users()).items[0].token_names == ("ci", "laptop")
    await configstore.delete_token("alice", "laptop")
    assert await code(configstore.user_of_token(TokenCheck(token=token))) == "userTokenDoesNotExist"
    assert await code(configstore.delete_token("alice", "laptop")) == "userTokenDoesNotExist"


async def test_tokens_of_a_disabled_user_are_unknown(configstore: ConfigstoreService) -> None:
    """At once, old and new ones, and all are there again when the user is enabled; nobody else notices."""
    await configstore.create_user(NewUser(name="alice", is_admin=True))
    await configstore.create_user(NewUser(name="bob"))
    hello = await configstore.create_project(NewProject(name="hello", parent="user/alice"))
    old, bobs = [
        (await configstore.create_token(name, NewToken(name="t"))).token for name in ("alice", "bob")
    ]
    disabled = await configstore.update_user("alice", UserUpdate(is_disabled=True))
    assert (disabled.is_disabled, disabled.is_admin) == (True, True)
    new = (await configstore.create_token("alice", NewToken(name="new"))).token
    for token in (old, new):
        assert await code(configstore.user_of_token(TokenCheck(token=token))) == "userTokenDoesNotExist"
    assert (await configstore.user_of_token(TokenCheck(token=bobs))).name == "bob"
    assert [user.is_disabled for user in (await configstore.users()).items] == [True, False]
    assert (await configstore.user("alice")).token_names == ("new", "t")
    assert await configstore.project("user/alice/hello") == hello
    await configstore.update_user("alice", UserUpdate(is_admin=False))
    assert (await configstore.user("alice")).is_disabled, "what is not given stays"
    assert not (await configstore.update_user("alice", UserUpdate(is_disabled=False))).is_disabled
    for token in (old, new):
        assert (await configstore.user_of_token(TokenCheck(token=token))).name == "alice"


async def test_token_names_are_the_users_own(configstore: ConfigstoreService) -> None:
    """One of a name for each user; a name is needed, and none that cannot be shown or stand in a path."""
    await configstore.create_user(NewUser(name="alice"))
    await configstore.create_user(NewUser(name="bob"))
    await configstore.create_token("alice", NewToken(name="my token!"))
    await configstore.create_token("bob", NewToken(name="my token!"))
    assert (
        await code(configstore.create_token("alice", NewToken(name="my token!"))) == "userTokenAlreadyExists"
    )
    for name in ("", "a\0b", "x" * 256, "/", "/a", "a//b", ".", "..", "a/../b", "a/."):
        assert await code(configstore.create_token("alice", NewToken(name=name))) == "badRequest"


async def test_a_user_who_goes_meanwhile_has_no_tokens(configstore: ConfigstoreService) -> None:
    """Whoever makes one in that moment has made it before, or is told that there is no user."""

    async def make(name: str, number: int) -> str:
        for turn in count():
            try:
                await configstore.create_token(name, NewToken(name=f"{number}-{turn}"))
            except Failure as failure:
                return failure.code
        raise AssertionError

    for turn in range(8):
        name = f"carol{turn}"
        await configstore.create_user(NewUser(name=name))
        *told, _ = await asyncio.gather(
            *(make(name, number) for number in range(8)), configstore.delete_user(name)
        )
        assert set(told) == {"userDoesNotExist"}


async def test_a_token_is_stored_nowhere(configstore: ConfigstoreService, db: Database) -> None:
    """No column of any table holds it, neither as text nor as bytes."""
    await configstore.create_user(NewUser(name="alice"))
    token = (await configstore.create_token("alice", NewToken(name="t"))).token
    kept = []
    for table in metadata.sorted_tables:
        rows = await db.read(lambda tx, table=table: tx.all(select(table)))
        columns = [c for c in table.columns if isinstance(c.type, Text | LargeBinary)]
        kept += [row._mapping[c] for row in rows for c in columns]
    assert "alice" in kept
    assert not any(value in (token, token.encode(), bytes.fromhex(token)) for value in kept)


async def test_a_deleted_user_takes_everything_along(configstore: ConfigstoreService) -> None:
    """Tokens, groups and projects go too; the name is free again."""
    await configstore.create_user(NewUser(name="alice"))
    token = (await configstore.create_token("alice", NewToken(name="t"))).token
    await configstore.create_project_group(NewProjectGroup(name="tools", parent="user/alice"))
    hello = await configstore.create_project(NewProject(name="hello", parent="user/alice/tools"))
    assert [p.path for p in (await configstore.user_projects("alice")).projects] == ["user/alice/tools/hello"]
    assert await code(configstore.delete_user("alice", ProjectIds(projects=()))) == "projectGroupChanged"
    await configstore.delete_user("alice", ProjectIds(projects=(hello.id,)))
    assert await code(configstore.user_of_token(TokenCheck(token=token))) == "userTokenDoesNotExist"
    assert await code(configstore.project(hello.id)) == "projectDoesNotExist"
    await configstore.create_user(NewUser(name="alice"))
    with pytest.raises(NotFound):
        await configstore.project_group("user/alice/tools")
