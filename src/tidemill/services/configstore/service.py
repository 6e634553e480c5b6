"""The configstore's service: each use case is one transaction or one snapshot."""

import hashlib
import re
import secrets as randomness
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from starlette.routing import BaseRoute

from tidemill.contracts.audit import Audit
from tidemill.contracts.configstore import (
    Configstore,
    NewProject,
    NewProjectGroup,
    NewToken,
    NewUser,
    Project,
    ProjectGroup,
    ProjectGroups,
    ProjectGroupUpdate,
    ProjectIds,
    Projects,
    ProjectUpdate,
    Token,
    TokenCheck,
    User,
    UserUpdate,
)
from tidemill.contracts.direct_runs import DirectValues
from tidemill.contracts.organizations import Invitations, Organizations
from tidemill.contracts.passwords import Passwords
from tidemill.contracts.remote_sources import RemoteSources
from tidemill.contracts.sealing import Sealing
from tidemill.contracts.secrets import (
    ParentKind,
    Secret,
    SecretData,
    Secrets,
    Variable,
    VariableData,
    Variables,
)
from tidemill.contracts.sessions import Sessions
from tidemill.contracts.values import Values, ValuesAnswer, ValuesRequest
from tidemill.core.scope import parse_direct_scope
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.contract import Page
from tidemill.kit.crypto import Keyring
from tidemill.kit.db import Database, Snapshot, Transaction
from tidemill.kit.http import serve
from tidemill.kit.supervise import Faces, Loop
from tidemill.services.configstore import changing, clone_tokens, finding, joining, regrouping, showing
from tidemill.services.configstore.auditing import AuditKeeper
from tidemill.services.configstore.direct_runs import DirectKeeper
from tidemill.services.configstore.invitations import InvitationKeeper
from tidemill.services.configstore.late_values import LateValues, signing_key
from tidemill.services.configstore.noting import a_project, a_user, given, note, of_user
from tidemill.services.configstore.organizations import OrganizationKeeper
from tidemill.services.configstore.paging import beyond, page
from tidemill.services.configstore.passwords import PasswordKeeper
from tidemill.services.configstore.remote_sources import SourceKeeper
from tidemill.services.configstore.sealing import SealKeeper
from tidemill.services.configstore.secrets import SecretKeeper
from tidemill.services.configstore.sessions import SessionKeeper
from tidemill.services.configstore.store import groups, projects, users
from tidemill.services.configstore.variables import VariableKeeper
from tidemill.settings import ConfigstoreSettings

PREFIX = "/internal/configstore"
_LONGEST_TOKEN_NAME = 255
#: Such paths are led elsewhere before anybody is asked, escaped or not.
_WOULD_BE_CLEANED = re.compile(r"//|/\.\.?(?:/|$)")


