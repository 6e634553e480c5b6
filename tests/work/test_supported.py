"""What an executor cannot do yet is refused before anything of the task runs."""

from collections.abc import Iterator

import pytest

from tests.work.places import Place, job
from tidemill.core.job import Outcome
from tidemill.core.plan import Container, PlanTask, Readiness, Resources, Runtime
from tidemill.core.run import StepPhase
from tidemill.pods.fake import FakeDriver
from tidemill.work.supported import unsupported

pytestmark = pytest.mark.anyio

SERVICE = Container(image="redis", readiness=Readiness(command="true"))


def cases() -> Iterator[tuple[str, dict[str, object], str]]:
    yield (
        "services of a host task",
        {"runtime": Runtime(type="host", containers=(Container(), SERVICE))},
        "`readiness`, `services`",
    )
    yield (
        "a privileged host task, which stays in a sandbox",
        {"runtime": Runtime(type="host", containers=(Container(privileged=True),))},
        "`privileged`",
    )


@pytest.mark.parametrize(("what", "task", "named"), list(cases()), ids=[case[0] for case in cases()])
def test_it_is_named(what: str, task: dict[str, object], named: str) -> None:
    """Each by its word in the configuration."""
    assert unsupported(PlanTask(name="task", **task)) == f"not supported by this executor: {named}"


async def test_the_setup_fails_with_it(place: Place, driver: FakeDriver) -> None:
    """No pod is made, no step is started, and the setup's log says why."""
    services = Runtime(type="host", containers=(Container(), Container(image="redis")))
    report = await place.done(job("echo never", runtime=services))
    assert (report.outcome, report.setup.phase) == (Outcome.FAILED, StepPhase.FAILED)
    assert report.reason == "not supported by this executor: `services`"
    assert report.reason.encode() in place.store.log(-1)
    assert not driver.prepared


def test_what_is_about_choice_is_no_obstacle() -> None:
    """Labels and resources are what the server chooses executors by."""
    container = Container(privileged=True)
    assert unsupported(PlanTask(name="task", runtime=Runtime(type="pod", containers=(container,)))) == ""
    runtime = Runtime(type="host", labels={"gpu": ""}, resources=Resources(cpu=500))
    assert unsupported(PlanTask(name="task", runtime=runtime)) == ""
