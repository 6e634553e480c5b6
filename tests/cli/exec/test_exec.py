"""`tidemill exec` as a person uses it: the real command on real working trees, with the host driver."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.exec.trees import SECONDS, Tree, environment, exec_, git, one_task, printed
from tidemill.cli.exec.summary import summary
from tidemill.core import actions
from tidemill.core.plan import Plan, PlanTask
from tidemill.core.run import Run, RunId, TaskId


def test_a_configuration_is_run_and_told_about(tree: Tree) -> None:
    """Prefixed lines where there is no terminal, a summary, exit code 0."""
    done = exec_(tree(one_task("run: echo hello from $TIDEMILL_GIT_BRANCH, run $AGOLA_RUN_COUNTER")))
    assert done.returncode == 0, done.stderr
    assert printed(done) == ["hello from main, run 1"]
    assert re.search(r"^✔ a +success", done.stdout, re.MULTILINE)
    assert re.search(r"^run 'r': success in ", done.stdout, re.MULTILINE)


def test_a_clone_has_uncommitted_changes_and_not_what_git_ignores(tree: Tree) -> None:
    """New files, changed files and removed files are as they lie there; the repository is not touched."""
    place = tree(
        one_task("clone:", "run: cat kept new; ls -1"),
        kept="old\n",
        gone="x\n",
        **{".gitignore": "ignored\n"},
    )
    (place / "kept").write_text("changed\n")
    (place / "new").write_text("new\n")
    (place / "ignored").write_text("secret\n")
    (place / "gone").unlink()
    before = git(place, "status", "--porcelain"), git(place, "rev-parse", "HEAD"), git(place, "count-objects")
    done = exec_(place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert printed(done)[-4:] == ["changed", "new", "kept", "new"]
    after = git(place, "status", "--porcelain"), git(place, "rev-parse", "HEAD"), git(place, "count-objects")
    assert after == before


def test_a_clean_tree_is_cloned_at_its_own_commit_with_its_history(tree: Tree) -> None:
    """What a build says about its version is right."""
    place = tree(one_task("clone:", "run: git log --format=%s; git rev-parse HEAD"))
    git(place, "commit", "--quiet", "--allow-empty", "-m", "Second")
    done = exec_(place)
    assert printed(done)[-3:] == ["Second", "First", git(place, "rev-parse", "HEAD")]


def test_a_message_in_another_encoding_does_not_matter(tree: Tree) -> None:
    """Old histories hold bytes that are no UTF-8."""
    place = tree(one_task("clone:", "run: git log -1 --format=%s | wc -c"))
    (place / "message").write_bytes(b"caf\xe9\n")
    git(place, "commit", "--quiet", "--allow-empty", "-F", "message")
    done = exec_(place)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_directory_that_is_no_repository_is_run_too(tmp_path: Path) -> None:
    """Its files are what there is to clone."""
    place = tmp_path / "plain"
    (place / ".tidemill").mkdir(parents=True)
    (place / ".tidemill/config.yml").write_text(one_task("clone:", "run: cat file"))
    (place / "file").write_text("plain\n")
    done = exec_(place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert printed(done)[-1] == "plain"


def test_a_failure_is_exit_code_1_and_shows_the_last_lines(tree: Tree) -> None:
    """With the step and its exit code; steps after it are not done."""
    steps = (
        "run: echo fine",
        '{type: run, name: breaks, command: "echo the reason; exit 7"}',
        "run: echo never",
    )
    done = exec_(tree(one_task(*steps)))
    assert done.returncode == 1
    assert "never" not in printed(done)
    assert "a: step 2 'breaks' failed with exit code 7; its last lines:\n  the reason" in done.stdout
    assert "run 'r': failed in " in done.stdout


def test_a_failure_that_is_ignored_is_a_warning(tree: Tree) -> None:
    """Of a task and of a step; the run succeeds, and says how many there are."""
    text = """
runs:
- name: r
  tasks:
  - {name: lint, runtime: {type: host}, ignore_failure: true, steps: [{run: echo untidy; exit 3}]}
  - name: unit
    runtime: {type: host}
    steps: [{run: exit 4, ignore_failure: true}, {run: echo fine}]
