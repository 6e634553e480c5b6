"""Every route is asked by everybody about everything: who is refused, and how, stands in one table."""

import re
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2
import msgspec
import pytest

from tests.services.gateway.browser import account, logged_in
from tests.services.gateway.conftest import ADMIN_TOKEN, House, Person
from tidemill.contracts.gateway import Gateway
from tidemill.core.permissions import ADMIN_TOKEN as BEARER
from tidemill.core.permissions import ANONYMOUS, Actor, MemberRole, Refusal, Thing, may
from tidemill.kit.contract import Endpoint, endpoints
from tidemill.services.gateway.rights import Right, right
from tidemill.settings import GatewaySettings

#: Rights do not depend on the engine.
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]

REFUSED = {
    Refusal.UNAUTHORIZED: (401, "unauthorized"),
    Refusal.FORBIDDEN: (403, "forbidden"),
    Refusal.BAD_REQUEST: (400, "badRequest"),
    Refusal.HIDDEN: (404, "organizationDoesNotExist"),
}
ENDPOINTS = endpoints(Gateway)
DESTROY = {"delete_project", "delete_project_group", "delete_org"}
#: Where users are invited, nobody but administrators adds them, whoever's the organization is (API 1.7.8).
EARLIER = {"add_org_member": (400, "cannotAddUserToOrganization")}

#: The reference's matrix (API 2.5) by route, for an organization's things, as Agola's client is answered.
#: Columns: anonymous, stranger, member, owner, administrator's token; "public/private" in a cell, "-" where
#: the reference has 500 or no answer that anybody needs, "yes" for whatever is no refusal.
REFERENCE = {
    "project": "yes/403 yes/404 yes yes yes",
    "project_group": "401 yes/404 yes yes yes",
    "project_run": "yes/403 yes/404 yes yes yes",
    "project_run_task": "yes/403 yes/404 yes yes yes",
    "project_run_log": "yes/403 yes/404 yes yes yes",
    "project_runs": "401 yes/404 yes yes yes",
    "create_project": "401 403 403 yes 400",
    "create_project_group": "401 403 403 yes 403",
    "update_project": "401 403 403 yes yes",
    "delete_project": "401 403 403 yes yes",
    "reconfigure_project": "401 403 403 yes yes",
    "refresh_project": "401 403 403 yes yes",
    "update_project_group": "401 403 403 yes yes",
    "delete_project_group": "401 403 403 yes yes",
    "create_project_run": "401 403 403 yes 403",
    "update_project_linked_account": "401 403 403 yes 400",
    "project_run_action": "401 403 403 yes yes",
    "project_run_task_action": "401 403 403 yes 403",
    "delete_project_run_log": "401 403 403 yes yes",
    "create_project_secret": "401 403 403 yes yes",
    "update_project_group_secret": "401 403 403 yes yes",
    "delete_project_variable": "401 403 403 yes yes",
    "create_project_group_variable": "401 403 403 yes yes",
    "run_webhook_deliveries": "401 403 403 yes yes",
    "commit_status_deliveries": "401 403 403 yes yes",
    "redeliver_run_webhook": "401 403 403 yes yes",
    "badge": "yes yes yes yes yes",
    "org": "401 yes/404 yes yes yes",
    "orgs": "401 yes yes yes yes",
    "create_org": "401 yes yes yes yes",
    "update_org": "401 403 403 yes yes",
    "delete_org": "401 403 403 yes yes",
    "remove_org_member": "401 403 403 yes yes",
    "org_members": "401 yes yes yes yes",
    "org_invitation": "401 yes yes yes yes",
    "org_invitations": "401 403 403 yes 403",
    "create_org_invitation": "401 403 403 yes 403",
    "delete_org_invitation": "401 403 403 yes 403",
    "user_org_invitation_action": "401 yes yes yes 400",
    "user": "401 yes yes yes yes",
    "users": "401 401 401 401 yes",
    "create_user": "401 - - - yes",
    "delete_user": "401 - - - yes",
    "create_user_token": "401 400 400 400 yes",
    "delete_user_token": "401 400 400 400 yes",
    "delete_linked_account": "401 400 400 400 yes",
    "create_linked_account": "401 400 400 400 403",
    "user_run": "403 403 403 403 yes",
    "user_runs": "401 403 403 403 yes",
    "user_run_log": "403 403 403 403 yes",
    "remote_sources": "yes yes yes yes yes",
    "remote_source": "401 yes yes yes yes",
    "create_remote_source": "401 - - - yes",
    "delete_remote_source": "401 - - - yes",
    "version": "yes yes yes yes yes",
    "current_user": "401 yes yes yes 403",
}


