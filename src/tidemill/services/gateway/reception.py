"""The gateway's side of git hosting: who may at a repository, and pushes into the inbox."""

from collections.abc import Callable, Sequence
from urllib.parse import quote

import anyio

from tidemill.contracts.configstore import Configstore, Project, TokenCheck
from tidemill.contracts.gateway import PREFIX
from tidemill.contracts.pushes import Access, AccessRequest, Push, PushedRun, Pushes, PushOutcome
from tidemill.contracts.values import CLONE_TOKEN_PREFIX
from tidemill.core.permissions import Action
from tidemill.errors import BadRequest, Forbidden, NotFound, Unauthorized
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Transaction
from tidemill.services.gateway.door import NOBODY, Caller, Door, thing
from tidemill.services.gateway.inbox import push_bell
from tidemill.services.gateway.store import inbox
from tidemill.services.gateway.store.inbox import Item, State

#: Refs of a push that are worked on without being looked up; the others are found in the inbox.
_OFFERED = 200


class Reception(Pushes):
    """Answers the gitserver."""

    def __init__(
        self,
        db: Database,
        bells: Bells,
        configstore: Configstore,
        door: Door,
        *,
        offer: Callable[[Sequence[Item]], None],
        exposed_url: Callable[[], str],
    ) -> None:
        """*offer* gives the refs of a push to whoever works on the inbox."""
        self._db = db
        self._bells = bells
        self._configstore = configstore
        self._door = door
        self._offer = offer
        self._exposed_url = exposed_url

    async def access(self, request: AccessRequest) -> Access:
        if request.password.startswith(CLONE_TOKEN_PREFIX):
            return await self._job_access(request)
        caller = await self._door.bearer(request.password) if request.password else NOBODY
        if caller is None:
            raise Unauthorized("the password is not a token that we know; use a user token")
        action = Action.WRITE_REPOSITORY if request.write else Action.READ_REPOSITORY
        project = await self._project(request.path, caller)
        if caller is NOBODY and not caller.may(action, thing(project)):
            raise _ask(request.path)
        caller.require(action, thing(project))
        return Access(project=project.id, pusher=caller.actor.user_id)

    async def _project(self, path: str, caller: Caller) -> Project:
        """The project at *path*; to who is nobody one that does not exist looks like a private one."""
        try:
            return await self._configstore.project(path)
        except (NotFound, BadRequest) as error:
            if caller is NOBODY:
                raise _ask(path) from error
            raise NotFound(f"there is no project {path!r}", code="projectDoesNotExist") from error

    async def _job_access(self, request: AccessRequest) -> Access:
        """A job reads its own project's repository, and what everybody may read (submodules).

        A path that leads nowhere is taken for the one that the job's project had before it was renamed or
        moved: that path stands in the plans of its runs, also when they are restarted.
        """
        try:
            own = await self._configstore.project_of_clone_token(TokenCheck(token=request.password))
        except NotFound as error:
            raise Unauthorized("the clone token is unknown or has expired") from error
        refusal = Forbidden(f"a job of {own.path} may not do this to {request.path}")
        if request.write:
            raise refusal
        try:
            wanted = own if request.path == own.path else await self._configstore.project(request.path)
        except NotFound:
            wanted = own
        except BadRequest as error:
            raise refusal from error
        if wanted.id != own.id and not NOBODY.may(Action.READ_REPOSITORY, thing(wanted)):
            raise refusal
        return Access(project=wanted.id)

    async def pushed(self, push: Push) -> PushOutcome:
        async def keep(tx: Transaction) -> bool:
            is_new = await inbox.add(tx, push)
            offered = await inbox.heads_of(tx, push.project, push.id, _OFFERED) if is_new else []
            tx.after_commit(self._offer, offered)
            return is_new

        with self._bells.listen(push_bell(push.id)) as bell:
            deadline = anyio.current_time() + push.wait
            if await self._db.do(keep):
                await bell.wait(push.wait)
            while (left := deadline - anyio.current_time()) > 0:
                if not await self._db.read(lambda tx: inbox.is_pending(tx, push.project, push.id)):
                    break
                await bell.wait(left)
            items = await self._db.read(lambda tx: inbox.of_push(tx, push.project, push.id))
            return self._outcome(push, items)

    def _outcome(self, push: Push, items: tuple[Item, ...]) -> PushOutcome:
        runs = tuple(
            PushedRun(
                number=run.number, name=run.name, ref=item.ref, url=run.url, setup_error=run.setup_error
            )
            for item in items
            for run in item.runs
        )
        notes = tuple(note for item in items if (note := self._note(push, item)))
        return PushOutcome(
            is_complete=all(item.state is not State.PENDING for item in items), runs=runs, notes=notes
        )

    def _note(self, push: Push, item: Item) -> str:
        """One sentence for the pusher, "" when the runs speak for themselves."""
        where = f"{self._exposed_url()}{PREFIX}/projects/{quote(push.project, safe='')}/pushes"
        if item.state is State.PENDING:
            return (
                f"{item.ref}: still working on it ({item.note or 'it takes longer than usual'}); see {where}"
            )
        if item.state is State.FAILED:
            return f"{item.ref}: no run was made: {item.note}; see {where}"
        if item.runs or not item.note:
            return item.note
        return item.note if item.ref in item.note else f"{item.ref}: no run was made: {item.note}"


def _ask(path: str) -> Unauthorized:
    return Unauthorized(f"say who you are to use {path}: the password is a user token")
