"""Direct runs asked for, as the public API shows them."""

import msgspec

from tidemill.contracts.gateway.projects import CreatedRuns
from tidemill.kit.contract import Contract, post


class UserCreateRunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that was pushed to `/repos/<repo_path>.git`, and as what it runs: one of branch, tag, ref."""

    repo_uuid: str = ""
    """What the clone calls itself; runs with the same share caches."""
    repo_path: str = ""
    """`<user id>/<repository's name>`."""
    branch: str = ""
    tag: str = ""
    ref: str = ""
    commit_sha: str = ""
    message: str = ""
    pull_request_ref_regexes: tuple[str, ...] | None = None
    """A ref in which one of them (RE2) is found is a pull request's; its first group is the id."""
    variables: dict[str, str] | None = None
    key: str = ""
    """Extension: asking again with the same key, as after a broken connection, makes nothing new."""


class DirectRunRoutes(Contract):
    """Direct runs of users."""

    @post("/user/createrun", status=201)
    async def create_direct_run(self, request: UserCreateRunRequest) -> CreatedRuns | None:
        """For users, of their own repositories: 401 for another's. 400 for what is missing or wrong.

        404 `repositoryDoesNotExist`, `commitDoesNotExist`. The body is empty for clients that send no Accept
        header.
        """