class Role(NamedTuple):
    """Somebody who asks, and what permissions should see in them."""

    name: str
    token: str | None
    actor: Actor


class Asked(NamedTuple):
    """What came of a question."""

    status: int
    code: str
    message: str

    def is_refusal(self, refusal: Refusal) -> bool:
        """Refused so, and by permissions: other errors have the same statuses."""
        if refusal is Refusal.BAD_REQUEST:
            return self.status == 400 and self.message.startswith("this token cannot")
        return (self.status, self.code) == REFUSED[refusal]

    @property
    def is_passed(self) -> bool:
        """Whatever else was wrong, permissions had nothing against it."""
        return self.status < 500 and not any(map(self.is_refusal, Refusal))


class World:
    """Users and an organization, with public and private things, and everybody who may ask of them."""

    def __init__(self, house: House) -> None:
        self._http = house.http
        self._house = house
        self._numbers = count(1)
        self.roles: dict[str, Role] = {}
        self.orgs: dict[str, str] = {}

    async def make(self) -> "World":
        house = self._house
        people = {name: await house.person(name) for name in ("alice", "olga", "mia", "sam", "root")}
        ids = {name: str((await person.get("/user"))["id"]) for name, person in people.items()}
        assert (await house.admin.ask("PUT", "/users/root/admin", {"admin": True})).is_success
        for name, visibility in (("acme", "public"), ("closed", "private")):
            made = await people["olga"].ask("POST", "/orgs", {"name": name, "visibility": visibility})
            self.orgs[name] = made.json()["id"]
            member = await house.admin.ask("PUT", f"/orgs/{name}/members/mia", {"role": "member"})
            assert member.is_success, member.text
        for maker, owner in (("alice", "user/alice"), ("olga", "org/acme")):
            for visibility in ("public", "private"):
                await _made(people[maker], "projectgroups", visibility, owner, visibility)
                await _made(people[maker], "projects", "thing", f"{owner}/{visibility}", visibility)
        given: dict[str, MemberRole] = {"mia": "member", "olga": "owner"}
        self.roles = {
            name: Role(
                name,
                person.token,
                Actor(
                    user_id=ids[name],
                    is_admin=name == "root",
                    memberships=dict.fromkeys(self.orgs.values(), given[name]) if name in given else {},
                ),
            )
            for name, person in people.items()
        }
        self.roles["nobody"] = Role("nobody", None, ANONYMOUS)
        self.roles["token"] = Role("token", ADMIN_TOKEN, BEARER)
        return self

    def things(self, of: str) -> dict[str, Thing | None]:
        """What a route is asked about, by where it is."""
        if of in ("", "caller"):
            return {"": None}
        alice = self.roles["alice"].actor.user_id
        if of == "user":
            return {"alice": Thing(owner=alice, is_public=False)}
        if of == "organization":
            return {
                name: Thing(owner=org, owner_kind="org", is_public=name == "acme")
                for name, org in self.orgs.items()
            }
        return {
            f"{'user/alice' if kind == 'user' else 'org/acme'}/{visibility}": Thing(
                owner=alice if kind == "user" else self.orgs["acme"],
                owner_kind="user" if kind == "user" else "org",
                is_public=visibility == "public",
            )
            for kind in ("user", "org")
            for visibility in ("public", "private")
        }

    async def ask(self, who: Role, endpoint: Endpoint, where: str, *, accept: bool = True) -> Asked:
        """Ask as *who* about what is at *where*; what a request may destroy is made for it."""
        of = right(endpoint.name).of
        if endpoint.name in DESTROY:
            where = await self._victim(endpoint.name, where)
        elif of == "project":
            where = f"{where}/thing"
        known = {
            "projectref": where or "user/alice/public/thing",
            "projectgroupref": where,
            "orgref": where or "acme",
            "userref": "alice" if of == "user" else "nobody" if of == "" else "sam",
            "remotesourceref": "builtin" if endpoint.verb == "GET" else "none",
            "runnumber": "1",
        }
        path = re.sub("{(\\w+)}", lambda m: quote(known.get(m[1], "x"), safe=""), endpoint.path)
        query = "?setup" if "run_log" in endpoint.name else ""
        body = self._body(endpoint, where)
        return await asked(self._http, who.token, endpoint.verb, path + query, body, accept=accept)

    def _body(self, endpoint: Endpoint, where: str) -> Any:
        if endpoint.body is None:
            return None
        if endpoint.name in ("create_project", "create_project_group"):
            name = f"new{next(self._numbers)}"
            given = {"name": name, "parent_ref": where, "visibility": "private"}
            return {**given, "remote_source_name": "builtin"}
        return {
            "user_org_invitation_action": {"action_type": "accept"},
            "create_org_invitation": {"user_ref": "sam", "role": "member"},
            "add_org_member": {"role": "member"},
            "set_disabled": {"disabled": True},
        }.get(endpoint.name, {})

    async def _victim(self, kind: str, where: str) -> str:
        """Something to be deleted, like what is at *where*."""
        name = f"victim{next(self._numbers)}"
        olga, alice = (self._house.with_token(self.roles[who].token) for who in ("olga", "alice"))
        if kind == "delete_org":
            visibility = "public" if where == "acme" else "private"
            assert (await olga.ask("POST", "/orgs", {"name": name, "visibility": visibility})).is_success
            await self._house.admin.ask("PUT", f"/orgs/{name}/members/mia", {"role": "member"})
            return name
        what = "projects" if kind == "delete_project" else "projectgroups"
        await _made(alice if where.startswith("user") else olga, what, name, where, "public")
        return f"{where}/{name}"


