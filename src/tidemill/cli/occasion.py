"""On what occasion a working tree is planned: its ref, commit and event, as options say or as git does."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tidemill.cli.checkout import current_branch, head
from tidemill.cli.usage import usage
from tidemill.core.context import Context, Event
from tidemill.core.environment import static_environment
from tidemill.core.refs import Ref, RefType, branch, parse_ref, tag

NO_COMMIT = "0" * 40
_PULL_REQUEST = re.compile(r"refs/(?:pull|merge-requests)/([^/]+)/(?:head|merge)")
_BY_HAND = (Event.MANUAL, Event.DIRECT)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a command line says of the occasion; None is for what it leaves open."""

    branch: str | None = None
    tag: str | None = None
    ref: str | None = None
    pull_request: str | None = None
    event: Event | None = None
    changed_files: tuple[str, ...] | None = None
    inputs: Mapping[str, str] = {}


def wanted_ref(wanted: Wanted) -> Ref | None:
    """The ref that is asked for; None is the branch that is checked out. BadRequest when it is not one."""
    given = {
        "--branch": wanted.branch,
        "--tag": wanted.tag,
        "--ref": wanted.ref,
        "--pull-request": wanted.pull_request,
    }
    named = [option for option, value in given.items() if value is not None]
    if len(named) > 1:
        raise usage(f"{' and '.join(named)} contradict each other: give one of them")
    for option in named:
        if not given[option]:
            raise usage(f"{option} must not be empty")
    if wanted.branch is not None:
        return branch(wanted.branch)
    if wanted.tag is not None:
        return tag(wanted.tag)
    if wanted.pull_request is not None:
        if not (wanted.pull_request.isascii() and wanted.pull_request.isdigit()):
            raise usage(f"--pull-request {wanted.pull_request}: write its number")
        return Ref(
            type=RefType.PULL_REQUEST, name=wanted.pull_request, full=f"refs/pull/{wanted.pull_request}/head"
        )
    return None if wanted.ref is None else _parsed(wanted.ref)


def wanted_event(wanted: Wanted, ref: Ref | None) -> Event:
    """The event that is asked for, or that follows from the other options; BadRequest when they disagree."""
    is_pull_request = ref is not None and ref.type is RefType.PULL_REQUEST
    event = wanted.event
    if event is None:
        if wanted.inputs:
            return Event.MANUAL
        return Event.PULL_REQUEST if is_pull_request else Event.PUSH
    if wanted.inputs and event not in _BY_HAND:
        raise usage(f"--input and --event {event} contradict each other: inputs are given by hand (manual)")
    if event is Event.PUSH and is_pull_request:
        raise usage("--event push and a pull request contradict each other: leave out one of them")
    if event is Event.PULL_REQUEST and not is_pull_request:
        raise usage("--event pull_request needs the number of one: --pull-request N")
    return event


def occasion(root: Path, wanted: Wanted) -> Context:
    """The context for planning the tree at *root*; BadRequest when no ref is known."""
    ref = wanted_ref(wanted)
    event = wanted_event(wanted, ref)
    if ref is None:
        name = current_branch(root)
        if not name:
            raise usage(f"{root} is on no branch of git: say --branch, --tag, --ref or --pull-request")
        ref = branch(name)
    commit, message = head(root)
    return Context(
        ref=ref,
        commit_sha=commit or NO_COMMIT,
        message=message,
        environment=static_environment(ref, commit or NO_COMMIT, f"file://{root}"),
        event=event,
        changed_files=wanted.changed_files,
        inputs=dict(wanted.inputs),
    )


def _parsed(full: str) -> Ref:
    if found := parse_ref(full):
        return found
    if number := _PULL_REQUEST.fullmatch(full):
        return Ref(type=RefType.PULL_REQUEST, name=number[1], full=full)
    raise usage(f"--ref {full}: write refs/heads/NAME, refs/tags/NAME or refs/pull/NUMBER/head")
