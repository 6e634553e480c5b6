"""What to tell of several things that went wrong at once."""


def first_of(error: BaseException) -> BaseException:
    """What has gone wrong first, of all that went wrong beside it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
