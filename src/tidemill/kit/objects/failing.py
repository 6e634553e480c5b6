"""What stores raise, turned into our errors."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError

from tidemill.errors import NotFound, Unavailable


@contextmanager
def failures(name: str, *, reading: bool = False) -> Iterator[None]:
    """Turn what stores raise into our errors; an object can be missing only where one is read."""
    try:
        yield
    except (BaseError, OSError) as error:
        if reading and isinstance(error, FileNotFoundError):
            raise NotFound(f"there is no object {name}", code="objectDoesNotExist") from error
        raise Unavailable(f"object store: {name}: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full"
    return str(error).partition("\n")[0]
