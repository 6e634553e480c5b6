"""`tidemill exec`: the plan of the working tree, done here and now."""

import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import anyio
import structlog
from anyio import to_thread
from cyclopts import Parameter

from tidemill.cli.causes import first_of
from tidemill.cli.exec.artifacts import hand_out, kept_by, told
from tidemill.cli.exec.fragile_view import FragileView
from tidemill.cli.exec.local_run import LocalRun, Workshop, only
from tidemill.cli.exec.snapshot import Snapshot, take_snapshot
from tidemill.cli.exec.summary import summary, tests_of
from tidemill.cli.given import pairs, read_values
from tidemill.cli.live import view
from tidemill.cli.occasion import Wanted, wanted_event, wanted_ref
from tidemill.cli.output import print_no_more
from tidemill.cli.places import find_root
from tidemill.cli.problems import explain
from tidemill.cli.usage import WRONG_USAGE
from tidemill.core.artifacts import folder_of
from tidemill.core.context import Context, Event
from tidemill.core.definition.faults import nearest
from tidemill.core.environment import static_environment
from tidemill.core.plan import Plan
from tidemill.core.refs import Ref
from tidemill.errors import BadRequest, Failure
from tidemill.planning.planned import TIDEMILL_FOLDER, Planned
from tidemill.planning.planner import Planner
from tidemill.planning.tree import WorkingTree
from tidemill.pods import Driver

_HELP = "The directory whose configuration is run."
_ARTIFACTS = "Where artifacts are put, below the run's and the task's name; without it they are only listed."
_CACHES = "Where caches are kept for the next time; without it they last as long as the command."
_CLEARING = 30.0
"""Seconds for all that is at work to be ended and removed."""


def exec_(
    run: Annotated[str | None, Parameter(help="The run to do; all that are made when left out.")] = None,
    /,
    *,
    task: Annotated[list[str], Parameter(help="Only this task and what it needs; may be repeated.")] = [],  # noqa: B006
    dir: Annotated[Path, Parameter(help=_HELP)] = Path(),
    branch: Annotated[str | None, Parameter(help="As if this branch had been pushed.")] = None,
    tag: Annotated[str | None, Parameter(help="As if this tag had been pushed.")] = None,
    pull_request: Annotated[str | None, Parameter(help="As if for the pull request of this number.")] = None,
    event: Annotated[Event | None, Parameter(help="What the run is made for.")] = None,
    input: Annotated[list[str], Parameter(help="NAME=VALUE of an input.")] = [],  # noqa: B006
    var: Annotated[list[str], Parameter(help="NAME=VALUE of a variable.")] = [],  # noqa: B006
    var_file: Annotated[list[Path], Parameter(help="YAML or JSON file of variables.")] = [],  # noqa: B006
    secret_file: Annotated[
        list[Path], Parameter(help="The same, kept out of the command line; over --var-file.")
    ] = [],  # noqa: B006
    driver: Annotated[Literal["host", "docker"], Parameter(help="Where tasks are done.")] = "host",
    jobs: Annotated[int | None, Parameter(help="Tasks at once; as many as there are cores.")] = None,
    approve: Annotated[bool, Parameter(help="Approve tasks that need it.", negative="")] = False,
    cache_dir: Annotated[Path | None, Parameter(help=_CACHES)] = None,
    artifacts_dir: Annotated[Path | None, Parameter(help=_ARTIFACTS)] = None,
) -> int:
    """Run the working tree's configuration here and now, without a server.

    Uncommitted changes are part of it, files that git ignores are not. Tasks run in parallel as their
    graph allows. The exit code is 0 when every run succeeds. Nothing is left behind but caches and
    artifacts, where `--cache-dir` and `--artifacts-dir` say so.
    """
    if driver == "docker":
        raise BadRequest("the docker driver is not there yet: use --driver host", code=WRONG_USAGE)
    if jobs is not None and jobs < 1:
        raise BadRequest("--jobs must be 1 or more", code=WRONG_USAGE)
    inputs = pairs(input, "--input")
    wanted = Wanted(branch=branch, tag=tag, pull_request=pull_request, event=event, inputs=inputs)
    ref = wanted_ref(wanted)
    occasion = (ref, wanted_event(wanted, ref), inputs)
    values: dict[str, str] = {}
    for path in (*var_file, *secret_file):
        values |= read_values(path)
    values |= pairs(var, "--var")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    root = find_root(dir)
    place = Path(tempfile.mkdtemp(prefix="tidemill-exec-"))
    caches = cache_dir.resolve() if cache_dir else place / "caches"
    slots = jobs or os.cpu_count() or 1
    command = _Command(root, place, values, slots, approve=approve, caches=caches, artifacts=artifacts_dir)
    try:
        try:
            return anyio.run(command.run, run, task, occasion)
        except BaseExceptionGroup as group:
            raise first_of(group) from None
    except BrokenPipeError:
        print_no_more()
        return 128 + signal.SIGPIPE  # it is not done, which a 0 would say
    finally:
        shutil.rmtree(place, ignore_errors=True)


