"""Chores, as every driver does them: files into archives and back, and key templates."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from tests.pods.worlds import World, chore, finished, made, once, prepare, run, shell
from tidemill.core.plan import Content
from tidemill.pods import Pack, PodLost, Render, Unpack

pytestmark = pytest.mark.anyio

EVERYTHING = Pack((Content(source_dir="."),))


async def unexpected() -> AsyncIterator[bytes]:
    """An archive that nobody may ask for."""
    raise AssertionError("this archive was asked for")
    yield b""


async def test_files_go_from_one_pod_to_another(world: World) -> None:
    """An archive of a directory is unpacked below another, relative to the working directory."""
    one, two = await prepare(world, "one"), await prepare(world, "two")
    await run(one, shell(world.write("out/a.txt", "hello"), working_dir="~/project"))
    pack = Pack((Content(source_dir="~/project/out", dest_dir="in", paths=("*.txt",)),))
    code, said = await finished(one, chore(pack))
    assert (code, said) == (0, b"~/project/out: 1 file, 6 B\n")
    code, said = await finished(two, chore(Unpack("there")), once(await made(one, "chore")))
    assert (code, said) == (0, b"1 entry, 6 B\n")
    _, output = await run(two, shell("cat there/in/a.txt", working_dir="~/project"))
    assert output == b"hello\n"


async def test_a_chore_that_fails_says_why(world: World) -> None:
    """Its exit code is 1, and a sentence is its output."""
    pod = await prepare(world)
    code, said = await finished(pod, chore(Pack((Content(source_dir="none"),))))
    assert code == 1
    assert b"cannot read the directory" in said
    assert b"No such file or directory" in said


async def test_an_archive_is_not_trusted(world: World) -> None:
    """What is none is damaged."""
    pod = await prepare(world)
    code, said = await finished(pod, chore(Unpack("")), once(b"x" * 10_000))
    assert code == 1
    assert b"the archive is damaged" in said


async def test_unpacking_twice_finds_what_is_there(world: World) -> None:
    """Nothing is replaced, also when another chore asks for it."""
    pod = await prepare(world)
    await run(pod, shell(world.write("a.txt", "hello"), working_dir="~/project"))
    await finished(pod, chore(EVERYTHING))
    archive = await made(pod, "chore")
    code, said = await finished(pod, chore(Unpack(""), "again"), once(archive))
    assert (code, said) == (1, b"'a.txt' exists already\n")


async def test_a_template_is_evaluated_where_the_task_is(world: World) -> None:
    """With its environment, in its directory."""
    pod = await prepare(world)
    await run(pod, shell(world.write("go.sum", "one"), working_dir="~/project"))
    template = Render('{{ md5sum "go.sum" }}-{{ env "A" }}')
    code, said = await finished(pod, chore(template, environment={"A": "b"}))
    assert (code, said) == (0, b"")
    assert await made(pod, "chore") == f"{hashlib.md5(b'one' + bytes([10])).hexdigest()}-b".encode()


async def test_a_template_that_is_not_understood_says_why(world: World) -> None:
    """As any chore that fails."""
    pod = await prepare(world)
    code, said = await finished(pod, chore(Render("{{ nonsense }}")))
    assert code == 1
    assert b"there is no function 'nonsense'" in said


async def test_a_chore_is_done_once(world: World) -> None:
    """Whoever adopts the pod may ask again: its archive is neither fetched nor unpacked a second time."""
    pod = await prepare(world)
    await run(pod, shell(world.write("a.txt", "hello"), working_dir="~/project"))
    await finished(pod, chore(EVERYTHING))
    archive = await made(pod, "chore")
    assert (await finished(pod, chore(Unpack("there"), "unpack"), once(archive)))[0] == 0
    adopted = await world.driver.adopt("pod")
    assert (await finished(adopted, chore(Unpack("there"), "unpack"), unexpected()))[0] == 0
    assert (await finished(adopted, chore(EVERYTHING)))[0] == 0
    assert await made(adopted, "chore") == archive


async def test_an_archive_that_breaks_off_is_not_unpacked(world: World) -> None:
    """What its source raises is raised, and the chore can be started again."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 512
        raise ConnectionError("cut")

    pod = await prepare(world)
    await run(pod, shell(world.write("a.txt", "hello"), working_dir="~/project"))
    await finished(pod, chore(EVERYTHING))
    archive = await made(pod, "chore")
    with pytest.raises(ConnectionError, match="cut"):
        await pod.do(chore(Unpack("there"), "unpack"), broken())
    assert (await finished(pod, chore(Unpack("there"), "unpack"), once(archive)))[0] == 0


async def test_a_closed_pod_does_no_chores(world: World) -> None:
    """After its end a pod is lost."""
    pod = await prepare(world)
    await pod.close()
    with pytest.raises(PodLost):
        await pod.do(chore(EVERYTHING))
    with pytest.raises(PodLost):
        await made(pod, "chore")
