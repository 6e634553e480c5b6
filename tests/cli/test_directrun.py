"""`tidemill directrun start`: the working tree as it is becomes a run, and stays as it is."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tidemill
from tests.system.server import User, config

CLONE = {"steps": [{"clone": {}}, {"run": "cat *.txt"}]}


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=directory, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def written(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working tree without a commit."""
    home, tree = tmp_path / "home", tmp_path / "tree"
    home.mkdir()
    tree.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tree)
    git(tree, "init", "-q", "-b", "work")
    written(tree, config("", **CLONE))
    return tree


def log_of(user: User, number: int, step: int) -> bytes:
    run = f"/users/{user.name}/runs/{number}"
    (task,) = user.get(run)["tasks"]
    answer = user.request("GET", f"{run}/tasks/{task}/logs", step=step)
    assert answer.status_code == 200, answer.text
    return answer.content


def started(tidemill: Tidemill, *options: str, code: int = 0) -> dict[str, Any]:
    answer = tidemill("directrun", "start", "-o", "json", *options)
    assert answer.code == code, answer.err
    return dict(json.loads(answer.out))


def test_the_working_tree_becomes_a_run(tidemill: Tidemill, as_alice: User, tree: Path) -> None:
    """Committed, changed, staged and new files are in it, deleted and ignored ones are not; nothing moves."""
    written(
        tree, {"a.txt": "committed\n", "b.txt": "before\n", "gone.txt": "gone\n", ".gitignore": "c.txt\n"}
    )
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "first")
    written(tree, {"b.txt": "changed\n", "c.txt": "ignored\n", "d.txt": "new\n", "e.txt": "staged\n"})
    (tree / "gone.txt").unlink()
    git(tree, "add", "e.txt")
    before = (
        git(tree, "status", "--porcelain"),
        git(tree, "for-each-ref"),
        (tree / ".git/index").read_bytes(),
    )
    made = started(tidemill, "-f")
    after = (
        git(tree, "status", "--porcelain"),
        git(tree, "for-each-ref"),
        (tree / ".git/index").read_bytes(),
    )
    assert before == after
    (run,) = made["runs"]
    assert (run["phase"], run["result"]) == ("finished", "success")
    assert log_of(as_alice, run["number"], 1).split() == [b"committed", b"changed", b"new", b"staged"]
    assert made["repository"].endswith(git(tree, "config", "agola.repouuid"))
    shown = as_alice.get(f"/users/alice/runs/{run['number']}")["annotations"]
    assert (shown["run_type"], shown["ref"], shown["commit_sha"]) == (
        "user",
        "refs/heads/master",
        made["commit"],
    )
    assert run["url"].endswith(f"/users/alice/runs/{run['number']}")


def test_what_is_recorded_can_be_chosen(tidemill: Tidemill, as_alice: User, tree: Path) -> None:
    """With ignored files, or without new ones; in a repository without a commit too."""
    written(tree, {"a.txt": "new\n", "c.txt": "ignored\n", ".gitignore": "c.txt\n"})
    (run,) = started(tidemill, "--ignored", "-f")["runs"]
    assert log_of(as_alice, run["number"], 1).split() == [b"new", b"ignored"]
    git(tree, "add", ".tidemill", ".gitignore")
    (run,) = started(tidemill, "--untracked=false", "-f", code=1)["runs"]
    assert run["result"] == "failed"
    assert b"No such file" in log_of(as_alice, run["number"], 1)


def test_it_may_run_as_anything(tidemill: Tidemill, as_alice: User, tree: Path) -> None:
    """As a tag, or as a pull request whose id an expression finds; what is none of them is refused."""
    number = started(tidemill, "--tag", "v1")["runs"][0]["number"]
    assert as_alice.get(f"/users/alice/runs/{number}")["annotations"]["tag"] == "v1"
    number = started(tidemill, "--ref", "refs/pull/7/head")["runs"][0]["number"]
    shown = as_alice.get(f"/users/alice/runs/{number}")["annotations"]
    assert (shown["pull_request_id"], shown["ref_type"]) == ("7", "pull_request")
    expression = ("--pull-request-ref-regexes", r"refs/changes/(\d+)")
    number = started(tidemill, "--ref", "refs/changes/12", *expression)["runs"][0]["number"]
    assert as_alice.get(f"/users/alice/runs/{number}")["annotations"]["pull_request_id"] == "12"
    assert (
        "none of pull_request_ref_regexes"
        in tidemill("directrun", "start", "--ref", "refs/other/1").complaint
    )
    assert tidemill("directrun", "start", "--tag", "v1", "--branch", "main").code == 2


