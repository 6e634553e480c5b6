"""Git's pkt-line framing: four hexadecimal digits of length, then the data.

https://git-scm.com/docs/protocol-common#_pkt_line_format
"""

import re
from collections.abc import Iterator

from tidemill.errors import BadRequest

#: The packet that ends a section; it has no data.
FLUSH = b"0000"
#: The most data that one packet carries.
MAX_DATA = 65516
#: Below the header's own length stand the special packets: flush, delimiter, response end.
_HEADER = 4
_HEX = re.compile(rb"[0-9a-fA-F]{4}")


def packet(data: bytes) -> bytes:
    """One packet that carries *data*."""
    if len(data) > MAX_DATA:
        raise ValueError(f"a packet carries at most {MAX_DATA} bytes, not {len(data)}")
    return b"%04x%b" % (len(data) + _HEADER, data)


def data_of(whole: bytes) -> bytes:
    """What a packet carries."""
    return whole[_HEADER:]


class PacketSplitter:
    """Cuts a stream that arrives in arbitrary pieces into whole packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def rest(self) -> bytes:
        """What has been fed and not yet been taken as a packet."""
        return bytes(self._buffer)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Add *piece* and take the whole packets, headers included.

        Stop iterating at a flush packet to leave what follows it (a pack, say) in `rest`.
        Raises BadRequest where the stream is not made of packets.
        """
        self._buffer += piece
        while len(self._buffer) >= _HEADER:
            length = self._length()
            if len(self._buffer) < length:
                return
            whole = bytes(self._buffer[:length])
            del self._buffer[:length]
            yield whole

    def _length(self) -> int:
        header = bytes(self._buffer[:_HEADER])
        length = int(header, 16) if _HEX.fullmatch(header) else -1
        if length in (-1, _HEADER - 1) or length > MAX_DATA + _HEADER:
            raise BadRequest(f"the stream is not in git's packet format: a packet begins with {header!r}")
        return max(length, _HEADER)
