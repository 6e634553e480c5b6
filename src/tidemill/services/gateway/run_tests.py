"""What the tests of runs came to, behind the permission to see the run."""

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.reports import (
    FailedTestResponse,
    RunTestRoutes,
    RunTestsResponse,
    StepTestsResponse,
)
from tidemill.contracts.runservice import Runservice, StepTests
from tidemill.core.permissions import Action
from tidemill.services.gateway.owners import project_groups, user_groups
from tidemill.services.gateway.paging import run_number
from tidemill.services.gateway.runs import GroupOf


class RunTests(RunTestRoutes):
    """Tests of the runs of projects, and of users' direct runs."""

    def __init__(self, configstore: Configstore, runservice: Runservice) -> None:
        self._runservice = runservice
        self._of_project = project_groups(configstore)
        self._of_user = user_groups(configstore)

    async def project_run_tests(self, projectref: str, runnumber: str) -> RunTestsResponse:
        return await self._shown(self._of_project, projectref, runnumber)

    async def user_run_tests(self, userref: str, runnumber: str) -> RunTestsResponse:
        return await self._shown(self._of_user, userref, runnumber)

    async def _shown(self, group_of: GroupOf, owner: str, number: str) -> RunTestsResponse:
        group = await group_of(owner, Action.VIEW_RUN)
        run = (await self._runservice.numbered_run(run_number(number), group)).run
        found = (await self._runservice.tests(run.id)).steps
        names = {task.id: task.name for task in run.tasks}
        return RunTestsResponse(
            tests=sum(one.reported.tests for one in found),
            failures=sum(one.reported.failures for one in found),
            errors=sum(one.reported.errors for one in found),
            skipped=sum(one.reported.skipped for one in found),
            steps=tuple(_step(one, names.get(one.task, "")) for one in found),
        )


def _step(found: StepTests, task_name: str) -> StepTestsResponse:
    reported = found.reported
    return StepTestsResponse(
        task_id=found.task,
        task_name=task_name,
        step=found.step,
        attempt=found.attempt,
        files=reported.files,
        tests=reported.tests,
        failures=reported.failures,
        errors=reported.errors,
        skipped=reported.skipped,
        seconds=reported.seconds,
        failed=tuple(
            FailedTestResponse(
                kind=case.kind,
                suite=case.suite,
                classname=case.classname,
                name=case.name,
                message=case.message,
                text=case.text,
                seconds=case.seconds,
            )
            for case in reported.failed
        ),
    )
