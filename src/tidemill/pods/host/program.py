"""The programs that run in a pod, compiled: no pod has the 10 ms to compile them again."""

import os
import py_compile
import sys
from collections.abc import Sequence
from pathlib import Path

from tidemill.kit import toolbox
from tidemill.pods.host import inside

START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from inside.main import main; main()"


def compile_program(directory: Path) -> Path:
    """Compile the supervisor and the toolbox into *directory*; answers where they can be imported from."""
    for package in (inside, toolbox):
        source = Path(package.__file__ or "").parent
        for module in source.glob("*.py"):
            py_compile.compile(
                str(module),
                cfile=str(directory / source.name / f"{module.stem}.pyc"),
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
    return directory


def python(*arguments: str) -> list[str]:
    """Our own Python, bare: without site-packages, environment and current directory."""
    return [os.path.realpath(sys.executable), "-I", "-S", *arguments]


def run_program(program: Path | str, arguments: Sequence[str]) -> list[str]:
    """The command that runs the supervisor."""
    return python("-c", START, str(program), *arguments)
