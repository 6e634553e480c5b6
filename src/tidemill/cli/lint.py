"""`tidemill lint`: what is wrong with configurations, found without a server."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import anyio
from anyio import to_thread
from cyclopts import Parameter
from msgspec.structs import replace

from tidemill.cli.checkout import current_branch
from tidemill.cli.occasion import NO_COMMIT
from tidemill.cli.places import Target, target
from tidemill.cli.problems import ProblemFormat, in_order, print_problems, summarise
from tidemill.core.context import Context
from tidemill.core.refs import branch
from tidemill.errors import Failure
from tidemill.planning.planned import CANDIDATES, Planned, Problem, Severity
from tidemill.planning.planner import Planner
from tidemill.planning.tree import WorkingTree


def lint(
    *paths: Annotated[Path, Parameter(help="Files, or directories of repositories; this one by default.")],
    strict: Annotated[bool, Parameter(help="Take warnings for errors.", negative="")] = False,
    output: Annotated[
        ProblemFormat,
        Parameter(name=["--output", "-o"], help="text for people, json for programs, github annotations."),
    ] = "text",
    schema: Annotated[
        bool, Parameter(help="Print the JSON Schema of configurations, for editors.", negative="")
    ] = False,
) -> int:
    """Check configurations: every problem with its place, what was expected, and what may have been meant.

    Nothing is run and no server is asked. The exit code is 1 when there are errors.
    """
    if schema:
        _print_schema()
        return 0
    paths = paths or (Path(),)
    problems = anyio.run(_check, paths, strict)
    summary = summarise(problems, len(paths))
    print_problems(problems, output, summary)
    return 1 if summary.errors else 0


def _print_schema() -> None:
    from tidemill.cli.output import show
    from tidemill.core.definition.schema import json_schema

    show(json_schema(), "json")


async def _check(paths: Sequence[Path], strict: bool) -> list[Problem]:
    """The problems of all that *paths* mean."""
    planner = Planner()
    problems: list[Problem] = []
    try:
        await planner.start()  # it loads while we look
        for path in paths:
            try:
                meant = target(path)
                context = Context(
                    ref=branch(await to_thread.run_sync(current_branch, meant.root) or "main"),
                    commit_sha=NO_COMMIT,
                )
                planned = await planner.plan(WorkingTree(meant.root), context, strict=strict, file=meant.file)
            except Failure as error:
                problems.append(Problem(path=str(path), message=error.message.removeprefix(f"{path}: ")))
            else:
                problems += _of(planned, meant, strict=strict)
    finally:
        await planner.close()
    return problems


def _of(planned: Planned, meant: Target, *, strict: bool) -> Iterator[Problem]:
    """The problems of one configuration, its files named as they are from here."""
    if not planned.file:
        names = "no such file" if meant.file else f"no configuration: write {CANDIDATES[3]}"
        yield Problem(path=meant.shown(meant.file or ""), message=names)
        return
    for problem in in_order((*planned.problems, *planned.warnings)):
        yield replace(problem, path=meant.shown(problem.path))
    for shadowed in meant.shadowed(planned.file):
        yield Problem(
            path=meant.shown(shadowed),
            message=f"this file is not read: {planned.file} comes before it",
            severity=Severity.ERROR if strict else Severity.WARNING,
        )
