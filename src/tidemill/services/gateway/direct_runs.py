"""Direct runs made: of a commit that a user has pushed to a repository of their own."""

import re
from collections.abc import Callable

from tidemill.contracts.configstore import User
from tidemill.contracts.direct_runs import DirectValues, DirectVariables
from tidemill.contracts.gateway.direct_runs import DirectRunRoutes, UserCreateRunRequest
from tidemill.contracts.gateway.projects import CreatedRun, CreatedRuns
from tidemill.contracts.gitserver import Gitserver, KeepRequest
from tidemill.core.context import Event
from tidemill.core.direct_runs import (
    DIRECT_NAME_RULE,
    DirectRepository,
    PullRequestRefs,
    is_repository_name,
    repository_at,
)
from tidemill.core.permissions import Action
from tidemill.core.refs import Ref, branch, tag
from tidemill.errors import BadRequest, Unauthorized
from tidemill.kit.contract import current_call
from tidemill.kit.git.names import is_hash, is_ref
from tidemill.services.gateway.door import current_caller, own
from tidemill.services.gateway.targets import of_user
from tidemill.services.gateway.triggering import Cause, Triggering

_KEY = re.compile(r"[\w-]{1,100}", re.ASCII)


class DirectRunMaking(DirectRunRoutes):
    """Makes direct runs; a request is looked at in the reference's order."""

    def __init__(
        self, gitserver: Gitserver, values: DirectValues, triggering: Triggering, *, new_id: Callable[[], str]
    ) -> None:
        self._gitserver = gitserver
        self._values = values
        self._triggering = triggering
        self._new_id = new_id

    async def create_direct_run(self, request: UserCreateRunRequest) -> CreatedRuns | None:
        caller = current_caller()
        user = caller.user
        caller.require(Action.CREATE_RUN, own(user) if user else None)
        assert user is not None  # whoever may has an account
        repository, ref = _checked(request, user)
        commit = await self._gitserver.commit(repository.id, request.commit_sha)
        await self._gitserver.keep_commit(repository.id, KeepRequest(commit=commit.sha))
        given = DirectVariables(repository=repository.id, variables=request.variables or {})
        scope = (await self._values.seal_direct_variables(given)).scope
        cause = Cause(
            key=f"direct/{user.id}/{request.key or self._new_id()}",
            trigger="manual",
            event=Event.DIRECT,
            ref=ref,
            revision=commit.sha,
            message=request.message,
        )
        target = of_user(user, repository, ref, caches=request.repo_uuid, scope=scope)
        triggered = await self._triggering.trigger_at(target, cause)
        if not triggered.is_configured:
            raise BadRequest("; ".join(triggered.notes), code="noConfiguration")
        if not current_call().accept:
            return None
        runs = tuple(CreatedRun(number=run.number, name=run.name, phase=run.phase) for run in triggered.runs)
        return CreatedRuns(runs=runs, notes=triggered.notes)


def _checked(request: UserCreateRunRequest, user: User) -> tuple[DirectRepository, Ref]:
    """The repository and the ref that are meant, in the order in which the reference finds fault."""
    try:
        pull_requests = PullRequestRefs(request.pull_request_ref_regexes or ())
    except ValueError as error:
        raise BadRequest(f"pull_request_ref_regexes: {error}", code="invalidPullRequestRefRegex") from error
    if not request.repo_uuid:
        raise BadRequest("repo_uuid is missing: what the clone calls itself, such as a UUID")
    if request.repo_path.count("/") != 1:
        raise BadRequest(f"repo_path must be <user id>/<repository>, not {request.repo_path!r}")
    if request.repo_path.partition("/")[0] != user.id:
        raise Unauthorized(
            f"repo_path {request.repo_path!r} is not of your repositories: yours begin {user.id}/"
        )
    repository = repository_at(request.repo_path)
    if repository is None or not is_repository_name(request.repo_uuid):
        raise BadRequest(f"repo_path and repo_uuid: {DIRECT_NAME_RULE}")
    ref = _one_ref(request, pull_requests)
    if not request.commit_sha or not request.message:
        raise BadRequest(f"{'message' if request.commit_sha else 'commit_sha'} is missing")
    if not is_hash(request.commit_sha):
        raise BadRequest(f"commit_sha {request.commit_sha!r} is not the hash of a commit")
    if request.key and not _KEY.fullmatch(request.key):
        raise BadRequest("key must be at most 100 letters, digits, - and _")
    return repository, ref


def _one_ref(request: UserCreateRunRequest, pull_requests: PullRequestRefs) -> Ref:
    if len([text for text in (request.branch, request.tag, request.ref) if text]) != 1:
        raise BadRequest("give exactly one of branch, tag and ref")
    if request.branch:
        ref: Ref | None = branch(request.branch)
    elif request.tag:
        ref = tag(request.tag)
    else:
        ref = pull_requests.parse(request.ref)
    if ref is None:
        raise BadRequest(
            f"{request.ref!r} is neither refs/heads/… nor refs/tags/…, and none of pull_request_ref_regexes "
            "is found in it"
        )
    if not is_ref(ref.full):
        raise BadRequest(f"{ref.full!r} is not the name of a ref")
    return ref
