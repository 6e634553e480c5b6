"""Git's wire format: packets, the commands of a push, the report, the sideband."""

from collections.abc import AsyncIterator

import anyio
import pytest

from tidemill.errors import BadRequest, TooLarge
from tidemill.kit.git.pktline import FLUSH, MAX_DATA, PacketSplitter, data_of, packet
from tidemill.kit.git.push import (
    MAX_COMMAND_BYTES,
    PushRequest,
    Report,
    parse_report,
    read_push_request,
    refusal,
)
from tidemill.kit.git.sideband import DATA, PROGRESS, ROOM, enveloped, tap

OLD = "1" * 40
NEW = "2" * 40
NONE = "0" * 40
WIDE = frozenset({"side-band-64k", "report-status"})


def read(*pieces: bytes) -> tuple[PushRequest, bytes]:
    """The request that the pieces hold, and what its reader left."""

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def run() -> tuple[PushRequest, bytes]:
        source = body()
        request = await read_push_request(source)
        return request, b"".join([piece async for piece in source])

    return anyio.run(run)


def test_packets_survive_any_cut() -> None:
    """Packets come out whole however the stream was cut."""
    stream = packet(b"one\n") + FLUSH + packet(b"x" * MAX_DATA) + b"0001" + packet(b"")
    for step in (1, 3, 7, 65536):
        splitter = PacketSplitter()
        whole = [w for i in range(0, len(stream), step) for w in splitter.feed(stream[i : i + step])]
        assert [data_of(w) for w in whole] == [b"one\n", b"", b"x" * MAX_DATA, b"", b""]
        assert whole[1] == FLUSH
        assert b"".join(whole) == stream
        assert splitter.rest == b""


@pytest.mark.parametrize("nonsense", [b"GET / HTTP", b"0003", b"+0a1data", b" 0a1", b"fff5"])
def test_what_is_no_packet_is_refused(nonsense: bytes) -> None:
    """A header that is not four hexadecimal digits of a possible length is an error."""
    with pytest.raises(BadRequest, match="packet format"):
        list(PacketSplitter().feed(nonsense))


def test_a_packet_has_a_largest_size() -> None:
    with pytest.raises(ValueError, match="at most"):
        packet(b"x" * (MAX_DATA + 1))


def test_commands_are_read_and_the_pack_is_left() -> None:
    """The commands, their capabilities, and every byte of the body, are there for git."""
    commands = (
        packet(b"shallow " + OLD.encode() + b"\n")
        + packet(f"{OLD} {NEW} refs/heads/ünï\0 report-status side-band-64k agent=git/2".encode())
        + packet(f"{OLD} {NONE} refs/tags/v1\n".encode())
        + FLUSH
    )
    request, rest = read(commands[:50], commands[50:] + b"PACK1", b"PACK2")
    assert [(c.ref, c.old, c.new) for c in request.commands] == [
        ("refs/heads/ünï", OLD, NEW),
        ("refs/tags/v1", OLD, NONE),
    ]
    assert request.capabilities == {"report-status", "side-band-64k", "agent=git/2"}
    assert request.head + rest == commands + b"PACK1PACK2"
    assert rest == b"PACK2"


def test_capabilities_add_up() -> None:
    """A client that lists some with each command means all of them, as git reads it."""
    lines = (f"{OLD} {NEW} refs/heads/a\0atomic", f"{OLD} {NEW} refs/heads/b\0report-status")
    request, _ = read(b"".join(packet(line.encode()) for line in lines) + FLUSH)
    assert request.capabilities == {"atomic", "report-status"}


def test_a_probe_has_no_commands() -> None:
    """The flush that git sends ahead of a large push is a request without commands."""
    request, _ = read(FLUSH)
    assert request.commands == ()


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        f"{OLD} {NEW}".encode(),
        f"{OLD} {NEW} a b".encode(),
        f"{OLD} zz refs/x".encode(),
        b"\xff" * 90,
    ],
)
def test_a_wrong_command_is_named(line: bytes) -> None:
    with pytest.raises(BadRequest):
        read(packet(line) + FLUSH)


def test_a_name_that_is_not_text_is_refused() -> None:
    with pytest.raises(BadRequest, match="UTF-8"):
        read(packet(f"{OLD} {NEW} refs/heads/".encode() + b"\xff") + FLUSH)


