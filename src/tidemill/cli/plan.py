"""`tidemill plan`: which runs and tasks a configuration makes, and why, found without a server."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import anyio
import msgspec
from anyio import to_thread
from cyclopts import Parameter
from msgspec.structs import replace

from tidemill.cli.given import pairs
from tidemill.cli.occasion import Wanted, occasion, wanted_event, wanted_ref
from tidemill.cli.output import show
from tidemill.cli.places import Target, target
from tidemill.cli.plan_tree import plan_tree
from tidemill.cli.problems import explain, in_order
from tidemill.cli.references import Reference, references
from tidemill.cli.tree import print_tree
from tidemill.core.context import Context, Event
from tidemill.core.decisions import Decision
from tidemill.core.definition.faults import nearest
from tidemill.core.plan import Plan
from tidemill.errors import BadRequest
from tidemill.planning.planned import CANDIDATES, Planned, Problem
from tidemill.planning.planner import Planner
from tidemill.planning.tree import WorkingTree


class PlanReport(msgspec.Struct, frozen=True, kw_only=True):
    """What programs get to read."""

    file: str
    ref: str
    event: Event
    commit_sha: str
    plans: tuple[Plan, ...]
    decisions: tuple[Decision, ...]
    skipped: tuple[str, ...]
    variables: tuple[Reference, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def plan(
    path: Annotated[Path, Parameter(help="A repository's directory, or a configuration.")] = Path(),
    /,
    *,
    branch: Annotated[str | None, Parameter(help="As if this branch had been pushed.")] = None,
    tag: Annotated[str | None, Parameter(help="As if this tag had been pushed.")] = None,
    ref: Annotated[str | None, Parameter(help="The same by a full ref, such as refs/heads/main.")] = None,
    pull_request: Annotated[str | None, Parameter(help="For the pull request of this number.")] = None,
    event: Annotated[Event | None, Parameter(help="What the runs are made for.")] = None,
    changed_files: Annotated[
        list[str] | None,
        Parameter(help="Files that the push changes; else unknown.", consume_multiple=True),
    ] = None,
    input: Annotated[list[str] | None, Parameter(help="NAME=VALUE of an input.", negative="")] = None,
    var: Annotated[
        list[str] | None, Parameter(help="NAME=VALUE of a variable that a server would know.", negative="")
    ] = None,
    output: Annotated[
        Literal["tree", "json"],
        Parameter(name=["--output", "-o"], help="tree or json."),
    ] = "tree",
) -> int:
    """Show which runs and tasks would be made, and why: by default for the branch that is checked out.

    Nothing is run and no server is asked. The exit code is 1 when the configuration is wrong.
    """
    wanted = Wanted(
        branch=branch,
        tag=tag,
        ref=ref,
        pull_request=pull_request,
        event=event,
        changed_files=None if changed_files is None else tuple(changed_files),
        inputs=pairs(input or (), "--input"),
    )
    wanted_event(wanted, wanted_ref(wanted))
    given = pairs(var or (), "--var")
    meant = target(path)
    planned, context = anyio.run(_plan, meant, wanted)
    report = _report(planned, context, meant, given)
    if output == "json":
        show(report, "json")
    else:
        _show(report, given)
    return 1 if report.problems else 0


async def _plan(meant: Target, wanted: Wanted) -> tuple[Planned, Context]:
    planner = Planner()
    try:
        await planner.start()  # it loads while git is at work
        context = await to_thread.run_sync(occasion, meant.root, wanted)
        planned = await planner.plan(WorkingTree(meant.root, wanted.changed_files), context, file=meant.file)
    finally:
        await planner.close()
    if not planned.file:
        raise BadRequest(f"{meant.root} has no configuration: write {CANDIDATES[3]}")
    return planned, context


def _report(planned: Planned, context: Context, meant: Target, given: Mapping[str, str]) -> PlanReport:
    return PlanReport(
        file=meant.shown(planned.file),
        ref=context.ref.full,
        event=context.event,
        commit_sha=context.commit_sha,
        plans=planned.plans,
        decisions=planned.decisions,
        skipped=planned.skipped,
        variables=tuple(each for plan in planned.plans for each in references(plan, given)),
        problems=_shown(planned.problems, meant),
        warnings=_shown(planned.warnings, meant),
    )


def _shown(problems: Sequence[Problem], meant: Target) -> tuple[Problem, ...]:
    return tuple(replace(problem, path=meant.shown(problem.path)) for problem in problems)


def _show(report: PlanReport, given: Mapping[str, str]) -> None:
    explain(in_order((*report.problems, *report.warnings)), sys.stderr)
    if report.problems:
        return
    asked = {reference.name for reference in report.variables}
    for name in given:
        if name not in asked:
            near = nearest(name, asked)
            print(f"warning: no task asks for the variable `{name}`{near}", file=sys.stderr)
    heading = f"{report.file}  {report.ref}  {report.event}"
    print_tree(plan_tree(heading, report.plans, report.decisions, report.variables))
