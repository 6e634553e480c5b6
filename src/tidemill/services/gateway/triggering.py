"""From a ref at a commit to its runs, whoever asked for them."""

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec.structs import replace

from tidemill.contracts.configstore import Project
from tidemill.contracts.gitserver import Commit, Gitserver
from tidemill.contracts.runservice import CreateRuns, NewRun, Runservice
from tidemill.core.context import Context, Event
from tidemill.core.environment import static_environment
from tidemill.core.refs import Ref, RefType
from tidemill.core.run import Run
from tidemill.planning.planned import CANDIDATES, Planned, Problem
from tidemill.planning.planner import Planner
from tidemill.services.gateway.commit_files import CommitFiles
from tidemill.services.gateway.store.inbox import MadeRun
from tidemill.services.gateway.targets import Target, of_project

SETUP_ERROR = "Setup Error"
#: Problems and warnings that are kept with a run and shown to a pusher.
_MOST_PROBLEMS = 20
_MOST_WARNINGS = 10
_PLACES = dict.fromkeys(path.rpartition(".")[0] for path in CANDIDATES)
_EXTENSIONS = dict.fromkeys(path.rpartition(".")[2] for path in CANDIDATES)
NO_CONFIGURATION = (
    f"no configuration file: looked for {' and '.join(f'{place}.*' for place in _PLACES)}"
    f" ({', '.join(_EXTENSIONS)})"
)


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why runs are wanted, of what."""

    key: str
    """Idempotency key: asking again with it makes nothing new."""
    trigger: Literal["webhook", "manual"]
    event: Event
    ref: Ref
    revision: str
    """What the commit is found by: a full ref or a hash."""
    before: str = ""
    """The hash that the ref had before; "" where that is not known."""
    message: str = ""
    """What is said of it in place of the commit's message."""


class Triggered(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that were made, and sentences about those that were not."""

    runs: tuple[MadeRun, ...] = ()
    notes: tuple[str, ...] = ()
    is_configured: bool = True
    """The commit has a configuration."""
    code: str = "runs_made"
    """What became of the ref, for programs."""


class Triggering:
    """Asks for the definition at a commit and creates what it says, all runs of a ref in one call."""

    def __init__(
        self,
        runservice: Runservice,
        gitserver: Gitserver,
        planner: Planner,
        *,
        exposed_url: Callable[[], str],
        git_url: Callable[[], str],
    ) -> None:
        self._runservice = runservice
        self._gitserver = gitserver
        self._planner = planner
        self._exposed_url = exposed_url
        self._git_url = git_url

    async def trigger(self, project: Project, cause: Cause) -> Triggered:
        """Create the runs of *cause*; a wrong configuration makes one run that says what is wrong."""
        return await self.trigger_at(of_project(project, cause.ref), cause)

    async def trigger_at(self, target: Target, cause: Cause) -> Triggered:
        """The same, for whatever runs are made for."""
        commit = await self._gitserver.commit(target.repository, cause.revision)
        planned = await self._plan(target, cause, commit)
        if not planned.file and not planned.problems:
            return Triggered(notes=(NO_CONFIGURATION,), is_configured=False, code="no_configuration")
        runs = _runs(planned, _annotations(target, cause, commit), target.caches)
        notes = (*planned.skipped, *_some(planned.warnings, _MOST_WARNINGS, "warning: "))
        if not runs:
            code = "skip_mark" if any(one.code == "skip_mark" for one in planned.decisions) else "not_matched"
            return Triggered(notes=notes, code=code)
        request = CreateRuns(key=cause.key, group=target.group, scope=target.scope, runs=runs)
        created = await self._runservice.create_runs(request)
        made = tuple(self._made(target, run) for run in created.runs)
        return Triggered(runs=made, notes=notes, code="setup_error" if planned.problems else "runs_made")

    async def _plan(self, target: Target, cause: Cause, commit: Commit) -> Planned:
        ref = cause.ref
        context = Context(
            ref=ref,
            commit_sha=commit.sha,
            message=_message(cause, commit),
            event=cause.event,
            environment=static_environment(ref, commit.sha, f"{self._git_url()}{target.clone_path}"),
        )
        files = CommitFiles(self._gitserver, target.repository, commit.sha, before=cause.before)
        return await self._planner.plan(files, context)

    def _made(self, target: Target, run: Run) -> MadeRun:
        return MadeRun(
            number=run.number,
            name=run.name,
            phase=run.phase,
            url=f"{self._exposed_url()}{target.runs_path}/{run.number}",
            setup_error=run.setup_errors[0] if run.setup_errors else "",
        )


def _runs(planned: Planned, annotations: dict[str, str], caches: tuple[str, ...]) -> tuple[NewRun, ...]:
    if planned.problems:
        errors = _some(planned.problems, _MOST_PROBLEMS)
        return (NewRun(name=SETUP_ERROR, setup_errors=errors, annotations=annotations),)
    plans = (replace(plan, caches=caches) for plan in planned.plans)
    return tuple(NewRun(name=plan.name, plan=plan, annotations=annotations) for plan in plans)


def _some(problems: tuple[Problem, ...], most: int, what: str = "") -> tuple[str, ...]:
    """The first of *problems* as text, and a word on the rest."""
    lines = tuple(f"{what}{problem}" for problem in problems[:most])
    rest = len(problems) - most
    return (*lines, f"{what}and {rest} more") if rest > 0 else lines


def _message(cause: Cause, commit: Commit) -> str:
    if cause.message:
        return cause.message
    return f"Tag {cause.ref.name}" if cause.ref.type is RefType.TAG else commit.message


def _annotations(target: Target, cause: Cause, commit: Commit) -> dict[str, str]:
    """What the world is told about a run (reference, run configuration 8.3)."""
    kind = cause.ref.type
    is_pull_request = kind is RefType.PULL_REQUEST
    return {
        **target.annotations,
        "ref_type": kind,
        "run_creation_trigger": cause.trigger,
        "webhook_event": "",
        "webhook_sender": "",
        "commit_sha": commit.sha,
        "commit_link": "",
        "compare_link": "",
        "ref": cause.ref.full,
        "message": _message(cause, commit),
        "pull_request_id" if is_pull_request else kind: cause.ref.name,
        f"{kind}_link": "",
    }
