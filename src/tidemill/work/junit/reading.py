"""Having reports read: by a child process that may die of them."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import msgspec

import tidemill
from tidemill.core.reports import LARGEST, LONGEST_MESSAGE, LONGEST_TEXT, FailedCase, Reported
from tidemill.work.junit.child import Answer
from tidemill.work.masking import Mask

_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from tidemill.work.junit.child import main; main()"
_SECONDS = 60.0
_LARGEST_ANSWER = 32 << 20
_LARGEST_ARCHIVE = 512 << 20

_NOTHING = Reported()


async def read_reports(archive: AsyncIterator[bytes], mask: Mask) -> Answer:
    """What the reports of a tar stream say, secrets masked; whatever is wrong with them is a warning."""
    process = await _start()
    try:
        with anyio.fail_after(_SECONDS):
            answer = await _converse(process, archive)
    except TimeoutError:
        return _failed(f"reading the reports takes longer than {_SECONDS:g} s")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with anyio.CancelScope(shield=True):
            await process.wait()
    try:
        found = msgspec.json.decode(answer, type=Answer)
    except msgspec.MsgspecError:
        return _failed("the reports are too large to be read, or take too long")
    return Answer(reported=_masked(found.reported, mask), warnings=found.warnings)


async def _start() -> asyncio.subprocess.Process:
    """The child finds its modules where this process has them; it inherits nothing else."""
    modules = [str(Path(tidemill.__file__).parents[1]), *(path for path in sys.path if path)]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", "-X", "utf8", "-c", _PROGRAM, *modules),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )


async def _converse(process: asyncio.subprocess.Process, archive: AsyncIterator[bytes]) -> bytes:
    """Its answer; raises what *archive* raises."""
    hearing = asyncio.create_task(_hear(process))
    try:
        await _tell(process, archive)
        return await hearing
    finally:
        hearing.cancel()


async def _hear(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None, "it is a pipe"
    answer = b""
    while len(answer) <= _LARGEST_ANSWER and (block := await process.stdout.read(1 << 20)):
        answer += block
    return answer


async def _tell(process: asyncio.subprocess.Process, archive: AsyncIterator[bytes]) -> None:
    """Hand the archive on, as long as the child wants it."""
    assert process.stdin is not None, "it is a pipe"
    size = 0
    async for chunk in archive:
        size += len(chunk)
        if size > _LARGEST_ARCHIVE or not await _is_taken(process.stdin, chunk):
            break
    process.stdin.close()


async def _is_taken(pipe: asyncio.StreamWriter, chunk: bytes) -> bool:
    try:
        pipe.write(chunk)
        await pipe.drain()
    except ConnectionError:
        return False
    return True


def _failed(why: str) -> Answer:
    return Answer(reported=_NOTHING, warnings=(why,))


def _masked(reported: Reported, mask: Mask) -> Reported:
    """Without secrets, texts cut to what is kept."""
    left = LARGEST
    kept = []
    for case in reported.failed:
        hidden = FailedCase(
            kind=case.kind,
            suite=_hidden(case.suite, mask),
            classname=_hidden(case.classname, mask),
            name=_hidden(case.name, mask),
            message=_hidden(case.message, mask)[:LONGEST_MESSAGE],
            text=_hidden(case.text, mask)[:LONGEST_TEXT],
            seconds=case.seconds,
        )
        left -= sum(len(text) for text in (hidden.suite, hidden.classname, hidden.name, hidden.message))
        if left < 0:
            break
        hidden = msgspec.structs.replace(hidden, text=hidden.text[:left])
        left -= len(hidden.text)
        kept.append(hidden)
    return msgspec.structs.replace(reported, failed=tuple(kept))


def _hidden(text: str, mask: Mask) -> str:
    stream = mask.stream()
    return (stream.feed(text.encode()) + stream.finish()).decode(errors="replace")