"""
    done = exec_(tree(text))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^! lint +warning", done.stdout, re.MULTILINE)
    assert re.search(r"^✔ unit +success .*1 warning$", done.stdout, re.MULTILINE)
    assert "lint: step 1 'echo untidy; exit 3' failed with exit code 3; its last lines:" in done.stdout
    assert re.search(r"^run 'r': success, 2 warnings in ", done.stdout, re.MULTILINE)


def test_a_task_is_tried_again(tree: Tree) -> None:
    """As often as its `retry` says and after the ends that it names; all attempts are shown."""
    retry = "        retry: {attempts: 3, exit_codes: 7, backoff: 10ms}"
    done = exec_(tree(one_task("run: echo tried; exit 7", extra=retry)))
    assert done.returncode == 1, done.stdout + done.stderr
    assert printed(done) == ["tried"] * 3
    assert re.search(r"^✘ a +failed .* attempt 3$", done.stdout, re.MULTILINE)


def test_values_come_from_the_command_line_and_files_and_are_masked(tree: Tree, tmp_path: Path) -> None:
    """`--var` wins over files; what they hold stands in no log."""
    extra = "        environment: {A: {from_variable: a}, B: {from_variable: b}, C: {from_variable: c}}"
    place = tree(one_task('run: echo "$A/$B/$C" | tr a-z A-Z', "run: echo $B", extra=extra))
    (tmp_path / "vars.yml").write_text("a: from-file\nb: from-file\n")
    (tmp_path / "secrets.yml").write_text("b: hidden-value\n")
    files = ("--var-file", str(tmp_path / "vars.yml"), "--secret-file", str(tmp_path / "secrets.yml"))
    done = exec_(place, "--var", "a=from-option", *files)
    assert printed(done) == ["FROM-OPTION/HIDDEN-VALUE/", "***"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--var", "x"), 2, "write --var NAME=VALUE"),
        (("--jobs", "0"), 2, "--jobs must be 1 or more"),
        (("--task", "b"), 1, "run 'r' has no task 'b'"),
        (("other",), 1, "there is no run 'other'"),
        (("--dir", "missing"), 1, "is not a directory"),
        (("--var-file", "missing.yml"), 1, "cannot be read"),
        (("--driver", "moon"), 2, "moon"),
        (("--branch", ""), 2, "--branch must not be empty"),
        (("--branch", "b", "--tag", "t"), 2, "give one of them"),
        (("--event", "pull-request"), 2, "--pull-request N"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_wrong_argument_gets_one_line(tree: Tree, arguments: Sequence[str], code: int, says: str) -> None:
    """And the exit code of a wrong command line where it is one."""
    done = exec_(tree(one_task("run: 'true'")), *arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_progress_that_is_written_over_is_shown_as_it_ended(tree: Tree) -> None:
    """As a terminal would, not one after the other."""
    done = exec_(tree(one_task(r"run: printf '10 %%\r55 %%\rall\n'; exit 1")))
    assert printed(done) == ["all"]
    assert "its last lines:\n  all\n" in done.stdout


def test_a_summary_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long name takes the columns from nobody but itself."""
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((60, 20)))
    names = ("a" * 70, "b")
    plan = Plan(name="r", tasks=tuple(PlanTask(name=name) for name in names))
    run = Run(id=RunId("r"), name="r", group="", number=1, created_at=datetime.now(UTC))
    run = actions.create(run, plan, [TaskId(name) for name in names])
    (line,) = [line for line in summary(run, plan, {}) if " b " in line]
    assert len(line) <= 60


def test_a_pull_request_is_cloned_as_one(tree: Tree) -> None:
    """By its number; the event follows from it."""
    steps = ("clone:", "run: echo $TIDEMILL_PULL_REQUEST_ID $(ls -A)")
    assert printed(exec_(tree(one_task(*steps)), "--pull-request", "7"))[-1] == "7 .git .tidemill"


def test_a_tree_that_git_cannot_record_is_told_in_gits_words(tree: Tree) -> None:
    """Such as a repository in it that has no commit yet."""
    place = tree(one_task("run: 'true'"))
    git(place, "init", "--quiet", "inner")
    done = exec_(place)
    assert done.returncode == 1
    assert re.match(r"tidemill: git add failed in .*'inner/' does not have a commit", done.stderr)


def test_a_wrong_configuration_is_told_with_its_place(tree: Tree) -> None:
    """All of its problems, and nothing is run."""
    done = exec_(tree(one_task("rnu: echo", "run: {}")))
    assert done.returncode == 1
    assert re.search(r"config\.yml:9:\d+: .*rnu.*did you mean", done.stderr)
    assert re.search(r"config\.yml:10:", done.stderr)


