"""A push: written down, handed to git, told to the gateway, and its runs shown to the pusher."""

from collections.abc import AsyncIterator

import structlog

from tidemill.contracts.pushes import Access
from tidemill.errors import Failure
from tidemill.kit.git.process import Process
from tidemill.kit.git.push import (
    Command,
    PushRequest,
    is_none,
    parse_report,
    read_push_request,
    refusal,
)
from tidemill.kit.git.reading import ObjectReader
from tidemill.kit.git.repository import Repository
from tidemill.kit.git.sideband import Tap, enveloped, tap
from tidemill.services.gitserver.conversation import Conversation
from tidemill.services.gitserver.exchange import Exchange, standstill
from tidemill.services.gitserver.outcome import outcome_lines, postponed_lines
from tidemill.services.gitserver.push_log import PushLog
from tidemill.services.gitserver.reconcile import LoggedPush, State, accepted_in, standing_in
from tidemill.services.gitserver.repositories import HIDDEN

log = structlog.get_logger("gitserver")


class Receiving:
    """Serves `git-receive-pack`. *wait* is how many seconds a pusher waits for the runs' numbers."""

    def __init__(self, push_log: PushLog, reader: ObjectReader, *, wait: float) -> None:
        self._log = push_log
        self._reader = reader
        self._wait = wait

    async def serve(self, exchange: Exchange, repository: Repository, access: Access) -> None:
        """Receive one push and answer it."""
        exchange.content_type = b"application/x-git-receive-pack-result"
        body = exchange.body()
        request: PushRequest | None = None
        with exchange.patience():
            request = await read_push_request(body)
        if request is None:
            raise standstill()
        if reasons := torn(request):
            await refuse(exchange, request, reasons, body)
        elif request.commands:
            await self._receive(exchange, repository, access, request, body)
        else:  # a large push is preceded by a request that asks whether it may
            await exchange.finish()

    async def _receive(
        self,
        exchange: Exchange,
        repository: Repository,
        access: Access,
        request: PushRequest,
        body: AsyncIterator[bytes],
    ) -> None:
        answer = tap(request.capabilities)
        async with (
            repository.receiving(is_large=exchange.is_large, protocol=exchange.protocol) as process,
            self._log.opened(access.project, access.pusher, request.commands) as asked,
        ):
            await self._reader.warm(repository.path)  # whoever is told of the push will read files of it
            conversation = Conversation(exchange, process, is_read_only=False)
            await conversation.hold(joined(request.head, body), answer.feed, lambda: answer.is_ended)
            push = self._log.applied(asked, await _applied(asked, answer, process, repository))
            await self._conclude(
                exchange, push, answer, error=conversation.error, is_logged=bool(asked.commands)
            )

    async def _conclude(
        self, exchange: Exchange, push: LoggedPush, answer: Tap, *, error: Failure | None, is_logged: bool
    ) -> None:
        """Tell of what was applied, let the client go, and write down how it ended."""
        state = State.REFUSED
        try:
            if push.commands:
                state, lines = await self._tell(push)
                await exchange.write(answer.say(lines))
            if error is not None:
                raise error
            await exchange.finish(answer.end())
        except OSError:
            pass  # the client is gone; what it pushed is not
        finally:
            if is_logged:
                await self._log.record(push, state)

    async def _tell(self, push: LoggedPush) -> tuple[State, list[str]]:
        try:
            return State.TOLD, outcome_lines(await self._log.tell(push, wait=self._wait))
        except Failure as error:
            log.warning("push not told at once", push=push.id, project=push.project, error=error.message)
            return State.ACCEPTED, postponed_lines(error.message)


def torn(request: PushRequest) -> dict[str, str]:
    """Why each ref of an atomic push stays where it is, if one of them is hidden.

    Git (2.39) sorts hidden refs out before its transaction begins, and would move the others.
    """
    is_hidden = {c.ref: f"{c.ref}/".startswith(f"{HIDDEN}/") for c in request.commands}
    if "atomic" not in request.capabilities or not any(is_hidden.values()):
        return {}
    return {
        ref: "deny updating a hidden ref" if hidden else "atomic push failure"
        for ref, hidden in is_hidden.items()
    }


async def refuse(
    exchange: Exchange, request: PushRequest, reasons: dict[str, str], body: AsyncIterator[bytes]
) -> None:
    """Answer as git does, once the client has sent what it wanted to and listens."""
    with exchange.patience() as patience:
        async for _ in body:
            pass
    if patience.cancelled_caught:
        raise standstill()
    is_told = {"report-status", "report-status-v2"} & request.capabilities
    await exchange.finish(enveloped(refusal(reasons), request.capabilities) if is_told else b"")


async def _applied(
    push: LoggedPush, answer: Tap, process: Process, repository: Repository
) -> tuple[Command, ...]:
    """What of a push was applied: git's report says it, or else the refs once git has ended."""
    report = parse_report(bytes(answer.data))
    if report is not None:
        done = accepted_in(report, push.commands)
    else:
        await process.close()
        log.info("git did not report", push=push.id, project=push.project, complaint=process.complaint())
        done = standing_in(await repository.refs(), push.commands)
    try:
        await repository.point_head(command.ref for command in done if not is_none(command.new))
    except Failure as error:  # the next look at the repository mends it
        log.warning("HEAD not moved", project=push.project, error=error.message)
    return done


async def joined(head: bytes, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """All of a body of which *head* was read already."""
    yield head
    async for block in body:
        yield block
