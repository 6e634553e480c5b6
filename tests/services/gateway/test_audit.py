"""The audit log through the public API: who sees what of it, and who is said to have done what."""

import pytest

from tests.services.gateway.conftest import House, Person, project

pytestmark = pytest.mark.anyio


async def test_it_says_who_has_done_what_by_which_token(house: House, alice: Person, hello: str) -> None:
    """Across services, whatever a client writes into headers of its own."""
    secret = {"name": "s", "type": "internal", "data": {"k": "v"}}
    forged = {"X-Tidemill-Caller": '{"kind":"user","name":"mallory"}', "X-Request-Id": "my-request"}
    answer = await alice.ask("POST", f"/projects/{hello}/secrets", secret, headers=forged)
    assert answer.status_code == 201
    (entry,) = await alice.get(f"/projects/{hello}/audit?action=secret.")
    assert entry["actor_kind"] == "user"
    assert (entry["actor_name"], entry["via"], entry["remote"]) == ("alice", "token t", "127.0.0.1")
    assert (entry["action"], entry["kind"], entry["path"]) == (
        "secret.create",
        "secret",
        "user/alice/hello/s",
    )
    assert (entry["request_id"], entry["fields"]) == ("my-request", ["k"])
    await house.admin.ask("POST", "/users", {"username": "dave"})
    newest = (await house.admin.get("/audit?limit=1"))[0]
    assert (newest["actor_kind"], newest["action"], newest["path"]) == (
        "administrator",
        "user.create",
        "user/dave",
    )


async def test_whose_it_is(house: House, alice: Person, hello: str) -> None:
    """All of it is for administrators, that of a project or an organization for owners."""
    bob, member = await house.person("bob"), await house.person("carol")
    await alice.ask("POST", "/orgs", {"name": "acme", "visibility": "public"})
    await alice.ask("PUT", "/orgs/acme/members/carol", {"role": "member"})
    await project(alice, "api", parent="org/acme")
    for path, those in (
        ("/audit", {house.admin}),
        (f"/projects/{hello}/audit", {house.admin, alice}),
        ("/orgs/acme/audit", {house.admin, alice}),
        ("/projects/org%2Facme%2Fapi/audit", {house.admin, alice}),
    ):
        for person in (house.admin, alice, bob, member):
            answer = await person.ask("GET", path)
            assert answer.status_code == (200 if person in those else 403), path
        assert (await house.nobody.ask("GET", path)).status_code == 401
    actions = [entry["action"] for entry in await alice.get("/orgs/acme/audit")]
    assert actions == ["project.create", "member.set", "org.create"]


async def test_pages_and_bad_parameters(house: House, alice: Person, hello: str) -> None:
    """A cursor leads on until there is no more; what makes no sense is refused."""
    found, cursor = [], ""
    while True:
        answer = await house.admin.ask("GET", f"/audit?limit=1&cursor={cursor}")
        found += [entry["number"] for entry in answer.json()]
        cursor = answer.headers["X-Agola-Cursor"]
        if not cursor:
            break
    assert len(found) > 2
    assert found == sorted(found, reverse=True) == [one["number"] for one in await house.admin.get("/audit")]
    for query, code in (
        ("since=yesterday", "invalidTime"),
        ("limit=x", "invalidLimit"),
        ("cursor=x", "badRequest"),
        ("cursor=-1", "badRequest"),
        ("cursor=99999999999999999999", "badRequest"),
    ):
        assert await house.admin.failure("GET", f"/audit?{query}") == (400, code), query


async def test_a_login_is_the_users_own(house: House, alice: Person) -> None:
    """A failed one is nobody's, about the user; the session is the user's."""
    await house.admin.ask("PUT", "/users/alice/password", {"password": "correct horse battery"})
    for password, status in (("wrong wrong wrong", 401), ("correct horse battery", 201)):
        login = {"remote_source_name": "builtin", "login_name": "alice", "password": password}
        answer = await house.nobody.ask("POST", "/auth/login", login)
        assert answer.status_code == status, answer.text
    session, failed = await house.admin.get("/audit?limit=2")
    assert (failed["action"], failed["path"], failed["actor_kind"]) == ("login.fail", "user/alice", "nobody")
    assert (session["action"], session["actor_name"], session["via"]) == (
        "session.create",
        "alice",
        "session",
    )
