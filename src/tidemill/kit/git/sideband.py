"""Looking into the answer of a push, and adding to it: git's sideband.

With a sideband one stream carries data (the report), progress for people, and a fatal error.
https://git-scm.com/docs/pack-protocol#_packfile_data
"""

from collections.abc import Iterable
from typing import Protocol

from tidemill.errors import BadRequest
from tidemill.kit.git.pktline import FLUSH, MAX_DATA, PacketSplitter, data_of, packet

DATA = b"\x01"
PROGRESS = b"\x02"
#: What one packet carries beside the number of its band, in both versions of the sideband.
ROOM = {"side-band-64k": MAX_DATA - 1, "side-band": 995}
#: A report names every ref of a push; what is longer than this is not kept.
_MAX_KEPT = 32 * 1024 * 1024


class Tap(Protocol):
    """Keeps a copy of the report in git's answer to a push, and lets something be said before its end."""

    data: bytearray
    """The report, as far as it has come."""
    is_ended: bool
    """Whether git's answer is complete."""

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of git's answer in; what of it to pass on now."""
        ...

    def say(self, lines: Iterable[str]) -> bytes:
        """What makes the client print *lines*, each after `remote: `."""
        ...

    def end(self) -> bytes:
        """What was held back."""
        ...


def tap(capabilities: frozenset[str]) -> Tap:
    """The tap for what a client understands."""
    for name, room in ROOM.items():
        if name in capabilities:
            return SidebandTap(room)
    return PlainTap()


def enveloped(report: bytes, capabilities: frozenset[str]) -> bytes:
    """A whole answer that says nothing but *report*, in the form that a client understands."""
    for name, room in ROOM.items():
        if name in capabilities:
            pieces = (report[i : i + room] for i in range(0, len(report), room))
            return b"".join(packet(DATA + piece) for piece in pieces) + FLUSH
    return report


class PlainTap:
    """For a client without a sideband: the answer is the report, and nothing else can be said."""

    is_ended = False  # only git's own end shows it

    def __init__(self) -> None:
        self.data = bytearray()

    def feed(self, piece: bytes) -> bytes:
        """Take a piece in and pass it on."""
        if len(self.data) < _MAX_KEPT:
            self.data += piece
        return piece

    def say(self, lines: Iterable[str]) -> bytes:  # noqa: ARG002 - there is no way to say it
        """Nothing."""
        return b""

    def end(self) -> bytes:
        """Nothing."""
        return b""


class SidebandTap:
    """Passes a sideband stream on and holds its final flush back.

    A stream that is not in packet format (a git that fails may say so in plain text) is passed on as
    it is.
    """

    def __init__(self, room: int) -> None:
        self.data = bytearray()
        self.is_ended = False
        self._room = room
        self._splitter = PacketSplitter()
        self._is_broken = False

    def feed(self, piece: bytes) -> bytes:
        """Take a piece in; pass on its whole packets."""
        if self._is_broken:
            return piece
        passed = bytearray()
        try:
            for whole in self._splitter.feed(piece):
                self._take(whole, passed)
        except BadRequest:
            self._is_broken = True
            passed += self._splitter.rest
        return bytes(passed)

    def _take(self, whole: bytes, passed: bytearray) -> None:
        if whole == FLUSH:
            self.is_ended = True
            return
        body = data_of(whole)
        if body[:1] == DATA and len(self.data) < _MAX_KEPT:
            self.data += body[1:]
        passed += whole

    def say(self, lines: Iterable[str]) -> bytes:
        """Progress packets of the size that the client reads; nothing after a broken stream."""
        if self._is_broken:
            return b""
        text = "".join(f"{_printable(line)}\n" for line in lines).encode()
        pieces = (text[i : i + self._room] for i in range(0, len(text), self._room))
        return b"".join(packet(PROGRESS + piece) for piece in pieces)

    def end(self) -> bytes:
        """The final flush, if git itself came to its end."""
        return FLUSH if self.is_ended else b""


def _printable(line: str) -> str:
    """The line without what could steer a terminal or begin a line of its own."""
    return "".join(c if c.isprintable() else " " for c in line)