def test_only_a_task_and_what_it_needs_are_run(tree: Tree) -> None:
    """`--task` leaves the others out."""
    task = "{{name: {0}, runtime: {{type: host}}, steps: [{{run: echo {0}}}], depends: [{1}]}}"
    tasks = ", ".join(task.format(*pair) for pair in (("a", ""), ("b", "a"), ("c", "")))
    done = exec_(tree(f"runs: [{{name: r, tasks: [{tasks}]}}]"), "--task", "b")
    assert (printed(done, "a"), printed(done, "b"), printed(done, "c")) == (["a"], ["b"], [])


def test_a_failure_keeps_tasks_that_wait_for_a_slot_from_starting(tree: Tree) -> None:
    """As on the server: those that nothing precedes are cancelled, what follows from begun tasks is done."""
    task = "{{name: {0}, runtime: {{type: host}}, steps: [{{run: echo {0}; {1}}}], depends: [{2}]}}"
    tasks = [("a", "exit 1", ""), ("b", "true", ""), ("c", "true", "{a: [on_failure]}"), ("d", "true", "b")]
    done = exec_(
        tree(f"runs: [{{name: r, tasks: [{', '.join(task.format(*one) for one in tasks)}]}}]"), "--jobs", "1"
    )
    assert done.returncode == 1
    assert [printed(done, name) for name in "abcd"] == [["a"], [], ["c"], []]
    assert re.search("b +cancelled +the run had its result before this task could start", done.stdout)


def test_a_task_that_needs_an_approval_waits_for_nobody(tree: Tree) -> None:
    """It is skipped and says why; with `--approve` it is done."""
    place = tree(one_task("run: echo approved", extra="        approval: true"))
    done = exec_(place)
    assert (printed(done), done.returncode) == ([], 0)
    assert "needs an approval: give --approve" in done.stdout
    assert printed(exec_(place, "--approve")) == ["approved"]


def test_ctrl_c_stops_the_tasks_and_leaves_nothing(tree: Tree, tmp_path: Path) -> None:
    """Their processes are gone, steps that are always done are done, the exit code says how it ended."""
    mark = f"{os.getpid()}.125"
    steps = (f"run: echo begun; sleep {mark}", "{type: run, command: echo tidied, always: true}")
    with begun(tree(one_task(*steps)), tmp_path / "scratch") as process:
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=SECONDS)
        assert process.returncode == 130, complaints
    assert "a | tidied" in rest
    assert "stopped" in rest
    assert not is_running(f"sleep {mark}")


def test_a_second_ctrl_c_waits_for_nothing_and_leaves_nothing(tree: Tree, tmp_path: Path) -> None:
    """Not even a step that is always done; its processes go too."""
    mark = f"{os.getpid()}.25"
    steps = (
        "run: echo begun; sleep 1000",
        f"{{type: run, command: echo tidying; sleep {mark}, always: true}}",
    )
    with begun(tree(one_task(*steps)), tmp_path / "scratch") as process:
        process.send_signal(signal.SIGINT)
        assert process.stdout
        assert any("a | tidying" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=SECONDS)
        assert (process.returncode, "Traceback" in complaints) == (130, False), complaints
    assert not is_running(f"sleep {mark}")


def test_an_output_that_nobody_reads_any_more_ends_it(tree: Tree, tmp_path: Path) -> None:
    """As with `| head -1`: what runs is stopped, and the exit code does not say that all was well."""
    mark = f"{os.getpid()}.375"
    steps = (f"run: echo begun; while sleep 0.05; do echo more; done & sleep {mark}",)
    with begun(tree(one_task(*steps)), tmp_path / "scratch") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        complaints = process.stderr.read()
        assert (process.wait(SECONDS), complaints) == (141, "")
    assert not is_running(f"sleep {mark}")


@contextmanager
def begun(place: Path, scratch: Path) -> Iterator[subprocess.Popen[str]]:
    """The command at work on a step that has printed `begun`; it must leave nothing in *scratch*."""
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "tidemill", "exec"],
        cwd=place,
        env=environment(scratch),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        line = next(line for line in process.stdout if "begun" in line or "run 'r'" in line)
        assert "a | begun" in line
        yield process
    assert list(scratch.iterdir()) == []


def is_running(command: str) -> bool:
    listed = subprocess.run(
        ["ps", "-eo", "args"], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    return command in listed.stdout