class _Command:
    """One invocation."""

    def __init__(
        self,
        root: Path,
        place: Path,
        values: Mapping[str, str],
        slots: int,
        *,
        approve: bool,
        caches: Path,
        artifacts: Path | None,
    ) -> None:
        self._root = root
        self._place = place
        self._values = values
        self._slots = slots
        self._approve = approve
        self._caches = caches
        self._artifacts = artifacts
        self._current: LocalRun | None = None
        self._all: anyio.CancelScope
        self._signals: list[int] = []
        self._unprinted: OSError | None = None

    async def run(
        self, name: str | None, tasks: Sequence[str], occasion: tuple[Ref | None, Event, Mapping[str, str]]
    ) -> int:
        """Plan and do; the exit code. Whatever ends it, nothing is left that runs."""
        code, self._all = 1, anyio.CancelScope()
        async with anyio.create_task_group() as group:
            await group.start(self._listen)
            with self._all:
                code = await self._plan_and_do(name, tasks, occasion)
            group.cancel_scope.cancel()
        if self._unprinted is not None:
            raise self._unprinted
        return 128 + self._signals[0] if self._signals else code

    async def _plan_and_do(
        self, name: str | None, tasks: Sequence[str], occasion: tuple[Ref | None, Event, Mapping[str, str]]
    ) -> int:
        ref, event, inputs = occasion
        planner = Planner()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(_shielded, planner.close)
            await planner.start()  # it loads while git is at work
            snapshot = await self._snapshot(ref)
            driver = self._driver(snapshot)
            stack.push_async_callback(_shielded, partial(_clear_away, driver))
            async with anyio.create_task_group() as beside:
                beside.start_soon(driver.start)
                context = _context(snapshot, event, inputs)
                planned = await planner.plan(WorkingTree(self._root), context)
            plans = self._chosen(planned, name, tasks)
            if plans is None:
                return 1
            if not driver.sandboxed:
                print(driver.notice, file=sys.stderr)
            return await self._do(plans, driver)

    async def _snapshot(self, ref: Ref | None) -> Snapshot:
        try:
            return await to_thread.run_sync(take_snapshot, self._root, self._place / "repository.git", ref)
        except Failure:
            await anyio.lowlevel.checkpoint()  # a Ctrl-C has ended git too: that is no failure of git's
            raise

    async def _do(self, plans: Sequence[Plan], driver: Driver) -> int:
        workshop = Workshop(
            driver=driver,
            place=self._place,
            caches=self._caches,
            values=self._values,
            slots=anyio.CapacityLimiter(self._slots),
            approve=self._approve,
        )
        is_success = True
        for number, plan in enumerate(plans, 1):
            is_success &= await self._one(plan, number, workshop)
            if self._signals:
                break
        return 0 if is_success else 1

    async def _one(self, plan: Plan, number: int, workshop: Workshop) -> bool:
        shown = FragileView(view(), self._cannot_print)
        self._current = LocalRun(plan, number, workshop, shown)
        try:
            run = await self._current.finish()
        finally:
            shown.close()
        kept = kept_by(run, self._current.artifacts)
        to = self._artifacts / folder_of(run.name) if self._artifacts else None
        lines = [
            *summary(run, plan, self._current.logs),
            *tests_of(run, self._current.reported),
            *told(kept, to),
        ]
        if to is not None:
            await to_thread.run_sync(hand_out, kept, to)
        print("\n" + "\n".join(lines))
        return run.result == "success"

    def _cannot_print(self, error: OSError) -> None:
        """Nobody would see the rest: do no more of it."""
        self._unprinted = error
        self._all.cancel()

    async def _listen(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """The first Ctrl-C stops what runs; the second one does not wait for it."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                self._signals.append(number)
                if self._current is None or len(self._signals) > 1:
                    self._all.cancel()
                    continue
                with suppress(OSError):  # the terminal may have gone
                    print("stopping; once more does not wait for `always` steps", file=sys.stderr)
                self._current.stop("you stopped it")

    def _chosen(self, planned: Planned, name: str | None, tasks: Sequence[str]) -> list[Plan] | None:
        """The plans to do, cut to *tasks*; None after saying why there are none."""
        explain((*planned.problems, *planned.warnings), sys.stderr)
        if planned.problems:
            return None
        if not planned.file:
            raise BadRequest(f"{self._root} has no configuration: write {TIDEMILL_FOLDER}/config.yml")
        made = {plan.name: plan for plan in planned.plans}
        if not made:
            raise BadRequest("; ".join(planned.skipped) or "the configuration makes no run here")
        if name is not None and name not in made:
            why = next((sentence for sentence in planned.skipped if repr(name) in sentence), "")
            raise BadRequest(
                why or f"there is no run {name!r}{nearest(name, made) or f': there are {_list(made)}'}"
            )
        plans = [made[name]] if name is not None else list(made.values())
        return [_cut(plan, tasks) for plan in plans] if tasks else plans

    def _driver(self, snapshot: Snapshot) -> Driver:
        from tidemill.pods.host import HostDriver

        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
        return HostDriver(self._place / "pods", show=snapshot.needed, sandbox="auto", pool=1, path=path)


async def _shielded(end: Callable[[], Awaitable[None]]) -> None:
    """Do it also when everything around is cancelled."""
    with anyio.move_on_after(_CLEARING, shield=True):
        await end()


async def _clear_away(driver: Driver) -> None:
    """Remove every pod, those of tasks that were cut off too."""
    await driver.close()
    with suppress(FileNotFoundError):  # it had not begun
        for pod in await driver.leftovers():
            await driver.remove(pod)


def _cut(plan: Plan, tasks: Sequence[str]) -> Plan:
    names = {task.name for task in plan.tasks}
    for task in tasks:
        if task not in names:
            near = nearest(task, names) or f": there are {_list(names)}"
            raise BadRequest(f"run {plan.name!r} has no task {task!r}{near}")
    return only(plan, set(tasks))


def _list(names: Mapping[str, object] | set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


def _context(snapshot: Snapshot, event: Event, inputs: Mapping[str, str]) -> Context:
    return Context(
        ref=snapshot.ref,
        commit_sha=snapshot.commit,
        message=snapshot.message,
        environment=static_environment(snapshot.ref, snapshot.commit, snapshot.url),
        event=event,
        inputs=dict(inputs),
    )
