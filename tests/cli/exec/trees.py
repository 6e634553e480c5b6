"""Working trees to execute, and the real command in them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

SECONDS = 60.0
Tree = Callable[..., Path]


def git(tree: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=tree, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    return done.stdout.strip()


def one_task(*steps: str, extra: str = "") -> str:
    lines = "\n".join(f"          - {step}" for step in steps)
    return f"""
runs:
  - name: r
    tasks:
      - name: a
        runtime: {{type: host}}
{extra}
        steps:
{lines}
"""


def environment(scratch: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    return kept | {"TMPDIR": str(scratch)}


def exec_(tree: Path, *arguments: str, at: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run it in *tree*, with a temporary directory of its own that must be empty afterwards."""
    with tempfile.TemporaryDirectory(dir=tree.parent) as scratch:
        done = subprocess.run(
            [sys.executable, "-m", "tidemill", "exec", *arguments],
            cwd=at or tree,
            env=environment(Path(scratch)),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert list(Path(scratch).iterdir()) == [], "something was left behind"
    return done


def printed(done: subprocess.CompletedProcess[str], task: str = "a") -> list[str]:
    """The lines that a task's steps have printed."""
    marker = f"{task} | "
    return [line.removeprefix(marker) for line in done.stdout.splitlines() if line.startswith(marker)]
