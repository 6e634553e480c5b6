"""Following over connections that break: every byte once, and an end to it when the server stays away."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.conftest import completed
from tests.cli.scissors import Scissors
from tests.system.server import User, Work, config
from tidemill.cli import resuming
from tidemill.cli.resuming import Persistence, resumed
from tidemill.errors import NotFound, Unavailable

LINES = 3000
PRINTS = f"i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); done; sleep 0.5; echo end"
EXPECTED = [*(f"line {number}" for number in range(LINES)), "end"]


@pytest.fixture
def work(alice: User, tmp_path: Path) -> Work:
    """A run that prints some lines, pauses, and ends."""
    made = Work(tmp_path / "work", alice.project(f"broken{uuid4().hex[:8]}"))
    made.commit(config(PRINTS))
    made.push()
    return made


def test_a_log_is_followed_over_broken_connections(alice: User, work: Work) -> None:
    """`log get -f` and `log get` print each byte once though no connection lasts."""
    for follow in (["-f"], []):
        with Scissors(alice.server.url, bytes=9000) as line:
            environment = {"TIDEMILL_GATEWAY_URL": line.url, "TIDEMILL_TOKEN": alice.token}
            answer = completed("log", "get", *follow, work.project.path, "1", environment=environment)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.splitlines() == EXPECTED
        assert line.cuts >= 3


def test_a_run_is_watched_over_broken_connections(alice: User, work: Work) -> None:
    """`run watch` shows each line once though no connection lasts."""
    with Scissors(alice.server.url, bytes=9000) as line:
        environment = {"TIDEMILL_GATEWAY_URL": line.url, "TIDEMILL_TOKEN": alice.token}
        answer = completed("run", "watch", work.project.path, "1", environment=environment)
    assert (answer.code, answer.err) == (0, "")
    assert [text[7:] for text in answer.out.splitlines() if text.startswith("task | ")] == EXPECTED
    assert line.cuts >= 3


class Source:
    """A stream of ten bytes that breaks after each, and a clock that its pauses move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.opened: list[int] = []
        self.is_barren = False
        monkeypatch.setattr("tidemill.cli.resuming.time.monotonic", lambda: self.now)
        monkeypatch.setattr("tidemill.cli.resuming.anyio.sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds

    async def open_at(self, offset: int) -> AsyncIterator[bytes]:
        self.opened.append(offset)
        return self._bytes(offset)

    async def _bytes(self, offset: int) -> AsyncIterator[bytes]:
        if offset < 10:
            if not self.is_barren:
                yield bytes([offset])
            raise Unavailable("cut")


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    return Source(monkeypatch)


@pytest.mark.anyio
async def test_a_stream_goes_on_where_it_broke(source: Source) -> None:
    """Each new connection asks from the first byte that has not come."""
    assert [block async for block in resumed(source.open_at)] == [bytes([byte]) for byte in range(10)]
    assert source.opened == list(range(11))


@pytest.mark.anyio
async def test_a_server_that_never_answered_is_not_asked_again(source: Source) -> None:
    """Whoever names a server that is not there hears it at once."""

    async def nobody(_: int) -> AsyncIterator[bytes]:
        raise Unavailable("nobody is there")

    with pytest.raises(Unavailable, match="nobody is there"):
        await anext(resumed(nobody))
    assert source.now == 0


@pytest.mark.anyio
async def test_a_server_that_stays_away_is_given_up(source: Source) -> None:
    """Without a byte of progress for a minute the last error is raised, however often it opened."""

    stream = resumed(source.open_at)
    assert await anext(stream) == b"\x00"
    source.is_barren = True
    source.opened.clear()
    with pytest.raises(Unavailable, match="cut"):
        await anext(stream)
    assert resuming.PATIENCE < source.now < resuming.PATIENCE + 5
    assert 15 < len(source.opened) < 60


@pytest.mark.anyio
async def test_absence_ends_a_stream(source: Source) -> None:
    """What the server knows not to exist is not asked for again."""

    async def nothing(_: int) -> AsyncIterator[bytes]:
        raise NotFound("no such log")

    with pytest.raises(NotFound):
        await anext(resumed(nothing))


def test_a_long_silence_was_no_failure(source: Source) -> None:
    """A stream that was open for long did work: when it breaks, patience begins anew."""
    persistence = Persistence()
    for _ in range(5):
        persistence.opened()
        source.now += resuming.PATIENCE + 1
        persistence.broke(Unavailable("cut"))
    source.now += resuming.PATIENCE + 1
    with pytest.raises(Unavailable):
        persistence.broke(Unavailable("cut"))
