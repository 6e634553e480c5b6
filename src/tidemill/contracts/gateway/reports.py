"""Tests of runs, an extension: what test reports of steps have said."""

import msgspec

from tidemill.kit.contract import Contract, get


class FailedTestResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A test that did not pass; its texts may be cut."""

    kind: str
    """`failure` or `error`."""
    suite: str
    classname: str
    name: str
    message: str
    text: str
    seconds: float


class StepTestsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the tests of a step came to."""

    task_id: str
    task_name: str
    step: int
    attempt: int
    files: int
    tests: int
    failures: int
    errors: int
    skipped: int
    seconds: float
    failed: tuple[FailedTestResponse, ...]
    """The first that did not pass; there may be more than are kept."""


class RunTestsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the tests of a run came to, in all and by step."""

    tests: int
    failures: int
    errors: int
    skipped: int
    steps: tuple[StepTestsResponse, ...]


class RunTestRoutes(Contract):
    """Tests of runs, of projects and of users."""

    @get("/projects/{projectref}/runs/{runnumber}/tests")
    async def project_run_tests(self, projectref: str, runnumber: str) -> RunTestsResponse:
        """Extension: what test reports have said, by task and step; 404 `runDoesNotExist`."""

    @get("/users/{userref}/runs/{runnumber}/tests")
    async def user_run_tests(self, userref: str, runnumber: str) -> RunTestsResponse:
        """Extension: as for projects."""
