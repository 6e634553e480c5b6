"""`tidemill plan`, called as a user calls it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Tidemill, completed

CONFIGURATION = """
variables: {region: eu}
runs:
  - name: ci
    concurrency: {group: "ci-${branch}", superseded: cancel}
    tasks:
      - name: lint
        runtime: {type: host}
        steps:
          - clone:
          - run: make lint
      - name: test
        matrix:
          axes: {python: ["3.11", "3.12"], os: [linux, mac]}
          exclude: [{python: "3.11", os: mac}]
        depends: [lint]
        runtime: {type: host}
        environment: {TOKEN: {from_variable: token}, REGION: {from_variable: region}}
        steps:
          - run: make docs
            when: {branch: main}
      - name: deploy
        approval: true
        when: {branch: main, event: push}
        depends: [{lint: [always]}]
        retry: 3
        runtime: {type: host}
        steps: [run: make deploy]
      - name: docs
        when: {paths: "docs/**"}
        runtime: {type: host}
  - name: release
    when: {tag: "v*"}
    inputs: {target: {type: choice, choices: [test, live]}}
    tasks:
      - name: publish
        runtime: {type: host}
        environment: {T: {from_input: target}}
        steps: [run: make publish]
"""

ON_DEV = """\
.tidemill/config.yml  refs/heads/dev  push
|-- + run ci  made: it has no `when`
|   |-- concurrency: one at a time in `ci-dev`; earlier ones: cancel
|   |-- + lint  made: it has no `when`
|   |   |-- + clone
|   |   `-- + run: make lint
|   |-- + test (python=3.11, os=linux)  needs lint  made: it has no `when`
|   |   `-- - run: make docs  skipped: `when.branch` includes `main`, this is `dev`
|   |-- + test (python=3.12, os=linux)  needs lint  made: it has no `when`
|   |   `-- - run: make docs  skipped: `when.branch` includes `main`, this is `dev`
|   |-- + test (python=3.12, os=mac)  needs lint  made: it has no `when`
|   |   `-- - run: make docs  skipped: `when.branch` includes `main`, this is `dev`
|   |-- - deploy  needs lint (always)  waits for approval  up to 3 attempts  skipped: `when.branch` includes `main`, this is `dev`
|   |-- + docs  made: `when.paths` holds, as it is not known which files have changed
|   |-- x test (python=3.11, os=mac)  not made: the task's matrix excludes this combination
|   `-- variables
|       |-- region  default 'eu'  used by test (python=3.11, os=linux), test (python=3.12, os=linux), test (python=3.12, os=mac)
|       `-- token  given  used by test (python=3.11, os=linux), test (python=3.12, os=linux), test (python=3.12, os=mac)
`-- x run release  not made: `when` has no condition for a branch, this is the branch `dev`
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working tree on branch `dev` with one commit, which the command is called in."""
    monkeypatch.chdir(tmp_path)
    write(CONFIGURATION)
    git("init", "-q", "-b", "dev")
    commit("Begin")
    return tmp_path


def write(text: str, path: str = ".tidemill/config.yml") -> None:
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def git(*arguments: str) -> str:
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@localhost"}
    identity |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in identity.items()}
    done = subprocess.run(
        ["git", *arguments], check=True, capture_output=True, text=True, env=os.environ | identity
    )
    return done.stdout.strip()


def commit(message: str) -> str:
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", message)
    return git("rev-parse", "HEAD")


def planned(tidemill: Tidemill, *arguments: str) -> dict[str, object]:
    """What programs get to read."""
    answer = tidemill("plan", *arguments, "-o", "json")
    assert answer.code == 0, answer.err
    return dict(json.loads(answer.out))


def names(report: dict[str, object]) -> list[str]:
    return [plan["name"] for plan in report["plans"]]  # type: ignore[attr-defined]


def test_the_branch_that_is_checked_out_is_planned(tidemill: Tidemill) -> None:
    """As a tree in plain characters: what is made, skipped and not made, why, and which variables are used."""
    assert tidemill("plan", "--var", "token=secret") == Answer(0, ON_DEV, "")


def test_a_real_process_shows_the_same() -> None:
    """With its child, on pipes."""
    assert completed("plan", "--var", "token=secret") == Answer(0, ON_DEV, "")


def test_programs_get_the_plans_and_decisions(tidemill: Tidemill) -> None:
    """With the commit, the ref, the event, and the variables without their values."""
    head = commit("Again")
    report = planned(tidemill, "--var", "token=secret")
    assert (report["ref"], report["event"], report["commit_sha"]) == ("refs/heads/dev", "push", head)
    assert names(report) == ["ci"]
    assert [plan["environment"]["TIDEMILL_GIT_COMMITSHA"] for plan in report["plans"]] == [head]  # type: ignore[attr-defined]
    assert report["variables"][1] == {  # type: ignore[index]
        "run": "ci",
        "name": "token",
        "given": True,
        "default": None,
        "tasks": [
            "test (python=3.11, os=linux)",
            "test (python=3.12, os=linux)",
            "test (python=3.12, os=mac)",
        ],
    }
    assert "secret" not in json.dumps(report)
    assert {each["verdict"] for each in report["decisions"]} == {"made", "skipped", "not_made"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "ref", "event", "runs"),
    [
        (["--branch", "main"], "refs/heads/main", "push", ["ci"]),
        (["--tag", "v1"], "refs/tags/v1", "push", ["ci", "release"]),
        (["--ref", "refs/tags/x"], "refs/tags/x", "push", ["ci"]),
        (["--ref", "refs/heads/a/b"], "refs/heads/a/b", "push", ["ci"]),
        (["--pull-request", "7"], "refs/pull/7/head", "pull_request", ["ci"]),
        (["--ref", "refs/pull/7/head"], "refs/pull/7/head", "pull_request", ["ci"]),
        (["--pull-request", "7", "--event", "manual"], "refs/pull/7/head", "manual", ["ci"]),
        (["--tag", "v1", "--input", "target=live"], "refs/tags/v1", "manual", ["ci", "release"]),
        (["--event", "direct"], "refs/heads/dev", "direct", ["ci"]),
    ],
)
def test_other_occasions_are_asked_for(
    tidemill: Tidemill, options: list[str], ref: str, event: str, runs: list[str]
) -> None:
    """By branch, tag, ref, pull request, event and inputs; what is not said follows from what is."""
    report = planned(tidemill, *options)
    assert (report["ref"], report["event"], names(report)) == (ref, event, runs)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "holds, as it is not known which files have changed"),
        (["--changed-files", "a", "docs/b"], "made: `when.paths` is `docs/**`, which `docs/b` matches"),
        (
            ["--changed-files", "a", "--changed-files", "b"],
            "skipped: `when.paths` is `docs/**`, which no changed",
        ),
        (["--empty-changed-files"], "skipped: `when.paths` is `docs/**`, which no changed file matches"),
    ],
)
def test_changed_files_are_told(tidemill: Tidemill, options: list[str], why: str) -> None:
    """One or more; that there are none is something else than not to say."""
    (line,) = [
        line
        for line in tidemill("plan", *options).out.splitlines()
        if " docs  " in line and "run:" not in line
    ]
    assert why in line


def test_the_message_of_the_commit_counts(tidemill: Tidemill) -> None:
    """A skip mark makes no run, which is no error."""
    commit("Mend it [ci skip]")
    answer = tidemill("plan")
    assert answer.code == 0
    assert "x run ci  not made: the commit's message says [ci skip]" in answer.out


def test_inputs_are_checked(tidemill: Tidemill) -> None:
    """A wrong one says what is allowed and where that is written; one that is needed must be given."""
    answer = tidemill("plan", "--tag", "v1", "--input", "target=lve")
    assert (answer.code, answer.out) == (1, "")
    assert "cannot be 'lve': give it one of `test`, `live`" in answer.err
    assert "  in runs[1].inputs.target" in answer.err
    assert "needs the input 'target'" in tidemill("plan", "--tag", "v1", "--event", "manual").err


def test_a_variable_that_nobody_asks_for_is_told(tidemill: Tidemill) -> None:
    """It is most likely a slip."""
    answer = tidemill("plan", "--var", "toke=x")
    assert answer.code == 0
    assert answer.err == "warning: no task asks for the variable `toke`: did you mean `token`?\n"


def test_a_wrong_configuration_has_no_plan(tidemill: Tidemill) -> None:
    """Its errors are shown as by lint, and programs get them too."""
    write("runs: [{nmae: ci}]\n")
    answer = tidemill("plan")
    assert (answer.code, answer.out) == (1, "")
    assert ".tidemill/config.yml:1:8: error: " in answer.err
    answer = tidemill("plan", "-o", "json")
    assert answer.code == 1
    report = json.loads(answer.out)
    assert report["plans"] == []
    assert report["problems"][0]["line"] == 1


def test_a_configuration_is_named(tidemill: Tidemill) -> None:
    """By its own path, or by its repository's."""
    write("runs: [{name: other}]\n", "sub/.tidemill/config.yml")
    assert names(planned(tidemill, "sub")) == ["other"]
    assert names(planned(tidemill, "sub/.tidemill/config.yml")) == ["other"]
    assert names(planned(tidemill)) == ["ci"]


def test_without_git_a_ref_must_be_said(
    tidemill: Tidemill, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it works, for a commit that is none."""
    monkeypatch.chdir(tmp_path_factory.mktemp("plain"))
    write(CONFIGURATION)
    answer = tidemill("plan")
    assert answer.code == 2
    assert "is on no branch of git: say --branch, --tag, --ref or --pull-request" in answer.complaint
    report = planned(tidemill, "--branch", "main")
    assert (names(report), report["commit_sha"]) == (["ci"], "0" * 40)


def test_before_the_first_commit_there_is_a_branch(
    tidemill: Tidemill, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is planned without a commit."""
    monkeypatch.chdir(tmp_path_factory.mktemp("new"))
    git("init", "-q", "-b", "dev")
    write(CONFIGURATION)
    report = planned(tidemill)
    assert (report["ref"], report["commit_sha"]) == ("refs/heads/dev", "0" * 40)


def test_a_commit_without_a_branch_is_said(tidemill: Tidemill) -> None:
    """It is not guessed which branch is meant."""
    git("checkout", "-q", "--detach")
    assert "is on no branch of git" in tidemill("plan").complaint
    assert names(planned(tidemill, "--branch", "dev")) == ["ci"]


@pytest.mark.parametrize("path", ["nowhere", "empty"])
def test_where_no_configuration_is_there_is_nothing_to_plan(
    tidemill: Tidemill, here: Path, path: str
) -> None:
    """One line says so."""
    (here / "empty/.git").mkdir(parents=True)
    answer = tidemill("plan", path, "--branch", "x")
    assert answer.code == 1
    assert path in answer.complaint


def test_many_tasks_are_named_briefly(tidemill: Tidemill) -> None:
    """The first three and how many more; a hundred tasks take no time."""
    tasks = [{"name": f"t{n}", "runtime": {"type": "host"}} for n in range(100)]
    last = {"name": "last", "depends": [task["name"] for task in tasks], "runtime": {"type": "host"}}
    write(json.dumps({"runs": [{"name": "ci", "tasks": [*tasks, last]}]}))
    assert "last  needs t0, t1, t2 and 97 more" in tidemill("plan").out