async def _made(person: Person, what: str, name: str, parent: str, visibility: str) -> None:
    body = {"name": name, "parent_ref": parent, "visibility": visibility, "remote_source_name": "builtin"}
    answer = await person.ask("POST", f"/{what}", body)
    assert answer.status_code == 201, answer.text


async def asked(
    http: httpx2.AsyncClient,
    token: str | None,
    verb: str,
    path: str,
    body: Any = None,
    *,
    accept: bool = True,
    headers: dict[str, str] | None = None,
) -> Asked:
    """One question; of an answer that streams nothing is read."""
    content = None if body is None else msgspec.json.encode(body)
    request = http.build_request(verb, f"/api/v1alpha{path}", content=content, headers=headers)
    if token is not None:
        request.headers["Authorization"] = f"token {token}"
    if not accept:
        del request.headers["Accept"]
    answer = await http.send(request, stream=True)
    try:
        if answer.status_code < 400 or not accept:
            return Asked(answer.status_code, "", "")
        (error,) = msgspec.json.decode(await answer.aread())
        return Asked(answer.status_code, error["code"], error["message"])
    finally:
        await answer.aclose()


@pytest.fixture
def settings() -> GatewaySettings:
    return GatewaySettings(organization_member_adding_mode="invitation")


@pytest.fixture
async def world(house: House) -> World:
    return await World(house).make()


def expected(demanded: Right, who: Role, thing: Thing | None) -> Refusal | None:
    """How the table refuses *who*."""
    if demanded.action is None:
        return None
    if who.actor == ANONYMOUS and not demanded.hears_nobody:
        return Refusal.UNAUTHORIZED
    if demanded.of == "caller" and who.actor.is_logged:
        thing = Thing(owner=who.actor.user_id, is_public=False)
    return may(who.actor, demanded.action, thing)


async def test_every_route_refuses_as_the_table_says(world: World) -> None:
    """Route by route, role by role, for public and private things of users and of organizations."""
    wrong = []
    for endpoint in ENDPOINTS:
        demanded = right(endpoint.name)
        for where, thing in world.things(demanded.of).items():
            for who in world.roles.values():
                got, refusal = await world.ask(who, endpoint, where), expected(demanded, who, thing)
                if got[:2] == EARLIER.get(endpoint.name) and who.actor.is_logged:
                    continue
                if not (got.is_passed if refusal is None else got.is_refusal(refusal)):
                    wrong.append(f"{endpoint.name} of {where!r} by {who.name}: {got}, not {refusal}")
    assert not wrong, "\n".join(wrong)


async def test_agolas_client_is_refused_as_the_reference_says(world: World) -> None:
    """The statuses of the reference's own matrix, which is written down beside this test and in no program."""
    columns = [world.roles[name] for name in ("nobody", "sam", "mia", "olga", "token")]
    by_name = {endpoint.name: endpoint for endpoint in ENDPOINTS}
    wrong = []
    for name, row in REFERENCE.items():
        places = [where for where in world.things(right(name).of) if not where.startswith("user/")]
        for who, cell in zip(columns, row.split(), strict=True):
            for where, wanted in zip(places, cell.split("/") * 2, strict=False):
                got = await world.ask(who, by_name[name], where, accept=wanted == "yes")
                if not (got.status in (400, 401, 403) if wanted == "-" else _is(got, wanted)):
                    wrong.append(f"{name} of {where!r} by {who.name}: {got}, not {wanted}")
    assert not wrong, "\n".join(wrong)