class ConfigstoreService(Configstore, Values):
    """Who there is and what they build, in one database."""

    def __init__(
        self,
        settings: ConfigstoreSettings,
        db: Database,
        keys: Keyring,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self.settings = settings
        self._db = db
        self._clock = clock
        self._new_id = new_id
        self._secrets = SecretKeeper(db, keys, clock=clock, new_id=new_id)
        self._variables = VariableKeeper(db, clock=clock, new_id=new_id)
        self._sources = SourceKeeper(db, keys, clock=clock, new_id=new_id)
        self._organizations = OrganizationKeeper(db, clock=clock, new_id=new_id)
        self._invitations = InvitationKeeper(db, clock=clock, new_id=new_id)
        self._passwords = PasswordKeeper(db, clock=clock, new_id=new_id)
        self._sessions = SessionKeeper(db, clock=clock, new_id=new_id)
        self._sealing = SealKeeper(db, keys, clock=clock)
        self._audit = AuditKeeper(db, timedelta(seconds=settings.keep_audit), clock=clock)
        self._values = LateValues(db, self._secrets, clock=clock)
        self._direct = DirectKeeper(db, keys, self._values.clone_key, clock=clock)

    def loops(self) -> list[Loop]:
        """What is old in the audit log goes, where that is wanted."""
        return self._audit.loops()

    def faces(self) -> Faces:
        """What the gateway and the runservice may ask."""
        return {
            Audit: self._audit,
            Configstore: self,
            DirectValues: self._direct,
            Organizations: self._organizations,
            Invitations: self._invitations,
            Passwords: self._passwords,
            RemoteSources: self._sources,
            Sealing: self._sealing,
            Sessions: self._sessions,
            Values: self,
        }

    def routes(self) -> Sequence[BaseRoute]:
        """Every contract, for other services."""
        return [route for contract, face in self.faces().items() for route in serve(contract, face, PREFIX)]

    async def start(self) -> None:
        """Make the key that clone tokens are signed with, if there is none; tell of older keys in use."""
        await self._values.clone_key()
        await self._sealing.tell()

    async def close(self) -> None:
        """The database belongs to whoever opened it."""

    async def create_user(self, request: NewUser) -> User:
        user = joining.new_user(request, self._new_id())
        root, now = self._new_id(), self._clock()
        await self._db.do(lambda tx: joining.add_user(tx, user, root, now))
        return user

    async def user(self, ref: str) -> User:
        async def find(tx: Snapshot) -> User:
            row = await finding.user(tx, ref)
            names = await users.token_names(tx, [row.id])
            return showing.user(row, names[row.id])

        return await self._db.read(find)

    async def users(self, after: str = "", limit: int = 30, ascending: bool = True) -> Page[User]:
        async def find(tx: Snapshot) -> Page[User]:
            rows = await users.listed(tx, after=after, limit=beyond(limit), ascending=ascending)
            names = await users.token_names(tx, [row.id for row in rows])
            return page(rows, limit, lambda row: showing.user(row, names[row.id]), lambda user: user.name)

        return await self._db.read(find)

    async def user_projects(self, ref: str) -> Projects:
        async def find(tx: Snapshot) -> Projects:
            return Projects(await finding.projects_of(tx, (await finding.user(tx, ref)).id))

        return await self._db.read(find)

    async def update_user(self, ref: str, request: UserUpdate) -> User:
        now = self._clock()

        async def change(tx: Transaction) -> User:
            row = await finding.user(tx, ref)
            if fields := given(request):
                await users.change(tx, row.id, {field: getattr(request, field) for field in fields})
                await note(tx, now, "user.update", a_user(row), fields)
            return showing.user(await finding.user(tx, row.id))

        return await self._db.do(change)

    async def delete_user(self, ref: str, request: ProjectIds | None = None) -> None:
        now = self._clock()

        async def remove(tx: Transaction) -> None:
            user = await finding.user(tx, ref)
            root = await groups.root_of(tx, "user", user.name)
            if request is not None and root is not None:
                await regrouping.hold_below(tx, root, frozenset(request.projects))
            await users.remove(tx, user.id)
            await note(tx, now, "user.delete", a_user(user))

        await self._db.do(remove)

    async def create_token(self, ref: str, request: NewToken) -> Token:
        name = request.name
        if not name or len(name) > _LONGEST_TOKEN_NAME or not name.isprintable():
            raise BadRequest(
                f"a token needs a name of 1 to {_LONGEST_TOKEN_NAME} printable characters, not {name!r}"
            )
        if _WOULD_BE_CLEANED.search(f"/{name}"):
            raise BadRequest(
                f"no request could delete a token named {name!r}; leave out //, a / at the beginning, and"
                " . and .. between slashes"
            )
        token, now = randomness.token_hex(20), self._clock()

        async def add(tx: Transaction) -> None:
            user = await finding.held_user(tx, ref)
            if not await users.add_token(tx, hash=_hash(token), user_id=user.id, name=name, now=now):
                raise BadRequest(
                    f"user {user.name!r} has a token {name!r} already", code="userTokenAlreadyExists"
                )
            await note(tx, now, "token.create", of_user("token", name, user))

        await self._db.do(add)
        return Token(token=token)

    async def delete_token(self, ref: str, name: str) -> None:
        now = self._clock()

        async def remove(tx: Transaction) -> None:
            user = await finding.user(tx, ref)
            if not name.isprintable() or not await users.remove_token(tx, user.id, name):
                raise NotFound(f"user {user.name!r} has no token {name!r}", code="userTokenDoesNotExist")
            await note(tx, now, "token.delete", of_user("token", name, user))

        await self._db.do(remove)

    async def user_of_token(self, request: TokenCheck) -> User:
        rows = await self._db.read(lambda tx: users.by_token(tx, _hash(request.token)))
        if not rows:
            raise NotFound("nobody has this token", code="userTokenDoesNotExist")
        return showing.known_user(rows, rows[0].token_name)

    async def project_group(self, ref: str) -> ProjectGroup:
        return showing.group(await self._db.read(lambda tx: finding.group(tx, ref)))

    async def create_project_group(self, request: NewProjectGroup) -> ProjectGroup:
        new_id, now = self._new_id(), self._clock()
        place = await self._db.do(lambda tx: changing.add_group(tx, request, new_id, now))
        return showing.group(place)

    async def update_project_group(self, ref: str, request: ProjectGroupUpdate) -> ProjectGroup:
        now = self._clock()
        return showing.group(await self._db.do(lambda tx: regrouping.update_group(tx, ref, request, now)))

    async def projects_below(self, ref: str) -> ProjectIds:
        async def find(tx: Snapshot) -> ProjectIds:
            return ProjectIds(projects=await projects.ids_below(tx, (await finding.group(tx, ref)).id))

        return await self._db.read(find)

    async def delete_project_group(self, ref: str, request: ProjectIds) -> None:
        now = self._clock()
        expected = frozenset(request.projects)
        await self._db.do(lambda tx: regrouping.delete_group(tx, ref, expected, now))

    async def group_projects(self, ref: str) -> Projects:
        async def find(tx: Snapshot) -> tuple[Project, ...]:
            place = await finding.group(tx, ref)
            return tuple(showing.project(row, place) for row in await projects.in_groups(tx, [place.id]))

        return Projects(await self._db.read(find))

    async def group_subgroups(self, ref: str) -> ProjectGroups:
        async def find(tx: Snapshot) -> tuple[ProjectGroup, ...]:
            place = await finding.group(tx, ref)
            return tuple(showing.group(child) for child in await groups.children(tx, place))

        return ProjectGroups(await self._db.read(find))

    async def project(self, ref: str) -> Project:
        return showing.project(*await self._db.read(lambda tx: finding.project(tx, ref)))

    async def create_project(self, request: NewProject) -> Project:
        new_id, now = self._new_id(), self._clock()
        return showing.project(*await self._db.do(lambda tx: changing.add_project(tx, request, new_id, now)))

    async def update_project(self, ref: str, request: ProjectUpdate) -> Project:
        now = self._clock()
        return showing.project(*await self._db.do(lambda tx: changing.update_project(tx, ref, request, now)))

    async def delete_project(self, ref: str) -> None:
        now = self._clock()

        async def remove(tx: Transaction) -> None:
            row, place = await finding.project(tx, ref)
            if not await projects.remove(tx, row.id):
                raise finding.no_project(ref)
            await note(tx, now, "project.delete", a_project(row, place))

        await self._db.do(remove)

    async def project_of_clone_token(self, request: TokenCheck) -> Project:
        now = self._clock()

        async def find(tx: Snapshot) -> Project | None:
            key = await signing_key(tx)
            project = None if key is None else clone_tokens.verify(key, request.token, now)
            return None if project is None else showing.project(*await finding.project(tx, project))

        found = await self._db.read(find)
        if found is None:
            raise NotFound("the clone token is unknown or has expired", code="cloneTokenDoesNotExist")
        return found

    async def resolve(self, request: ValuesRequest) -> ValuesAnswer:
        direct = parse_direct_scope(request.scope)
        return await (self._direct.resolve(direct, request) if direct else self._values.resolve(request))

    async def secrets(self, kind: ParentKind, ref: str, tree: bool = False, nearest: bool = False) -> Secrets:
        return Secrets(await self._secrets.listed(kind, ref, tree=tree, nearest=nearest))

    async def create_secret(self, kind: ParentKind, ref: str, request: SecretData) -> Secret:
        return await self._secrets.create(kind, ref, request)

    async def update_secret(self, kind: ParentKind, ref: str, name: str, request: SecretData) -> Secret:
        return await self._secrets.update(kind, ref, name, request)

    async def delete_secret(self, kind: ParentKind, ref: str, name: str) -> None:
        await self._secrets.delete(kind, ref, name)

    async def variables(
        self, kind: ParentKind, ref: str, tree: bool = False, nearest: bool = False
    ) -> Variables:
        return Variables(await self._variables.listed(kind, ref, tree=tree, nearest=nearest))

    async def create_variable(self, kind: ParentKind, ref: str, request: VariableData) -> Variable:
        return await self._variables.create(kind, ref, request)

    async def update_variable(self, kind: ParentKind, ref: str, name: str, request: VariableData) -> Variable:
        return await self._variables.update(kind, ref, name, request)

    async def delete_variable(self, kind: ParentKind, ref: str, name: str) -> None:
        await self._variables.delete(kind, ref, name)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
