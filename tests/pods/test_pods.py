"""What every driver promises: one suite for all of them."""

import anyio
import pytest

from tests.pods.worlds import World, ended, has_output, prepare, run, shell, until
from tidemill.pods import PodLost, PodSpec

pytestmark = pytest.mark.anyio


async def test_a_command_tells_output_and_exit_code(world: World) -> None:
    """Output, its size, the exit code and both times are known at the end."""
    pod = await prepare(world)
    progress, output = await run(pod, shell("echo one\necho two\nexit 3"))
    assert output == b"one\ntwo\n"
    assert (progress.exit_code, progress.error) == (3, "")
    assert progress.started_at is not None
    assert progress.ended_at is not None
    assert progress.started_at <= progress.ended_at


async def test_a_command_sees_its_environment(world: World) -> None:
    """Variables given with a command are the command's."""
    pod = await prepare(world)
    _, output = await run(pod, shell("echo $GREETING", environment={"GREETING": "good morning"}))
    assert output == b"good morning\n"


async def test_starting_twice_starts_once(world: World) -> None:
    """The key makes a repeated start harmless, while the command runs and afterwards."""
    pod = await prepare(world)
    command = shell(f"echo once\n{world.wait('gate')}")
    await pod.start(command)
    await has_output(pod, b"once\n")
    await pod.start(command)
    await world.release(pod, "gate")
    await ended(pod)
    await pod.start(command)
    assert (await ended(pod)).exit_code == 0
    assert await pod.read("step", 0, 100) == b"once\n"


async def test_progress_is_told_while_a_command_runs(world: World) -> None:
    """A follower learns of output before the command has ended, and of the end last."""
    pod = await prepare(world)
    await pod.start(shell(f"echo before\n{world.wait('gate')}\necho after"))
    running = await until(pod, "step", lambda progress: progress.size > 0)
    assert (running.size, running.ended, running.exit_code) == (7, False, None)
    await world.release(pod, "gate")
    assert (await ended(pod)).size == 13


async def test_two_followers_learn_the_same(world: World) -> None:
    """Following takes nothing from others who follow."""
    pod = await prepare(world)
    await pod.start(shell(f"echo before\n{world.wait('gate')}"))
    ends = []

    async def follow() -> None:
        ends.append(await ended(pod))

    async with anyio.create_task_group() as followers:
        followers.start_soon(follow)
        followers.start_soon(follow)
        await has_output(pod, b"before\n")
        await world.release(pod, "gate")
    assert ends[0] == ends[1]
    assert ends[0].exit_code == 0


async def test_output_is_read_in_parts(world: World) -> None:
    """A reader says from where and how much; behind the end there is nothing."""
    pod = await prepare(world)
    await run(pod, shell("echo 0123456789"))
    assert await pod.read("step", 3, 4) == b"3456"
    assert await pod.read("step", 9, 100) == b"9\n"
    assert await pod.read("step", 11, 100) == b""


async def test_a_command_that_is_not_found_ends_with_127(world: World) -> None:
    """The output says what was not found."""
    pod = await prepare(world)
    progress, output = await run(pod, shell("no-such-command"))
    assert progress.exit_code == 127
    assert b"no-such-command" in output
    assert b"not found" in output


async def test_stop_ends_a_command(world: World) -> None:
    """TERM ends what waits, and the exit code shows the signal."""
    pod = await prepare(world)
    await pod.start(shell(f"echo ready\n{world.wait('gate')}"))
    await has_output(pod, b"ready\n")
    await pod.stop("step", 30.0)
    assert (await ended(pod)).exit_code == 128 + 15


async def test_stop_kills_who_ignores_it(world: World) -> None:
    """KILL follows after the grace."""
    pod = await prepare(world)
    await pod.start(shell(f"{world.ignore_term}\necho ready\n{world.wait('gate')}"))
    await has_output(pod, b"ready\n")
    await pod.stop("step", 0.05)
    assert (await ended(pod)).exit_code == 128 + 9


async def test_a_pod_is_adopted_with_its_commands(world: World) -> None:
    """Whoever adopts a pod follows what was started before, and may start it again without harm."""
    first = await prepare(world)
    command = shell(f"echo before\n{world.wait('gate')}\necho after\nexit 5")
    await first.start(command)
    await has_output(first, b"before\n")
    pod = await world.driver.adopt("pod")
    await pod.start(command)
    await world.release(pod, "gate")
    assert (await ended(pod)).exit_code == 5
    assert await pod.read("step", 0, 100) == b"before\nafter\n"


async def test_what_is_not_there_is_lost(world: World) -> None:
    """No pod of that id, and no command of that key."""
    with pytest.raises(PodLost):
        await world.driver.adopt("nobody")
    pod = await prepare(world)
    with pytest.raises(PodLost):
        await ended(pod, "never-started")


async def test_a_dead_pod_is_lost_to_its_followers(world: World) -> None:
    """A pod that dies under a command raises `PodLost` in whoever follows, and does not hang."""
    pod = await prepare(world)
    await pod.start(shell(f"echo ready\n{world.wait('gate')}"))
    await has_output(pod, b"ready\n")

    async def follow() -> None:
        with pytest.raises(PodLost):
            await ended(pod)

    async with anyio.create_task_group() as followers:
        followers.start_soon(follow)
        await world.kill(pod)


async def test_pods_are_left_over_until_removed(world: World) -> None:
    """`leftovers` names pods until they are closed or removed; doing either again is harmless."""
    one = await prepare(world, "one")
    await prepare(world, "two")
    assert sorted(await world.driver.leftovers()) == ["one", "two"]
    await one.close()
    await one.close()
    assert await world.driver.leftovers() == ["two"]
    await world.driver.remove("two")
    await world.driver.remove("two")
    assert await world.driver.leftovers() == []
    with pytest.raises(PodLost):
        await world.driver.adopt("two")


async def test_a_closed_pod_starts_nothing(world: World) -> None:
    """After its end a pod is lost."""
    pod = await prepare(world)
    await pod.close()
    with pytest.raises(PodLost):
        await pod.start(shell("echo too late"))


async def test_making_a_pod_says_something(world: World) -> None:
    """The setup log hears what kind of pod it is."""
    said: list[str] = []
    await world.driver.prepare(PodSpec(id="pod", working_dir="~"), said.append)
    assert said


async def test_too_much_output_is_counted_and_thrown_away(world: World) -> None:
    """The command goes on to its own end; what it has printed before stays."""
    pod = await prepare(world)
    script = f"echo 0123456789\n{world.wait('gate')}\necho beyond\nexit 3"
    await pod.start(shell(script, most=7))
    running = await until(pod, "step", lambda progress: progress.left_out > 0)
    assert (running.size, running.left_out, running.ended) == (7, 4, False)
    await world.release(pod, "gate")
    end = await ended(pod)
    assert (end.size, end.left_out, end.exit_code) == (7, 11, 3)
    assert await pod.read("step", 0, 100) == b"0123456"
    assert await (await world.driver.adopt("pod")).read("step", 5, 100) == b"56"


async def test_output_of_just_the_limit_is_whole(world: World) -> None:
    """Nothing is left out then."""
    pod = await prepare(world)
    progress, output = await run(pod, shell("echo 123456", most=7))
    assert (progress.left_out, output) == (0, b"123456\n")