def test_an_unfinished_list_is_refused() -> None:
    with pytest.raises(BadRequest, match="ended before"):
        read(packet(f"{OLD} {NEW} refs/heads/x".encode()))


def test_an_endless_list_is_refused() -> None:
    line = packet(f"{OLD} {NEW} refs/heads/{'x' * 60000}".encode())
    with pytest.raises(TooLarge):
        read(*[line] * (MAX_COMMAND_BYTES // len(line) + 1))


def test_a_report_says_what_happened_to_each_ref() -> None:
    """Both versions of report-status; an option line belongs to the ref above it."""
    report = parse_report(
        packet(b"unpack ok\n")
        + packet(b"ok refs/heads/a\n")
        + packet(b"option refname refs/heads/b\n")
        + packet(b"ng refs/heads/c non-fast-forward today\n")
        + FLUSH
    )
    assert report
    assert report.unpacked == "ok"
    assert report.refs == {"refs/heads/a": "", "refs/heads/c": "non-fast-forward today"}


@pytest.mark.parametrize("capabilities", [WIDE, frozenset({"side-band"}), frozenset({"report-status"})])
def test_a_refusal_is_read_as_a_report(capabilities: frozenset[str]) -> None:
    """What we say of a push that was refused whole is what a client reads from git, in either sideband."""
    reasons = {f"refs/heads/{'x' * 400}{number}": "atomic push failure" for number in range(400)}
    answer = enveloped(refusal(reasons), capabilities)
    listener = tap(capabilities)
    for i in range(0, len(answer), 1000):
        listener.feed(answer[i : i + 1000])
    assert parse_report(bytes(listener.data)) == Report(unpacked="ok", refs=reasons)
    assert listener.is_ended == (capabilities != {"report-status"})
    room = next((ROOM[name] for name in ROOM if name in capabilities), MAX_DATA)
    assert all(len(data_of(whole)) <= room + 1 for whole in PacketSplitter().feed(answer))


def test_half_a_report_is_none() -> None:
    assert parse_report(packet(b"unpack ok\n") + packet(b"ok refs/heads/a\n")) is None


def test_the_tap_keeps_data_and_holds_the_end_back() -> None:
    """Everything but the final flush is passed on unchanged; the data of band 1 is kept."""
    report = packet(b"unpack ok\n") + FLUSH
    stream = (
        packet(PROGRESS + b"working\n") + packet(DATA) + packet(DATA + report[:5]) + packet(DATA + report[5:])
    )
    for step in (1, 5, 1000):
        whole = stream + FLUSH
        answer = tap(WIDE)
        passed = b"".join(answer.feed(whole[i : i + step]) for i in range(0, len(whole), step))
        assert passed == stream
        assert answer.data == report
        assert answer.is_ended
        assert answer.end() == FLUSH


def test_the_tap_passes_on_what_is_no_sideband() -> None:
    """When git dies with a plain text message, the client gets it, and no end that git did not come to."""
    answer = tap(WIDE)
    passed = answer.feed(packet(DATA + b"x")) + answer.feed(b"fatal: out") + answer.feed(b" of memory")
    assert passed == packet(DATA + b"x") + b"fatal: out of memory"
    assert answer.say(["a"]) + answer.end() == b""


def test_without_a_sideband_the_answer_is_the_report() -> None:
    answer = tap(frozenset({"report-status"}))
    report = packet(b"unpack ok\n") + FLUSH
    assert answer.feed(report[:7]) + answer.feed(report[7:]) == report
    assert answer.data == report
    assert answer.say(["a"]) + answer.end() == b""


def test_progress_fits_the_clients_packets() -> None:
    """Long text is cut to what the client's sideband carries."""
    for capability, room in ROOM.items():
        packets = list(PacketSplitter().feed(tap(frozenset({capability})).say(["a" * 70000, "b"])))
        assert all(data_of(p)[:1] == PROGRESS and len(data_of(p)) <= room + 1 for p in packets)
        assert b"".join(data_of(p)[1:] for p in packets) == b"a" * 70000 + b"\nb\n"


def test_progress_cannot_steer_a_terminal() -> None:
    """Escape sequences and line ends inside a line become spaces."""
    (one,) = PacketSplitter().feed(tap(WIDE).say(["a\x1b[2Jb\nc\r"]))
    assert data_of(one) == PROGRESS + b"a [2Jb c \n"
