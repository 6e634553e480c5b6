"""Group paths: opaque, absolute, and counted by their first two elements."""

from tidemill.errors import BadRequest

_COUNTED = 2


def checked(path: str) -> str:
    """*path* as a group's path; BadRequest `invalidRunGroup` when it is none."""
    if not path.startswith("/") or not all(elements(path)):
        raise BadRequest(
            f"{path!r} is no group: write an absolute path without empty elements", code="invalidRunGroup"
        )
    return path


def elements(path: str) -> list[str]:
    """The elements of an absolute path."""
    return path.split("/")[1:]


def counter_path(path: str) -> str:
    """The counter group that a group's runs are numbered in."""
    return "/" + "/".join(elements(path)[:_COUNTED])


def has_counter(path: str) -> bool:
    """Whether all runs below *path* are numbered in one counter group."""
    return len(elements(path)) >= _COUNTED


def contest_path(path: str, concurrency: str) -> str:
    """Where the token of a concurrency group is kept: it is one of its counter group, and no path of runs."""
    return f"~{counter_path(path)} {concurrency}"
