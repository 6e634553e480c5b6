"""What git says of a working tree: its branch, and the commit that is checked out."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tidemill.errors import Internal

_SECONDS = 120.0
_SETTINGS = ("-c", "safe.directory=*", "-c", "advice.addEmbeddedRepo=false", "-c", "core.hooksPath=/dev/null")


class Head(NamedTuple):
    """The commit that is checked out; empty before the first one."""

    commit: str = ""
    message: str = ""


def current_branch(root: Path) -> str:
    """The branch that is checked out at *root*; "" when there is none."""
    return _text(look(root, "symbolic-ref", "--short", "--quiet", "HEAD"))


def head(root: Path) -> Head:
    """The commit that is checked out at *root*."""
    commit, _, message = look(root, "log", "-1", "--format=%H%n%B", "HEAD", "--").partition("\n")
    return Head(commit, _text(message))


def look(at: Path, *arguments: str) -> str:
    """What git says; "" where there is no git, no repository, or nothing to say."""
    try:
        done = _run(at, arguments, {})
    except OSError:
        return ""
    return "" if done.returncode else done.stdout


def git(
    at: Path, *arguments: str, environment: Mapping[str, str] | None = None, seconds: float = _SECONDS
) -> str:
    """What git says; raises Internal with its own words when it fails."""
    done = _run(at, arguments, environment or {}, seconds)
    if done.returncode:
        raise Internal(f"git {arguments[0]} failed in {at}: {done.stderr.strip()}")
    return done.stdout


def configured(settings: Mapping[str, str]) -> dict[str, str]:
    """What tells git *settings* by its environment, where no other process reads them."""
    numbered = {
        f"GIT_CONFIG_{what}_{index}": text
        for index, pair in enumerate(settings.items())
        for what, text in zip(("KEY", "VALUE"), pair, strict=True)
    }
    return {"GIT_CONFIG_COUNT": str(len(settings)), **numbered}


def _text(said: str) -> str:
    """What is meant for people: bytes that are no UTF-8 are shown as such."""
    return said.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()


def _run(
    at: Path, arguments: tuple[str, ...], environment: Mapping[str, str], seconds: float = _SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run git; of our own environment it sees nothing that would lead it to another repository."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        return subprocess.run(
            ["git", *_SETTINGS, *arguments],
            cwd=at,
            env=clean | dict(environment),
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Internal(f"git {arguments[0]} took longer than {seconds:.0f} s in {at}") from None