def _is(got: Asked, wanted: str) -> bool:
    return got.is_passed if wanted == "yes" else str(got.status) == wanted


async def test_a_token_that_is_over_opens_nothing(house: House, alice: Person) -> None:
    """At every route behind the door, also where nobody known would have been answered."""
    assert (await alice.ask("DELETE", "/users/alice/tokens/t")).is_success
    for endpoint in ENDPOINTS:
        if not right(endpoint.name).is_open:
            path = re.sub("{\\w+}", "x", endpoint.path)
            got = await asked(house.http, alice.token, endpoint.verb, path)
            assert got[:2] == (401, "unauthorized"), endpoint.name


async def test_a_disabled_user_is_nobody_known(world: World, house: House) -> None:
    """Whoever it was, even an administrator or an owner: 401 at every route behind the door, until enabled."""
    disabled = {name: world.roles[name] for name in ("root", "olga")}
    for name in disabled:
        answer = await house.admin.ask("PUT", f"/users/{name}/disabled", {"disabled": True})
        assert answer.status_code == 204, answer.text
    for endpoint in ENDPOINTS:
        if not right(endpoint.name).is_open:
            path = re.sub("{\\w+}", "x", endpoint.path)
            for name, who in disabled.items():
                got = await asked(house.http, who.token, endpoint.verb, path)
                assert got[:2] == (401, "unauthorized"), (name, endpoint.name)
    for name, who in disabled.items():
        await house.admin.ask("PUT", f"/users/{name}/disabled", {"disabled": False})
        assert (await asked(house.http, who.token, "GET", "/user")).status == 200


async def test_a_session_changes_nothing_without_its_token(house: House) -> None:
    """Whatever is not a question needs the header that a page of another origin cannot know."""
    await account(house, "bob")
    browser = await logged_in(house, "bob")
    browser.token = ""
    for endpoint in ENDPOINTS:
        if endpoint.verb != "GET" and not right(endpoint.name).is_open:
            path = re.sub("{\\w+}", "x", endpoint.path)
            answer = await browser.ask(endpoint.verb, path, {}, headers={"x-csrf-token": None})
            browser.token = ""
            assert answer.status_code == 403, endpoint.name
            assert "CSRF" in answer.text, endpoint.name


TRICKS = (
    "/projects/{ref};", "/projects/{ref};a=b", "/projects/{ref}%3b", "/projects/{ref}%00",
    "/projects/{ref}/", "/projects/{ref}%2f", "/projects/{ref}%20", "/projects//{ref}",
    "/projects/./{ref}", "/projects/x/../{ref}", "/projects/%2e%2e/projects/{ref}",
    "/version/../projects/{ref}", "/version/..%2fprojects%2f{ref}", "/badges/{ref}/../../projects/{ref}",
    "/Projects/{ref}", "/PROJECTS/{ref}", "/projects/{ref}?x=/version",
    "/projects/{twice}", "/projects/{plain}",
)  # fmt: skip


async def test_tricks_with_paths_and_methods_change_no_rights(world: World, house: House) -> None:
    """Nobody sees by another spelling, method or header what they may not see by the usual one."""
    where = "user/alice/private/thing"
    forms = {"ref": quote(where, safe=""), "twice": quote(quote(where, safe=""), safe=""), "plain": where}
    overrides: dict[str, str] = {"X-HTTP-Method-Override": "GET", "X-Original-URL": "/api/v1alpha/version"}
    for who in (world.roles["sam"], world.roles["nobody"]):
        for trick in TRICKS:
            path = f"/api/v1alpha{trick.format(**forms)}"
            for verb in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                url = house.http.base_url.copy_with(raw_path=path.encode())
                request = house.http.build_request(verb, url, headers=overrides)
                if who.token:
                    request.headers["Authorization"] = f"token {who.token}"
                answer = await house.http.send(request)
                assert answer.status_code in (301, 400, 401, 403, 404, 405), (who.name, verb, trick)
                assert b"thing" not in answer.content or answer.status_code != 200
    owner = Person(house.http, world.roles["alice"].token)
    assert (await owner.get(f"/projects/{forms['ref']}"))["path"] == where
