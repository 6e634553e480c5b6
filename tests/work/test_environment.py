"""Which variable wins (reference, run configuration 4.2)."""

from msgspec.structs import replace

from tests.work.places import job, run
from tidemill.contracts.values import CLONE_TOKEN
from tidemill.core.job import JobSpec
from tidemill.core.plan import CloneStep, FromVariable, Literal, Value
from tidemill.work.commands import command, secrets
from tidemill.work.environment import resolve, task_environment


def with_task_environment(spec: JobSpec, environment: dict[str, Value]) -> JobSpec:
    return replace(spec, task=replace(spec.task, environment=environment))


def test_later_ones_override_earlier_ones() -> None:
    """Task, then static, then step."""
    names = {"A": Literal("task"), "B": Literal("task"), "C": Literal("task")}
    spec = job(run("true", environment={"C": Literal("step")}), environment={"B": "static", "C": "static"})
    spec = with_task_environment(spec, names)
    assert command(spec, 0, {}).environment == {"A": "task", "B": "static", "C": "step"}


def test_static_variables_have_a_second_name() -> None:
    """What is AGOLA_… is TIDEMILL_… too; a name of ours that is given stays."""
    spec = job(
        environment={"AGOLA_GIT_REF": "refs/heads/main", "AGOLA_X": "1", "TIDEMILL_X": "2", "CI": "true"}
    )
    assert task_environment(spec, {}) == {
        "AGOLA_GIT_REF": "refs/heads/main",
        "TIDEMILL_GIT_REF": "refs/heads/main",
        "AGOLA_X": "1",
        "TIDEMILL_X": "2",
        "CI": "true",
    }


def test_late_values_are_filled_in() -> None:
    """What is not defined is there, and empty."""
    spec = with_task_environment(job(), {"A": FromVariable("a"), "B": FromVariable("b")})
    assert task_environment(spec, {"a": "1"}) == {"A": "1", "B": ""}


def test_the_clone_token_is_for_the_clone_step_alone() -> None:
    """No other step sees it, and no part of it may be seen in a log."""
    environment = {"AGOLA_REPOSITORY_URL": "http://127.0.0.1:1/git/user/alice/hello.git"}
    spec = job(CloneStep(), "true", environment=environment, values=(CLONE_TOKEN,))
    values = {CLONE_TOKEN: "tmclone_secret"}
    clone, other = command(spec, 0, values), command(spec, 1, values)
    header = clone.environment["GIT_CONFIG_VALUE_0"]
    assert header.startswith("Authorization: Basic ")
    assert "tmclone_secret" not in f"{clone.argv} {clone.script} {other}"
    assert header not in str(other)
    assert secrets(spec, values) == ["tmclone_secret", header.removeprefix("Authorization: ")]


def test_a_tasks_own_git_configuration_is_kept() -> None:
    """The token comes behind what the task has set in the same way."""
    environment = {
        "AGOLA_REPOSITORY_URL": "https://git.example/hello.git",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.autocrlf",
        "GIT_CONFIG_VALUE_0": "false",
    }
    spec = job(CloneStep(), environment=environment, values=(CLONE_TOKEN,))
    clone = command(spec, 0, {CLONE_TOKEN: "tmclone_secret"}).environment
    assert clone["GIT_CONFIG_COUNT"] == "2"
    assert clone["GIT_CONFIG_KEY_0"] == "core.autocrlf"
    assert clone["GIT_CONFIG_KEY_1"] == "http.https://git.example/hello.git.extraHeader"


def test_a_deploy_key_is_a_secret() -> None:
    """It is in the environment of every step, so it is hidden in every log."""
    spec = job(environment={"AGOLA_SSHPRIVKEY": "-----BEGIN"})
    assert secrets(spec, {}) == ["-----BEGIN"]


def test_a_variable_that_nobody_defines_has_its_default() -> None:
    """What the server knows wins, also when that is an empty text."""
    environment = {
        "A": FromVariable("a", "default"),
        "B": FromVariable("b", "default"),
        "C": FromVariable("c"),
    }
    assert resolve(environment, {"a": ""}) == {"A": "", "B": "default", "C": ""}
