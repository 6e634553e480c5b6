"""Calls between processes, with all that can become of them: lost, late, repeated, unanswered, cut off."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, TypeVar

import msgspec

from tests.simulation.history import History
from tests.simulation.process import Process
from tidemill.errors import BY_STATUS, Failure, Unavailable, typed, unknown
from tidemill.kit.carriers import in_time
from tidemill.kit.contract import Contract, Endpoint, Page, Parameter, derive
from tidemill.kit.coord import Bells

C = TypeVar("C", bound=Contract)

#: Seconds until somebody gives up a connection that nobody answers.
_CONNECT = 5.0
#: Asked again they change nothing, so the next address may be asked at once.
_SAFE = {"GET"}


class Refused(Exception):
    """Nothing of a request has arrived."""


class Reset(Exception):
    """The connection broke after something of the request may have arrived."""


class _Call:
    """One request on its way; *answer* is heard by its caller while that lives."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        client: str,
        contract: type[Contract],
        endpoint: Endpoint,
        bound: dict[str, Any],
    ) -> None:
        self.client = client
        self.contract = contract
        self.endpoint = endpoint
        self.bound = bound
        self.answer: asyncio.Future[Any] = loop.create_future()
        self.handlers: list[asyncio.Task[Any]] = []

    def settle(self, result: Any = None, error: Exception | None = None) -> None:
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(result)
        else:
            self.answer.set_exception(error)
            self.answer.exception()  # nobody may be there any more to hear it


class Network:
    """All processes that live, and how well they reach each other."""

    def __init__(self, seed: int, history: History, noise: float) -> None:
        self.processes: dict[str, Process] = {}
        self.noise = noise
        self.calls = 0
        self._seed = seed
        self._history = history
        self._cut: dict[str, int] = {}
        self._half: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._served: dict[Process, list[_Call]] = {}

    def cut(self, name: str, *, half: bool, by: int) -> None:
        """Part a process from all others, or join it again (*by* -1)."""
        cuts = self._half if half else self._cut
        cuts[name] = cuts.get(name, 0) + by

    def reaches(self, source: str, target: str) -> bool:
        """Whether a message can go that way now."""
        return not (self._cut.get(source) or self._cut.get(target) or self._half.get(source))

    def dice(self, what: str) -> random.Random:
        """Chance of its own for each message, so that leaving one out changes little about the others."""
        count = self._counts[what] = self._counts.get(what, 0) + 1
        return random.Random(f"{self._seed} {what} {count}")

    def delay(self, dice: random.Random) -> float:
        """Seconds that a message takes."""
        usual = dice.uniform(0.0002, 0.004)
        if dice.random() < self.noise * 4:
            return usual + dice.choice([0.05, 0.5, 3.0, 8.0]) * dice.random()
        return usual

    def later(self, seconds: float, do: Callable[..., Any], *args: Any) -> None:
        """As a matter of the network, whoever dies meanwhile."""
        asyncio.get_running_loop().call_later(seconds, do, *args, context=Context())

    def died(self, process: Process) -> None:
        """Its connections break; who is cut off from it does not hear of that."""
        for call in self._served.pop(process, []):
            self.later(0.001, call.settle, None, Reset(f"{process.name} has died"))

    async def send(
        self,
        client: Process,
        target: str,
        contract: type[Contract],
        endpoint: Endpoint,
        bound: dict[str, Any],
    ) -> Any:
        """One request and its answer; raises `Refused`, `Reset` or what the service raised."""
        self.calls += 1
        call = _Call(asyncio.get_running_loop(), client.name, contract, endpoint, bound)
        dice = self.dice(f"{client.name}>{target} {endpoint.name}")
        delay = self.delay(dice)
        is_lost = dice.random() < self.noise
        self._history.tell("asks {} {}{}", target, endpoint.name, " (lost)" if is_lost else "")
        if is_lost:
            if dice.random() < 0.5:
                self.later(delay, call.settle, None, Reset("the connection broke"))
        else:
            self.later(delay, self._arrive, target, call, dice)
        if not is_lost and dice.random() < self.noise:
            again = delay + dice.choice([0.001, 0.2, 6.0, 45.0]) * dice.random()
            self.later(again, self._arrive, target, call, dice)
        try:
            return await call.answer
        except asyncio.CancelledError:
            if endpoint.waits or endpoint.streams:
                self.later(self.delay(dice), _hang_up, call)
            raise

    def _arrive(self, target: str, call: _Call, dice: random.Random) -> None:
        if not self.reaches(call.client, target):
            self.later(_CONNECT, call.settle, None, Refused(f"{target} is not reached"))
            return
        server = self.processes.get(target)
        if server is None or server.is_dead or call.contract not in server.faces:
            call.settle(None, Refused(f"{target} does not listen"))
            return
        self._served.setdefault(server, []).append(call)
        call.handlers.append(server.spawn(self._serve(server, call, dice)))

    async def _serve(self, server: Process, call: _Call, dice: random.Random) -> None:
        endpoint, bound = call.endpoint, call.bound
        answer, error = None, None
        try:
            arguments = {p.name: _decoded(p, bound[p.name]) for p in endpoint.parameters if p.name in bound}
            target = getattr(server.faces[call.contract], endpoint.name)
            uploads = endpoint.body is not None and endpoint.body.kind == "stream"
            result = await in_time(None if uploads else endpoint.seconds(arguments), target(**arguments))
            if endpoint.streams:
                result = b"".join([chunk async for chunk in result])
            answer = _packed(endpoint, result)
        except Exception as raised:  # noqa: BLE001 - whatever it is, it travels as the service would tell it
            error = self._told(endpoint, raised)
        if dice.random() < self.noise:
            self._history.tell("answer to {} {} is lost", call.client, endpoint.name)
            return
        self.later(self.delay(dice), self._answer, server, call, answer, error)

    def _answer(self, server: Process, call: _Call, answer: Any, error: Exception | None) -> None:
        calls = self._served.get(server)
        if calls is not None and call in calls:
            calls.remove(call)
        if not self._cut.get(server.name) and not self._cut.get(call.client):
            call.settle(answer, error)

    def _told(self, endpoint: Endpoint, error: Exception) -> Failure:
        found = typed(error)
        if found is None:
            self._history.complain("bug in a call", f"{endpoint.name}: {error!r}")
            return unknown("")
        kind = BY_STATUS[found.status]
        return kind(found.message, code=found.code, details=found.details)


