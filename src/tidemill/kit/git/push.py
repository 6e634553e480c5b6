"""What a client asks in a push, and what git reports about it.

https://git-scm.com/docs/pack-protocol#_pushing_data_to_a_server
"""

import re
from collections.abc import AsyncIterator, Mapping

import msgspec

from tidemill.errors import BadRequest, TooLarge
from tidemill.kit.git.pktline import FLUSH, PacketSplitter, data_of, packet

#: The commands of a push come before the pack; more than this is no push that anybody means.
MAX_COMMAND_BYTES = 16 * 1024 * 1024

_COMMAND = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (\S+)\n?", re.ASCII)


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One ref that the client wants moved; an all-zero hash is "none"."""

    ref: str
    old: str
    new: str


class PushRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The first part of a push, before its pack."""

    commands: tuple[Command, ...]
    capabilities: frozenset[str]
    head: bytes
    """Everything read so far, as received: the commands and perhaps the beginning of the pack."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What git says it did: "" for a ref that was updated, else the reason why not."""

    unpacked: str
    refs: dict[str, str]


def is_none(sha: str) -> bool:
    """Whether a hash stands for "no such ref"."""
    return not sha.strip("0")


async def read_push_request(body: AsyncIterator[bytes]) -> PushRequest:
    """Read from *body* until the commands are complete; the rest of it stays in the iterator."""
    splitter = PacketSplitter()
    head = bytearray()
    lines: list[bytes] = []
    async for piece in body:
        head += piece
        for whole in splitter.feed(piece):
            if whole == FLUSH:
                return _parse(lines, bytes(head))
            lines.append(data_of(whole))
        if len(head) > MAX_COMMAND_BYTES:
            raise TooLarge(f"the list of refs to update is larger than {MAX_COMMAND_BYTES} bytes")
    raise BadRequest("the push ended before its list of refs to update was complete")


def _parse(lines: list[bytes], head: bytes) -> PushRequest:
    commands = []
    capabilities: frozenset[str] = frozenset()
    for line in lines:
        text, nul, offered = line.partition(b"\0")
        if nul:
            capabilities |= frozenset(offered.decode("ascii", "replace").split())  # as git adds them up
        if text.startswith(b"shallow "):
            continue
        commands.append(_command(text))
    return PushRequest(commands=tuple(commands), capabilities=capabilities, head=head)


def _command(line: bytes) -> Command:
    try:
        match = _COMMAND.fullmatch(line.decode())
    except UnicodeDecodeError as error:
        raise BadRequest("a ref's name must be UTF-8") from error
    if match is None:
        raise BadRequest(f"not a ref update: {line[:200].decode(errors='replace')!r}")
    old, new, ref = match.groups()
    return Command(ref=ref, old=old, new=new)


def parse_report(data: bytes) -> Report | None:
    """Read a report-status (either version); None where git ended before it had told all."""
    splitter = PacketSplitter()
    unpacked = ""
    refs: dict[str, str] = {}
    for whole in splitter.feed(data):
        if whole == FLUSH:
            return Report(unpacked=unpacked, refs=refs)
        word, _, rest = data_of(whole).decode(errors="replace").rstrip("\n").partition(" ")
        if word == "unpack":
            unpacked = rest
        elif word == "ok":
            refs[rest] = ""
        elif word == "ng":
            ref, _, reason = rest.partition(" ")
            refs[ref] = reason or "refused"
    return None


def refusal(reasons: Mapping[str, str]) -> bytes:
    """A report-status, in the form of either version, of a push of which no ref was updated."""
    lines = [f"ng {ref} {reason}\n" for ref, reason in reasons.items()]
    return b"".join(packet(line.encode()) for line in ("unpack ok\n", *lines)) + FLUSH
