"""Why something cannot be done with a task's files."""


class ToolFailure(Exception):
    """A sentence for the log of the step."""


def reason(error: OSError) -> str:
    """Why, in the system's words, without the path."""
    return error.strerror or str(error)