def _hang_up(call: _Call) -> None:
    for handler in call.handlers:
        handler.cancel()


def connect(network: Network, client: Process, targets: Sequence[str], contract: type[C]) -> C:
    """An object of the contract's type that asks whichever of *targets* answers, as `kit/fail_over` does."""
    at = network.dice(f"{client!r} begins with").randrange(len(targets))

    def make(endpoint: Endpoint) -> Callable[..., Awaitable[Any]]:
        async def call(_: C, *args: Any, **kwargs: Any) -> Any:
            nonlocal at
            bound = {
                p.name: value
                for p in endpoint.parameters
                if p.name in (given := endpoint.bind(args, kwargs))
                for value in [given[p.name]]
            }
            seconds = endpoint.seconds(bound)
            packed = {
                p.name: await _encoded(p, bound[p.name]) for p in endpoint.parameters if p.name in bound
            }
            try:
                async with asyncio.timeout(seconds * 0.95):
                    for attempt in range(len(targets)):
                        mine = at
                        try:
                            answer = await network.send(client, targets[mine], contract, endpoint, packed)
                        except (Refused, Reset) as broken:
                            at = (mine + 1) % len(targets) if at == mine else at
                            may_go_on = isinstance(broken, Refused) or endpoint.verb in _SAFE
                            if attempt == len(targets) - 1 or not may_go_on:
                                raise Unavailable(f"{targets[mine]}: {broken}") from broken
                        else:
                            return _unpacked(endpoint, answer)
            except TimeoutError as error:
                raise Unavailable(f"{targets[at]}: no answer in time") from error
            raise AssertionError

        return call

    return derive(contract, make)


async def _encoded(parameter: Parameter, value: Any) -> bytes:
    if parameter.kind == "stream":
        return b"".join([chunk async for chunk in value])
    return value if parameter.kind == "raw" else msgspec.json.encode(value)


def _decoded(parameter: Parameter, data: bytes) -> Any:
    if parameter.kind == "stream":
        return _stream(data)
    return data if parameter.kind == "raw" else msgspec.json.decode(data, type=parameter.type)


def _packed(endpoint: Endpoint, result: Any) -> Any:
    if endpoint.pages:
        return msgspec.json.encode(result.items), result.cursor
    return result if endpoint.streams or endpoint.answer is bytes else msgspec.json.encode(result)


def _unpacked(endpoint: Endpoint, answer: Any) -> Any:
    if endpoint.streams:
        return _stream(answer)
    if endpoint.pages:
        items, cursor = answer
        return Page(msgspec.json.decode(items, type=endpoint.answer_body), cursor)
    return answer if endpoint.answer is bytes else msgspec.json.decode(answer, type=endpoint.answer)


async def _stream(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 65536):
        yield data[start : start + 65536]


class SimulatedBells(Bells):
    """Bells of one process, heard by the others as `kit/coord/etcd` carries them: late, or not at all."""

    def __init__(self, network: Network, process: Process, peers: dict[str, "SimulatedBells"]) -> None:
        super().__init__()
        self._network = network
        self._process = process
        self._peers = peers
        peers[process.name] = self

    def ring(self, name: str) -> None:
        super().ring(name)
        for peer, bells in self._peers.items():
            if bells is self:
                continue
            dice = self._network.dice(f"{self._process.name} rings {peer}")
            if self._network.reaches(self._process.name, peer) and dice.random() >= self._network.noise:
                self._network.later(self._network.delay(dice), bells.heard, name)

    def heard(self, name: str) -> None:
        """Somebody else has rung."""
        if not self._process.is_dead:
            super().ring(name)
