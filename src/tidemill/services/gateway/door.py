"""The door: who is asking, and whether they may."""

import hashlib
import hmac
from contextvars import ContextVar

import msgspec

from tidemill.contracts.audit import ActorKind, Identity
from tidemill.contracts.configstore import Configstore, Project, ProjectGroup, TokenCheck, User
from tidemill.contracts.sessions import SessionCheck, Sessions
from tidemill.core.permissions import ADMIN_TOKEN, ANONYMOUS, Action, Actor, Refusal, Thing, may
from tidemill.errors import BadRequest, Forbidden, NotFound, Unauthorized
from tidemill.kit.contract import Call, Endpoint, current_call, on_behalf_of
from tidemill.kit.http.csrf import token_skips_csrf
from tidemill.services.gateway.guard import Guard
from tidemill.services.gateway.rights import right
from tidemill.services.gateway.session_cookies import SessionCookies

_SCHEME = "token"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, with their user where there is one."""

    actor: Actor
    user: User | None = None
    session_id: str = ""
    """The session that the request is made in; "" when it is made with a token."""

    @property
    def name(self) -> str:
        """Who it is, for people."""
        return self.user.name if self.user else "the administrator"

    def require(self, action: Action, thing: Thing | None = None) -> None:
        """Raise what the reference answers when the caller may not do *action* to *thing*."""
        if (asked := _asked.get()) is not None:
            asked.add(action)
        match may(self.actor, action, thing):
            case None:
                return
            case Refusal.UNAUTHORIZED:
                raise Unauthorized(f"say who you are to {action}: Authorization: token <token>")
            case Refusal.BAD_REQUEST:
                raise BadRequest(f"this token cannot {action}")
            case Refusal.HIDDEN:
                raise NotFound(
                    "there is no such organization, or it is not for you to see",
                    code="organizationDoesNotExist",
                )
            case Refusal.FORBIDDEN:
                whose = "; that is for administrators" if action in _FOR_ADMINISTRATORS else ""
                raise Forbidden(f"you may not {action}{whose}")

    def may(self, action: Action, thing: Thing | None = None) -> bool:
        """Whether the caller may."""
        return may(self.actor, action, thing) is None


#: What no owner of anything may, so that one can ask for no right to it.
_FOR_ADMINISTRATORS = frozenset({Action.MANAGE_EXECUTORS, Action.MANAGE_KEYS, Action.FOLLOW_ALL_RUNS})

NOBODY = Caller(actor=ANONYMOUS)

_caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)
#: What it has been asked of the caller whether they may; None outside of a request that the door admits.
_asked: ContextVar[set[Action] | None] = ContextVar("asked", default=None)


class Door:
    """Knows callers by their tokens and sessions; keeps none of them."""

    def __init__(
        self,
        configstore: Configstore,
        sessions: Sessions,
        cookies: SessionCookies,
        guard: Guard,
        admin_token: str,
    ) -> None:
        self._configstore = configstore
        self._sessions = sessions
        self._cookies = cookies
        self._guard = guard
        self._admin_token = _digest(admin_token) if admin_token else None

    async def admit(self, endpoint: Endpoint) -> None:
        """Learn who makes a request before anything else of it is looked at."""
        call = current_call()
        caller = await self._by_token(call)
        shows_token = caller is not None
        if caller is None:
            caller = await self._by_session(call)
        if caller is NOBODY and not right(endpoint.name).hears_nobody:
            raise Unauthorized("say who you are: Authorization: token <token>")
        if shows_token:
            token_skips_csrf()
        else:
            await self._guard.check(call)
        _caller.set(caller)
        _asked.set(set())
        act_as(caller)

    async def look_again(self) -> None:
        """Learn anew who makes the request that is being served; raises Unauthorized if that is over."""
        call, before = current_call(), current_caller()
        caller = await self._by_token(call) or await self._by_session(call)
        if caller is NOBODY and before is not NOBODY:
            raise Unauthorized("the session is over")
        _caller.set(caller)

    async def _by_token(self, call: Call) -> Caller | None:
        """Whose token the request shows; an unknown one is refused at once, None when it shows none."""
        scheme, _, token = call.authorization.strip().partition(" ")
        if scheme.lower() != _SCHEME or not token.strip():
            return None
        found = await self.bearer(token.strip())
        if found is None:
            raise Unauthorized("the token is unknown; it may have been deleted")
        return found

    async def _by_session(self, call: Call) -> Caller:
        """Whose session the request is made in; nobody when it has none that goes on."""
        secret = self._cookies.secret(call.header("cookie"))
        if secret is None:
            return NOBODY
        try:
            owner = await self._sessions.owner_of_session(SessionCheck(secret=secret))
        except NotFound as error:
            if error.code != "sessionDoesNotExist":
                raise
            return NOBODY
        return Caller(actor=acting(owner.user), user=owner.user, session_id=owner.id)

    async def bearer(self, token: str) -> Caller | None:
        """Whose token it is; None when it is nobody's."""
        if self._admin_token and hmac.compare_digest(_digest(token), self._admin_token):
            return Caller(actor=ADMIN_TOKEN)
        try:
            user = await self._configstore.user_of_token(TokenCheck(token=token))
        except NotFound as error:
            if error.code != "userTokenDoesNotExist":
                raise
            return None
        return Caller(actor=acting(user), user=user)


def act_as(caller: Caller) -> None:
    """From here on what the request makes others do is *caller*'s doing, as the audit log will say."""
    user = caller.user
    if user is not None:
        via = "session" if caller.session_id else f"token {user.token_name}"
        identity = Identity(kind="user", id=user.id, name=user.name, via=via, remote=current_call().remote)
    else:
        kind: ActorKind = "administrator" if caller.actor.is_admin else "nobody"
        identity = Identity(kind=kind, remote=current_call().remote)
    on_behalf_of(msgspec.json.encode(identity).decode())


def acting(user: User) -> Actor:
    """A user who has said who they are, as permissions see them."""
    return Actor(user_id=user.id, is_admin=user.is_admin, memberships=user.memberships)


def current_caller() -> Caller:
    """Who makes the request that is being served; nobody outside of any."""
    return _caller.get()


def asked_for() -> frozenset[Action]:
    """What it has been asked of the caller of this request whether they may."""
    return frozenset(_asked.get() or ())


def thing(of: Project | ProjectGroup) -> Thing:
    """A project or group as permissions see it."""
    return Thing(
        owner=of.owner,
        owner_kind=of.owner_kind,
        is_public=of.global_visibility == "public",
        members_act=isinstance(of, Project) and of.members_can_perform_run_actions,
    )


def own(user: User) -> Thing:
    """What belongs to a user and is nobody else's business."""
    return Thing(owner=user.id, is_public=False)


def _digest(token: str) -> bytes:
    """Of one length for every token, so that comparing takes one time."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
