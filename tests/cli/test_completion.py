"""Completion: commands, options, and what a server knows; silence when something is wrong."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import NOWHERE, Tidemill
from tests.system.server import User


def completed(tidemill: Tidemill, *words: str) -> list[str]:
    answer = tidemill("__complete", "--", *words)
    assert answer.err == ""
    return answer.out.split()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ru|", "run"),
        ("project |", "secret"),
        ("project secret cr|", "create"),
        ("run list --li|", "--limit"),
        ("run list -o |", "json"),
        ("run list --phase r|", "running"),
        ("org member add acme alice --role |", "owner"),
    ],
)
def test_commands_options_and_choices(tidemill: Tidemill, line: str, found: str) -> None:
    """What the command line knows by itself, and nothing that does not fit."""
    words = line.removesuffix("|").split(" ")
    answers = completed(tidemill, *words)
    assert found in answers
    assert all(answer.startswith(words[-1]) for answer in answers)


def test_what_a_server_knows(as_alice: User, tidemill: Tidemill) -> None:
    """Groups and projects step by step, users, by place and by option."""
    project = as_alice.project("completed")
    assert "user/alice/" in completed(tidemill, "run", "list", "us")
    assert project.path in completed(tidemill, "run", "list", "user/alice/comp")
    assert project.path in completed(tidemill, "run", "list", "--project", "user/alice/")
    assert completed(tidemill, "user", "delete", "ali") == ["alice"]
    assert completed(tidemill, "run", "get", project.path, "") == []


@pytest.mark.parametrize("line", ["run list user/", "nonsense ", "run list --bogus ", "run get a b "])
def test_what_is_wrong_is_silent(tidemill: Tidemill, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """No server, no such command: nothing is offered and nothing is said."""
    monkeypatch.setenv("TIDEMILL_GATEWAY_URL", NOWHERE)
    assert completed(tidemill, *line.split(" ")) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_are_scripts(tidemill: Tidemill, tmp_path: Path, shell: str) -> None:
    """A shell that is here can read its script."""
    text = tidemill("completion", shell).out
    assert "__complete" in text
    there = shutil.which(shell)
    if there:
        script = tmp_path / "script"
        script.write_text(text)
        read = subprocess.run([there, "-n", str(script)], capture_output=True, text=True, check=False)
        assert (read.returncode, read.stderr) == (0, "")


def test_bash_completes(tidemill: Tidemill, tmp_path: Path) -> None:
    """Bash itself offers what the command says."""
    script = tmp_path / "script"
    script.write_text(tidemill("completion", "bash").out)
    command = tmp_path / "tidemill"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tidemill "$@"\n')
    command.chmod(0o755)
    lines = (
        f'source {script}; COMP_WORDS=({command} run li); COMP_CWORD=2; _tidemill; echo "${{COMPREPLY[@]}}"'
    )
    told = subprocess.run(["bash", "-c", lines], capture_output=True, text=True, check=True, timeout=30)
    assert told.stdout == "list\n"
