"""Git's sideband: one stream that carries data, progress for people, and a fatal error.

https://git-scm.com/docs/pack-protocol#_packfile_data
"""

from collections.abc import Iterable

from tidemill.errors import BadRequest
from tidemill.kit.git.pktline import FLUSH, MAX_DATA, PacketSplitter, data_of, packet

DATA = b"\x01"
PROGRESS = b"\x02"
#: What one packet carries where a client only knows the first version of the sideband.
NARROW_DATA = 995
#: A report names every ref of a push; what is longer than this is not kept.
_MAX_KEPT = 32 * 1024 * 1024


def progress(lines: Iterable[str], *, capabilities: Iterable[str]) -> bytes:
    """Packets that make a client print *lines*, each after `remote: `; nothing without a sideband."""
    known = frozenset(capabilities)
    if "side-band-64k" in known:
        room = MAX_DATA - len(PROGRESS)
    elif "side-band" in known:
        room = NARROW_DATA
    else:
        return b""
    text = "".join(f"{_printable(line)}\n" for line in lines).encode()
    return b"".join(packet(PROGRESS + text[i : i + room]) for i in range(0, len(text), room))


def _printable(line: str) -> str:
    """The line without what could steer a terminal or begin a line of its own."""
    return "".join(c if c.isprintable() else " " for c in line)


class SidebandTap:
    """Passes a sideband stream on, keeps a copy of its data, and holds its final flush back.

    So something may be added to a push's answer after the report and before the end. A stream that is
    not in packet format (a git that fails says so in plain text) is passed on as it is.
    """

    def __init__(self) -> None:
        self.data = bytearray()
        self.is_ended = False
        self._splitter = PacketSplitter()
        self._is_broken = False

    def feed(self, piece: bytes) -> bytes:
        """Take *piece* in and answer what to pass on now."""
        if self._is_broken:
            return piece
        passed = bytearray()
        try:
            for whole in self._splitter.feed(piece):
                self._take(whole, passed)
        except BadRequest:
            self._is_broken = True
            passed += self.rest
        return bytes(passed)

    @property
    def rest(self) -> bytes:
        """What was fed and is not a whole packet: to be passed on when the stream has ended."""
        return self._splitter.rest

    def _take(self, whole: bytes, passed: bytearray) -> None:
        if whole == FLUSH:
            self.is_ended = True
            return
        body = data_of(whole)
        if body[:1] == DATA and len(self.data) < _MAX_KEPT:
            self.data += body[1:]
        passed += whole
