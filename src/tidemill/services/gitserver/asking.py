"""What a git client asks for over smart HTTP, told from everything else, and the answer to a clone.

https://git-scm.com/docs/gitprotocol-http
"""

from collections.abc import Awaitable, Callable

from tidemill.errors import BadRequest, Failure, Unauthorized
from tidemill.kit.git.repository import Repository, Service
from tidemill.services.gitserver.conversation import Conversation
from tidemill.services.gitserver.exchange import Exchange

#: What is asked of a repository, behind its address.
ACTIONS = "info/refs|git-upload-pack|git-receive-pack"
_CHALLENGE = (b"www-authenticate", b'Basic realm="Tidemill", charset="UTF-8"')
_HINT = "give a user token as the password (any user name will do)"


async def answered(exchange: Exchange, serve: Callable[[], Awaitable[None]]) -> None:
    """Let *serve* answer; failures become text that git shows to people, 401 with a challenge."""
    try:
        await serve()
    except Unauthorized as error:
        await exchange.refuse(401, f"{error.message}\n{_HINT}", _CHALLENGE)
    except Failure as error:
        if exchange.is_started:
            raise
        await exchange.refuse(error.status, error.message)


async def asked_service(exchange: Exchange, action: str) -> Service | None:
    """Which of git's services *action* is about; None when it is asked wrongly, which has been said."""
    if (exchange.method == "POST") != (action != "info/refs"):
        await exchange.refuse(405, f"{action} is asked with {'GET' if action == 'info/refs' else 'POST'}")
        return None
    service = _service(exchange.query.get("service", "") if action == "info/refs" else action)
    asked = f"application/x-{service}-request"
    if action != "info/refs" and exchange.headers.get("content-type") != asked:
        await exchange.refuse(415, f"the content type must be {asked}")
        return None
    return service


def _service(name: str) -> Service:
    if name == "git-upload-pack":
        return "git-upload-pack"
    if name == "git-receive-pack":
        return "git-receive-pack"
    raise BadRequest("this server speaks git's smart protocol only; use git 1.6.6 or newer")


async def advertise(exchange: Exchange, repository: Repository, service: Service) -> None:
    """Answer which refs there are."""
    exchange.content_type = f"application/x-{service}-advertisement".encode()
    await exchange.finish(await repository.advertisement(service, protocol=exchange.protocol))


async def send(exchange: Exchange, repository: Repository) -> None:
    """Serve a clone or fetch."""
    exchange.content_type = b"application/x-git-upload-pack-result"
    async with repository.sending(protocol=exchange.protocol) as process:
        conversation = Conversation(exchange, process, is_read_only=True)
        await conversation.hold(exchange.body(), unchanged, lambda: False)
        if conversation.error:
            raise conversation.error
        await exchange.finish()


def unchanged(block: bytes) -> bytes:
    """What git says is passed on as it is."""
    return block
