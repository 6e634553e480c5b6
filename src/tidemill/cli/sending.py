"""A working tree sent to a server: recorded in a repository for the moment, and pushed from there."""

import os
import tempfile
import uuid
from pathlib import Path

import msgspec

from tidemill.cli.checkout import configured, git, look
from tidemill.cli.exec.snapshot import Contents, find_origin, take_snapshot
from tidemill.errors import BadRequest, Internal
from tidemill.work.cloning import authorization

_UUID = "agola.repouuid"
#: Nothing of the user's own settings has a part in this push, and nobody is asked anything.
_PLAIN_PUSH = {
    "credential.helper": "",
    "push.gpgSign": "false",
    "push.followTags": "false",
    "push.recurseSubmodules": "no",
    "push.pushOption": "",
    "push.negotiate": "false",
    "submodule.recurse": "false",
    "http.followRedirects": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
#: A large tree over a slow line takes its time.
_PUSH_SECONDS = 3600.0
_SILENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true"}


class Clone(msgspec.Struct, frozen=True, kw_only=True):
    """A working tree of a repository that knows what it is called on servers."""

    root: Path
    uuid: str


def find_clone(directory: Path) -> Clone:
    """The repository whose working tree *directory* is in; gives it a UUID if it has none yet."""
    top = look(directory, "rev-parse", "--show-toplevel").rstrip("\n")
    if not top or find_origin(root := Path(top)) is None:
        raise BadRequest(f"{directory} is in no working tree of git; make one with: git init")
    name = look(root, "config", "--get", _UUID).strip()
    if not name:
        name = str(uuid.uuid4())
        git(root, "config", "--local", _UUID, name)
    return Clone(root=root, uuid=name)


def send(clone: Clone, url: str, ref: str, token: str, contents: Contents) -> str:
    """Push the working tree as it is to *ref* of *url*; answers the commit.

    The token travels in the environment: it stands in no argument, no file and no address.
    """
    with tempfile.TemporaryDirectory(prefix="tidemill-direct-") as place:
        taken = take_snapshot(clone.root, Path(place) / "repository.git", contents=contents)
        header = {f"http.{url}.extraHeader": f"Authorization: {authorization(token)}"} if token else {}
        told = configured(_PLAIN_PUSH | header) | _SILENT | _of_transport()
        try:
            what = ("--quiet", "--force", url, f"{taken.commit}:{ref}")
            git(taken.repository, "push", *what, environment=told, seconds=_PUSH_SECONDS)
        except Internal as error:
            raise Internal(f"the working tree could not be sent: {error.message}") from error
        _remember(clone, taken.repository, taken.commit)
    return taken.commit


def _remember(clone: Clone, repository: Path, commit: str) -> None:
    """Leave the objects where the next push finds them, and need not send them again.

    No ref leads to them: git removes them by itself after two weeks.
    """
    quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
    look(
        clone.root,
        "-c",
        "gc.auto=0",
        "-c",
        "maintenance.auto=false",
        "fetch",
        *quiet,
        str(repository),
        commit,
    )


def _of_transport() -> dict[str, str]:
    """How the user's git checks certificates, where their environment says it."""
    return {name: value for name, value in os.environ.items() if name.startswith("GIT_SSL_")}
