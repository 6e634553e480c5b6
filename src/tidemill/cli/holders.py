"""What secrets and variables have in common on the command line: whose they are, where text comes from."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tidemill.cli.usage import usage
from tidemill.errors import BadRequest

STDIN = "-"

ProjectOption = Annotated[str, Parameter(name="--project", help="The project's path or id.")]
GroupOption = Annotated[
    str, Parameter(name="--group", help="The project group's path or id: for all projects below it.")
]
Inherited = Annotated[
    bool,
    Parameter(name="--inherited", negative="", help="What is inherited too, without what nearer ones hide."),
]


def check_holder(project: str, group: str) -> None:
    """Raise what is wrong unless exactly one of both is given."""
    if bool(project) == bool(group):
        raise usage("give exactly one of --project and --group")


def read_bytes(file: str, prompt: str = "") -> bytes:
    """What stands in *file*, or comes in at standard input; what a person types there is hidden."""
    try:
        if file != STDIN:
            return Path(file).read_bytes()
        if prompt and sys.stdin.isatty():
            return getpass.getpass(f"{prompt}: ").encode()
        return sys.stdin.buffer.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadRequest(f"{file} cannot be read: {reason}") from error
