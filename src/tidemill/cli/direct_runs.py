"""The direct runs of a user, named where a project is named: as `user/alice`, or with `--user alice`."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from tidemill.cli.usage import usage

if TYPE_CHECKING:  # every command line comes through here, and few ask a server
    from tidemill.contracts.gateway import Gateway

#: Commands about runs, which take `--user`.
COMMANDS = frozenset({"run", "log", "artifact"})
_OPTIONS = ("--user", "--username")
_OF_PROJECT, _OF_USER = "project_run", "user_run"
_USER = re.compile(r"user/([^/]+)")


def user_of(named: str) -> str:
    """The user whose direct runs are meant; "" when *named* is a project."""
    found = _USER.fullmatch(named)
    return found[1] if found else ""


def with_user_first(arguments: Sequence[str], words: int) -> list[str]:
    """*arguments*, where `--user NAME` (or `--username`) is the first behind the *words* of the command."""
    given = list(arguments)
    for index, word in enumerate(given[words:], words):
        if word == "--":
            break
        option, equals, value = word.partition("=")
        if option in _OPTIONS:
            name = value if equals else "".join(given[index + 1 : index + 2])
            if not name or "/" in name or name.startswith("-"):
                raise usage(f"{option} needs the name of a user, such as alice")
            del given[index : index + (1 if equals else 2)]
            given.insert(words, f"user/{name}")
            break
    return given


class _DirectRuns:
    """The gateway, asked about the runs of a user wherever it is asked about those of a project."""

    def __init__(self, gateway: "Gateway", user: str) -> None:
        self._gateway = gateway
        self._user = user

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call: Callable[..., Any] | None = getattr(self._gateway, name.replace(_OF_PROJECT, _OF_USER), None)
        if call is None:
            raise usage(f"user/{self._user} has direct runs alone: name a project, such as user/alice/hello")
        if _OF_PROJECT not in name:
            return call
        return lambda _, *args, **options: call(self._user, *args, **options)


def asked_about(gateway: "Gateway", named: str) -> "Gateway":
    """The gateway for commands about runs of *named*, a project or a user's direct runs."""
    user = user_of(named)
    return cast("Gateway", _DirectRuns(gateway, user)) if user else gateway
