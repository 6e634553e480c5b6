"""Each import contract is seen to fire on a planted violation, so that none is kept by accident."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]

PLANTED = {
    "The folder listing is the architecture": ("kit/contract.py", "import tidemill.serve"),
    "No service imports another": ("services/scheduler/__init__.py", "import tidemill.services.gateway"),
    "The core touches nothing outside itself": ("core/plan.py", "import time"),
    "SQL lives in stores": ("work/__init__.py", "import sqlalchemy"),
    "A client needs no server": ("contracts/jobs.py", "import starlette"),
    "The public API owes the core nothing": ("contracts/gateway/__init__.py", "import tidemill.core.run"),
    "Mechanism knows no policy": ("services/runservice/__init__.py", "import tidemill.contracts.configstore"),
    "No cycles anywhere": ("core/plan.py", "import tidemill.core.job"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the source tree with its contracts."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def lint(tree: Path) -> str:
    done = subprocess.run(
        LINT,
        cwd=tree,
        env={"PYTHONPATH": str(tree / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def test_planted_violations_are_found(copy: Path) -> None:
    """With one wrong import per contract, every contract is reported broken."""
    for relative, line in PLANTED.values():
        path = copy / "src" / "tidemill" / relative
        path.write_text(path.read_text() + f"\n{line}\n")
    report = lint(copy)
    kept = [contract for contract in PLANTED if f"{contract} BROKEN" not in report]
    assert not kept, report