def test_variables_come_with_it(tidemill: Tidemill, as_alice: User, tree: Path, tmp_path: Path) -> None:
    """From files and words, which win; their values are masked, also when the run is done again."""
    step = {"run": 'test "$ONE" = from-a-word; test "$TWO" = from-a-file; test -z "$THREE"; echo "$TWO"'}
    names = {"ONE": "one", "TWO": "two", "THREE": "three"}
    environment = {name: {"from_variable": variable} for name, variable in names.items()}
    written(tree, config("", steps=[step], environment=environment))
    (tmp_path / "vars.yml").write_text("one: from-the-file\ntwo: from-a-file\n")
    (run,) = started(tidemill, "--var-file", str(tmp_path / "vars.yml"), "--var", "one=from-a-word", "-f")[
        "runs"
    ]
    assert log_of(as_alice, run["number"], 0) == b"***\r\n"
    assert tidemill("run", "restart", "--user", "alice", str(run["number"])).code == 0
    assert tidemill("run", "watch", "--user", "alice", str(run["number"] + 1)).code == 0
    assert tidemill("directrun", "start", "--var", "empty=").code == 2


def test_settings_of_the_users_git_do_not_matter(tidemill: Tidemill, as_alice: User, tree: Path) -> None:
    """Hooks, signatures, line ends, push options, credential helpers: as if they were not there."""
    hooks = tree.parent / "hooks"
    written(hooks, {"pre-push": "#!/bin/sh\nexit 1\n", "reference-transaction": "#!/bin/sh\nexit 1\n"})
    for hook in hooks.iterdir():
        hook.chmod(0o755)
    (tree.parent / "home/.gitconfig").write_text(
        f"[core]\nhooksPath = {hooks}\nautocrlf = input\nsafecrlf = true\n"
        "[commit]\ngpgSign = true\n[push]\ngpgSign = true\nfollowTags = true\npushOption = one\n"
        'recurseSubmodules = on-demand\n[credential]\nhelper = "!exit 1"\n[gpg]\nprogram = /bin/false\n'
    )
    written(tree, {"a.txt": "one\r\ntwo\n"})
    (run,) = started(tidemill, "-f")["runs"]
    assert log_of(as_alice, run["number"], 1) == b"one\r\ntwo\r\n"  # a terminal's line ends


def test_worktrees_and_submodules(tidemill: Tidemill, as_alice: User, tree: Path) -> None:
    """A linked worktree runs as itself, and is called as its repository is; submodules are no hindrance."""
    inner = tree.parent / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    git(inner, "commit", "-q", "--allow-empty", "-m", "inner")
    git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "module")
    written(tree, {"a.txt": "first\n"})
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "first")
    first = started(tidemill)
    linked = tree.parent / "linked"
    git(tree, "worktree", "add", "-q", str(linked), "-b", "other")
    written(linked, {"a.txt": "linked\n"})
    (linked / "sub").mkdir()
    made = started(tidemill, "--dir", str(linked / "sub"), "-f")
    assert made["repository"] == first["repository"]
    assert log_of(as_alice, made["runs"][0]["number"], 1) == b"linked\r\n"


def test_people_are_told_where_it_runs(tidemill: Tidemill, as_alice: User, tree: Path) -> None:
    """Number and address; with -f the log; a run that nothing asks for is said, and is no success."""
    written(tree, {"a.txt": "the content\n"})
    answer = tidemill("directrun", "start", "-f")
    assert answer.code == 0
    assert "run #" in answer.out
    assert f"{as_alice.server.url}/api/v1alpha/users/alice/runs/" in answer.out
    assert "the content" in answer.out
    never = json.loads(config("true")[".tidemill/config.yml"])
    never["runs"][0]["when"] = {"branch": "other"}
    written(tree, {".tidemill/config.yml": json.dumps(never)})
    answer = tidemill("directrun", "start", "-f")
    assert answer.code == 1
    assert "no run was made" in answer.out
    (tree / ".tidemill/config.yml").unlink()
    assert "no configuration file" in tidemill("directrun", "start").complaint


def test_what_is_wrong_is_said(
    tidemill: Tidemill, as_alice: User, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No working tree, no token, the administrator's: one sentence each, and nothing is pushed."""
    assert "git init" in tidemill("directrun", "start", "--dir", str(tree.parent)).complaint
    assert "a user's" in tidemill("directrun", "start", "--token", as_alice.server.admin_token).complaint
    monkeypatch.delenv("TIDEMILL_TOKEN")
    assert "--token" in tidemill("directrun", "start").complaint


def test_the_token_stands_nowhere(
    tidemill: Tidemill, as_alice: User, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no argument of a git that is started, and in no file of the repository."""
    shim = tree.parent / "shim"
    seen = tree.parent / "seen"
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    written(shim, {"git": f'#!/bin/sh\nprintf "%s\\n" "$*" >>{seen}\nexec {real} "$@"\n'})
    (shim / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim}:{os.environ['PATH']}")
    started(tidemill)
    assert "push" in seen.read_text()
    assert as_alice.token not in seen.read_text()
    files = [path for path in tree.rglob("*") if path.is_file()]
    assert not [path for path in files if as_alice.token.encode() in path.read_bytes()]


def test_the_example_of_the_manual_runs(
    tidemill: Tidemill, as_alice: User, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/direct-runs.md, from nothing to a log."""
    page = Path(__file__).parents[2] / "docs/direct-runs.md"
    example = page.read_text().split("```sh\n")[1].split("```")[0]
    place = tree.parent / "elsewhere"
    place.mkdir()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", example],
        cwd=place,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "not committed" in done.stdout
    assert "run #" in done.stdout
