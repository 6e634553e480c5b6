"""What git says of a working tree: its branch, and the commit that is checked out."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from tidemill.errors import Internal

_SECONDS = 30.0


class Head(NamedTuple):
    """The commit that is checked out; empty before the first one."""

    commit: str = ""
    message: str = ""


def current_branch(root: Path) -> str:
    """The branch that is checked out at *root*; "" when there is none."""
    return _git(root, "symbolic-ref", "--short", "--quiet", "HEAD").strip()


def head(root: Path) -> Head:
    """The commit that is checked out at *root*."""
    commit, _, message = _git(root, "log", "-1", "--format=%H%n%B", "HEAD", "--").partition("\n")
    return Head(commit, message.strip())


def _git(root: Path, *arguments: str) -> str:
    """What git says; "" where there is no git, no repository, or nothing to say."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", *arguments],
            cwd=root,
            env=clean,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except OSError:
        return ""
    except subprocess.TimeoutExpired:
        raise Internal(f"git {arguments[0]} took longer than {_SECONDS:.0f} s in {root}") from None
    return "" if done.returncode else done.stdout
