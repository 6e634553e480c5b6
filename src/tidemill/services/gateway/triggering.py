"""From a ref at a commit to its runs, whoever asked for them."""

from collections.abc import Callable
from typing import Literal
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from tidemill.contracts.configstore import Project
from tidemill.contracts.gateway import PREFIX
from tidemill.contracts.gitserver import Commit, Gitserver
from tidemill.contracts.runservice import CreateRuns, NewRun, Runservice
from tidemill.core.context import Context, Event
from tidemill.core.environment import static_environment
from tidemill.core.refs import Ref, RefType
from tidemill.core.run import Run
from tidemill.core.scope import Scope
from tidemill.planning.planned import CANDIDATES, Planned, Problem
from tidemill.planning.planner import Planner
from tidemill.services.gateway.commit_files import CommitFiles
from tidemill.services.gateway.store.inbox import MadeRun

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
        commit = await self._gitserver.commit(project.id, cause.revision)
        planned = await self._plan(project, cause, commit)
        if not planned.file and not planned.problems:
            return Triggered(notes=(NO_CONFIGURATION,), is_configured=False, code="no_configuration")
        runs = _runs(planned, _annotations(project.id, cause, commit), cause.ref.caches(project.id))
        notes = (*planned.skipped, *_some(planned.warnings, _MOST_WARNINGS, "warning: "))
        if not runs:
            code = "skip_mark" if any(one.code == "skip_mark" for one in planned.decisions) else "not_matched"
            return Triggered(notes=notes, code=code)
        request = CreateRuns(
            key=cause.key,
            group=cause.ref.group(project.id),
            scope=str(Scope(project=project.id, ref=cause.ref.full)),
            runs=runs,
        )
        created = await self._runservice.create_runs(request)
        made = tuple(self._made(project, run) for run in created.runs)
        return Triggered(runs=made, notes=notes, code="setup_error" if planned.problems else "runs_made")

    async def _plan(self, project: Project, cause: Cause, commit: Commit) -> Planned:
        ref = cause.ref
        url = f"{self._git_url()}/git/{project.path}.git"
        context = Context(
            ref=ref,
            commit_sha=commit.sha,
            message=_message(ref, commit),
            event=cause.event,
            environment=static_environment(ref, commit.sha, url),
        )
        files = CommitFiles(self._gitserver, project.id, commit.sha, before=cause.before)
        return await self._planner.plan(files, context)

    def _made(self, project: Project, run: Run) -> MadeRun:
        return MadeRun(
            number=run.number,
            name=run.name,
            phase=run.phase,
            url=f"{self._exposed_url()}{PREFIX}/projects/{quote(project.path, safe='')}/runs/{run.number}",
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


def _message(ref: Ref, commit: Commit) -> str:
    return f"Tag {ref.name}" if ref.type is RefType.TAG else commit.message


def _annotations(project: str, cause: Cause, commit: Commit) -> dict[str, str]:
    """What the world is told about a run (reference, run configuration 8.3)."""
    kind = cause.ref.type
    return {
        "run_type": "project",
        "projectid": project,
        "ref_type": kind,
        "run_creation_trigger": cause.trigger,
        "webhook_event": "",
        "webhook_sender": "",
        "commit_sha": commit.sha,
        "commit_link": "",
        "compare_link": "",
        "ref": cause.ref.full,
        "message": _message(cause.ref, commit),
        kind: cause.ref.name,
        f"{kind}_link": "",
    }
