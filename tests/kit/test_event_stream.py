"""Event streams as the standard has them: read the same however they are cut, resumed behind what was told."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.kit.event_stream import Message, Parser, message, messages, position

#: What the examples of the standard hold (WHATWG HTML, section 9.2.6), and then some.
TEXT = (
    b"\xef\xbb\xbf: a comment\n\n"
    b"data: YHOO\ndata: +2\ndata: 10\n\n"
    b"id: 1\nevent: add\ndata: 73857293\n\n"
    b"data\n\ndata\ndata\n\ndata:\n\n"
    b"id: 2\n\n"
    b"retry: 10\ndata:  two spaces\r\n\r\n"
    b"unknown: x\rid: 3\revent: ended\rdata: \xc3\xa4\r\r"
    b"id: \x00\ndata: no new id\n\n"
    b"event: nothing\n\n"
    b"data: plain again\nid\n\n"
    b"id: 9\ndata: it was never complete\n"
)
TOLD = [
    Message(id="", event="message", data="YHOO\n+2\n10"),
    Message(id="1", event="add", data="73857293"),
    Message(id="1", event="message", data=""),
    Message(id="1", event="message", data="\n"),
    Message(id="1", event="message", data=""),
    Message(id="2", event="message", data=" two spaces"),
    Message(id="3", event="ended", data="ä"),
    Message(id="3", event="message", data="no new id"),
    Message(id="", event="message", data="plain again"),
]


@given(st.lists(st.integers(0, len(TEXT))))
def test_a_stream_is_read_the_same_however_it_is_cut(cuts: list[int]) -> None:
    """Also between the two characters of a line's end, and within one of UTF-8."""
    parser = Parser()
    edges = [0, *sorted(cuts), len(TEXT)]
    told = [one for a, b in pairwise(edges) for one in parser.feed(TEXT[a:b])]
    assert told == TOLD
    assert parser.last_id == ""


@given(st.integers(0, 200), st.integers(0, 200))
def test_what_a_break_has_cut_is_told_by_the_next_stream(first: int, second: int) -> None:
    """Streams that begin behind the last id together tell each message once, wherever they break."""
    pieces = [position("a-0"), *(message(f"a-{n}", "run", b'{"number":%d}' % n) for n in range(1, 7))]
    told: list[str] = []
    last_id = "a-0"
    for cut in (first, second, None):
        parser = Parser(last_id)
        rest = pieces[int(last_id.removeprefix("a-")) + 1 :]
        told += [one.id for one in parser.feed(b"".join([position(last_id), *rest])[:cut])]
        last_id = parser.last_id
    assert told == [f"a-{n}" for n in range(1, 7)]


def test_a_position_tells_nothing_and_is_remembered() -> None:
    """It is what a reader goes on behind who was told nothing for long."""
    parser = Parser("a-1")
    assert parser.feed(position("a-17")) == []
    assert parser.last_id == "a-17"


@pytest.mark.anyio
async def test_messages_of_a_stream_that_breaks(anyio_backend: str) -> None:
    """The break is the reader's to see, and the parser knows where."""

    async def chunks() -> AsyncIterator[bytes]:
        yield message("a-1", "run", b"{}") + b"id: a-2\nda"
        raise ConnectionError("cut")

    parser = Parser()
    async with aclosing(messages(chunks(), parser)) as stream:
        assert await anext(stream) == Message(id="a-1", event="run", data="{}")
        with pytest.raises(ConnectionError):
            await anext(stream)
    assert parser.last_id == "a-1"
