"""The supervisor's program, compiled: no pod has the 10 ms to compile it again."""

import os
import py_compile
import sys
from collections.abc import Sequence
from pathlib import Path

from tidemill.pods.host import inside

START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from inside.main import main; main()"


def compile_program(directory: Path) -> Path:
    """Compile the package `inside` into *directory*; answers where it can be imported from."""
    for source in Path(inside.__file__ or "").parent.glob("*.py"):
        py_compile.compile(
            str(source),
            cfile=str(directory / "inside" / f"{source.stem}.pyc"),
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
