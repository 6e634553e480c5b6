"""Late values: what the names that a job needs mean now, for the scope of its run."""

import secrets as randomness
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import msgspec
import structlog

from tidemill.contracts.audit import Deed, Subject
from tidemill.contracts.values import CLONE_TOKEN, ValuesAnswer, ValuesRequest
from tidemill.core.context import Occasion
from tidemill.core.refs import Ref, RefType, parse_ref
from tidemill.core.scope import Scope, parse_scope
from tidemill.core.variables import Meant, PlacedSecret, PlacedVariable, meant
from tidemill.errors import Unavailable
from tidemill.kit.db import AnyRow, Database, Snapshot
from tidemill.services.configstore import clone_tokens, finding
from tidemill.services.configstore.noting import note_all
from tidemill.services.configstore.secrets import SecretKeeper
from tidemill.services.configstore.store import groups, held, projects, sources
from tidemill.services.configstore.store.held import Level
from tidemill.services.configstore.store.tables import secrets, variables
from tidemill.services.configstore.variables import placed, values_of

_CLONE_KEY = "clone-token"

log = structlog.get_logger()


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """A project's answer before anything is opened."""

    project: str
    meant: dict[str, Meant]
    secrets: dict[str, AnyRow]
    """Stored secrets by id."""
    levels: Sequence[Level] = ()
    """The project and the groups above it, as secrets count them."""


class LateValues:
    """Answers for the names asked and nothing else; what is not defined is left out."""

    def __init__(self, db: Database, keeper: SecretKeeper, *, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._keeper = keeper
        self._clock = clock

    async def resolve(self, request: ValuesRequest) -> ValuesAnswer:
        """The values of the names for the scope."""
        scope = parse_scope(request.scope)
        if scope is None:
            return ValuesAnswer(values={})
        names = [name for name in dict.fromkeys(request.names) if name != CLONE_TOKEN]
        found = await self._db.read(lambda tx: _find(tx, scope, names))
        if found is None:
            return ValuesAnswer(values={})
        values = self._opened(found)
        if values:
            now, reads = self._clock(), _reads(found, values, request.job)
            await self._db.do(lambda tx: note_all(tx, now, reads))
            log.info("values are given to a job", project=found.project, ref=scope.ref, names=sorted(values))
        if CLONE_TOKEN in request.names:
            values[CLONE_TOKEN] = clone_tokens.mint(await self.clone_key(), found.project, self._clock())
        return ValuesAnswer(values=values)

    async def clone_key(self) -> bytes:
        """The key in the database, which an import may have replaced or left out."""
        kept = await self._db.read(signing_key)
        if kept is not None:
            return kept
        fresh, now = randomness.token_bytes(32), self._clock()
        return await self._db.do(lambda tx: sources.keep_signing_key(tx, name=_CLONE_KEY, key=fresh, now=now))

    def _opened(self, found: _Found) -> dict[str, str]:
        """Only what is meant is opened, each secret once."""
        data: dict[str, Mapping[str, str]] = {}
        for row in {found.secrets[one.secret.id] for one in found.meant.values()}:
            try:
                data[row.id] = self._keeper.opened(row)
            except Unavailable as error:
                raise Unavailable(f"the secret {row.name!r}: {error.message}", code=error.code) from error
        return {
            name: data[one.secret.id][one.key]
            for name, one in found.meant.items()
            if one.key in data[one.secret.id]
        }


def _reads(found: _Found, values: Collection[str], job: str) -> list[Deed]:
    """An entry for each secret: for which job it was read, and what that sees it as."""
    names: dict[str, list[str]] = {}
    for name in sorted(values):
        names.setdefault(found.meant[name].secret.id, []).append(name)
    return [_read(found, found.meant[read[0]].secret, job, read) for read in names.values()]


def _read(found: _Found, secret: PlacedSecret, job: str, names: Sequence[str]) -> Deed:
    subject = Subject(
        kind="secret",
        id=secret.id,
        path=f"{found.levels[secret.level].path}/{secret.name}",
        project=found.project,
        owner=found.levels[secret.level].owner,
    )
    return Deed(action="secret.read", subject=subject, fields=(f"job {job}", *names))


async def signing_key(tx: Snapshot) -> bytes | None:
    """What clone tokens are signed with, if that is made already."""
    return await sources.signing_key(tx, _CLONE_KEY)


async def _find(tx: Snapshot, scope: Scope, names: Sequence[str]) -> _Found | None:
    """What *names* mean for *scope*; None when its project is gone."""
    row = await projects.by_id(tx, scope.project)
    place = await groups.place(tx, row.parent_id) if row is not None and names else None
    if row is None:
        return None
    if place is None or (scope.is_fork and not row.pass_vars_to_forked_pr):
        return _Found(project=row.id, meant={}, secrets={})
    levels = await finding.levels_of_project(tx, row, place)
    defined = [
        PlacedVariable(name=one.name, level=level, values=values_of(one))
        for level, one in await held.listed(tx, variables, levels, names=names, nearest=True)
    ]
    wanted = {value.secret_name for one in defined for value in one.values}
    kept = await held.listed(tx, secrets, levels, names=wanted) if wanted else []
    occasion = Occasion(ref=_ref(scope.ref))
    answers = {name: meant(name, defined, placed(kept), occasion) for name in names}
    return _Found(
        project=row.id,
        meant={name: answer for name, answer in answers.items() if answer is not None},
        secrets={one.id: one for _, one in kept},
        levels=levels,
    )


def _ref(full: str) -> Ref:
    """Whatever is neither branch nor tag is a pull request's, which only its full name tells."""
    return parse_ref(full) or Ref(type=RefType.PULL_REQUEST, name=full, full=full)
