"""What the repositories of examples/ print when `tidemill exec` runs them, with the host driver."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.repositories import ROOT

SECONDS = 60.0
_TASK_LINE = re.compile(r"(?P<task>.+?) \| (?P<line>.*)")
_CLONE = ("+ git ", "HEAD is now at ")
"""How the lines of the clone step begin, which names commits and temporary directories."""
ENDS = re.compile(r"^[✔✘↷!] (?P<task>.+?)  +(?P<status>[a-z]+)\b", re.MULTILINE)

_SIZE = re.compile(r"[\d,]+ bytes$")
"""How much was kept, compressed: not the same with every version of the compressor."""

_KEY = "dependencies-" + hashlib.sha256((ROOT / "cache/requirements.txt").read_bytes()).hexdigest()
SAVED = [
    f"key: {_KEY}: there is no such cache",
    "key: dependencies-: there is no such cache",
    "installed anew",
    f"key: {_KEY}",
    "vendor: 1 file, 14 B",
    "saved: … bytes",
]
FOUND = [
    f"key: {_KEY}: found",
    "1 entry, 14 B",
    "found in the cache",
    f"key: {_KEY}",
    "there is a cache of this key already: nothing to be done",
]
#: By example: which options it gets, and what each task ends as and prints.
PRINTED = {
    "cache": ([], {"dependencies": ("success", SAVED)}),
    "graph": (
        [],
        {
            "compile": ("success", ["compiled"]),
            "unit tests": ("success", ["42 passed"]),
            "flaky benchmark": ("warning", ["too slow"]),
            "publish": ("success", ["published"]),
            "explain the failure": ("success", ["the benchmark failed"]),
            "clean up": ("success", ["cleaned up, whatever happened"]),
        },
    ),
    "hello": (
        [],
        {"greet": ("success", ["hello from main", "/home/tidemill/project", ".git", ".tidemill"])},
    ),
    "include": (
        [],
        {
            "lint": ("success", ["linted"]),
            "package": ("success", ["packaged branch"]),
            "tell": ("success", ["channel stable"]),
        },
    ),
    "inputs": ([], {"deploy": ("success", ["to staging in eu-west, dry run true", "without a token"])}),
    "inputs, said": (
        ["--event", "manual", "--input", "target=production", "--var", "DEPLOY_TOKEN=hidden-token"],
        {"deploy": ("success", ["to production in eu-west, dry run true", "with a token"])},
    ),
    "jsonnet": (
        [],
        {
            "format": ("success", ["checked format"]),
            "types": ("success", ["checked types"]),
            "imports": ("success", ["checked imports"]),
            "shard 1 of 2": ("success", ["tests of shard 1"]),
            "shard 2 of 2": ("success", ["tests of shard 2"]),
            "publish": ("success", ["published"]),
        },
    ),
    "matrix": (
        [],
        {
            "test (python=3.11, database=sqlite)": ("success", ["testing Python 3.11 on sqlite"]),
            "test (python=3.12, database=sqlite)": ("success", ["testing Python 3.12 on sqlite"]),
            "test (python=3.12, database=postgresql)": ("success", ["testing Python 3.12 on postgresql"]),
            "test (python=3.13, database=sqlite)": ("success", ["testing Python 3.13 on sqlite"]),
            "report": ("success", ["all combinations passed"]),
        },
    ),
    "starlark": (
        [],
        {
            "build api": ("success", ["built api"]),
            "build web": ("success", ["built web"]),
            "integrate": ("success", ["integrated on branch"]),
        },
    ),
    "steps": (
        [],
        {
            "careful": (
                "success",
                ["a linter that may complain", "quick enough", "set for this step alone", "tidied up"],
            )
        },
    ),
    "workspace": (
        [],
        {
            "build": (
                "success",
                ["out: 1 file, 1 directory, 49 B", "kept for the tasks that depend on this one: … bytes"],
            ),
            "use": ("success", ["from task 'build', step 3:", "2 entries, 49 B", "built by run 1"]),
        },
    ),
    "when": (
        [],
        {
            "lint": ("success", ["linted"]),
            "documentation": ("success", ["documentation built"]),
            "end to end": ("success", ["tested end to end"]),
        },
    ),
    "when, on another branch": (
        ["--branch", "topic"],
        {
            "lint": ("success", ["linted"]),
            "documentation": ("success", ["documentation built"]),
            "end to end": ("skipped", []),
        },
    ),
}


def exec_(example: str, *arguments: str, scratch: Path) -> subprocess.CompletedProcess[str]:
    place = ["--dir", str(ROOT / example)]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "tidemill", "exec", *place, *arguments],
        env=kept | {"TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def printed(text: str) -> dict[str, list[str]]:
    """The lines of each task's steps, but for what cloning says."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if (said := _TASK_LINE.fullmatch(line)) and not said["line"].startswith(_CLONE):
            found.setdefault(said["task"], []).append(_SIZE.sub("… bytes", said["line"]))
    return found


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_is_executed(name: str, tmp_path: Path) -> None:
    """Each task ends as it should and prints what it should."""
    options, expected = PRINTED[name]
    branch = [] if "--branch" in options else ["--branch", "main"]
    done = exec_(name.partition(",")[0], *branch, *options, scratch=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = printed(done.stdout)
    ends = {end["task"].rstrip(): end["status"] for end in ENDS.finditer(done.stdout)}
    assert {task: (ends[task], lines.get(task, [])) for task in ends} == expected
    assert list(tmp_path.iterdir()) == []


def test_caches_last_where_they_are_told_to(tmp_path: Path) -> None:
    """With `--cache-dir` the next command finds what the one before has saved, and nothing else is left."""
    (tmp_path / "scratch").mkdir()
    for expected in (SAVED, FOUND):
        done = exec_("cache", "--cache-dir", str(tmp_path / "caches"), scratch=tmp_path / "scratch")
        assert (done.returncode, printed(done.stdout)["dependencies"]) == (0, expected)
        assert list((tmp_path / "scratch").iterdir()) == []
