"""What tells a wrong command line from a failure: the exit code is 2 and not 1."""

from tidemill.errors import BadRequest, Failure

#: The code of a Failure for a combination of arguments that makes no sense.
WRONG_USAGE = "wrongUsage"


def usage(message: str) -> Failure:
    """A wrong combination of arguments."""
    return BadRequest(message, code=WRONG_USAGE)
