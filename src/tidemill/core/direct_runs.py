"""Repositories of direct runs: a user has some, each called by what a clone of theirs calls itself."""

import re
from typing import Any

import msgspec

from tidemill.core.names import is_id
from tidemill.core.patterns import compile_expression
from tidemill.core.refs import Ref, parse_ref, pull_request

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,48}[A-Za-z0-9])?", re.ASCII)

#: What a repository may be called, for messages to people.
DIRECT_NAME_RULE = "a repository is called by a UUID, or by at most 50 letters, digits, - and _"
MOST_EXPRESSIONS = 20
_LONGEST_EXPRESSION = 1000


class DirectRepository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository of a user that belongs to no project."""

    user: str
    """The user's id."""
    name: str

    @property
    def id(self) -> str:
        """What names it among all repositories; no project has such an id."""
        return f"{self.user}.{self.name}"

    @property
    def path(self) -> str:
        """Its address below `/repos/`, without `.git`."""
        return f"{self.user}/{self.name}"


def direct_repository(id: str) -> DirectRepository | None:
    """The repository with this id; None for that of a project."""
    user, dot, name = id.partition(".")
    return DirectRepository(user=user, name=name) if dot and _is_right(user, name) else None


def repository_at(path: str) -> DirectRepository | None:
    """The repository at `<user id>/<name>`; None for a path that has no such form."""
    user, slash, name = path.partition("/")
    return DirectRepository(user=user, name=name) if slash and _is_right(user, name) else None


def is_repository_name(text: str) -> bool:
    """Whether a repository may be called so."""
    return _NAME.fullmatch(text) is not None


def _is_right(user: str, name: str) -> bool:
    return is_id(user) and is_repository_name(name)


class PullRequestRefs:
    """Refs of pull requests: an expression (RE2) is found in them, and its first group is the id."""

    def __init__(self, expressions: tuple[str, ...]) -> None:
        """Raises ValueError, which says what is wrong with them."""
        if len(expressions) > MOST_EXPRESSIONS:
            raise ValueError(f"{len(expressions)} expressions were given; {MOST_EXPRESSIONS} are the most")
        self._expressions = [_compiled(text) for text in expressions]

    def parse(self, full: str) -> Ref | None:
        """The branch, tag or pull request that *full* names; None for every other ref."""
        if full.startswith(("refs/heads/", "refs/tags/")):
            return parse_ref(full)
        for expression in self._expressions:
            found = expression.search(full)
            if found is not None and found[1]:
                return pull_request(found[1], full)
        return None


def _compiled(text: str) -> Any:
    if len(text) > _LONGEST_EXPRESSION:
        raise ValueError(f"an expression has at most {_LONGEST_EXPRESSION} characters")
    try:
        expression = compile_expression(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    if expression.groups < 1:
        raise ValueError(f"{text!r} needs a group, such as (\\d+): what it finds is the pull request's id")
    return expression
