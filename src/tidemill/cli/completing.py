"""What may stand where a command line is being typed: commands, options, and what a server knows."""

import os
import re
from collections.abc import Sequence
from typing import get_args

import anyio
from cyclopts import App

from tidemill.cli.client import Remote, client, where
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.errors import Failure
from tidemill.kit.connect import connect

#: Seconds; whoever presses Tab waits for it.
_PATIENCE = 1.0
_MOST = 30
_PROJECT, _GROUP, _USER, _RUN, _ORG, _SOURCE = "PROJECT", "GROUP", "USER", "RUN", "ORG", "SOURCE"
_KINDS = {
    "--project": _PROJECT,
    "--projectgroup": _GROUP,
    "--group": _GROUP,
    "--parent": _GROUP,
    "--user": _USER,
    "--username": _USER,
    "--number": _RUN,
    "--runnumber": _RUN,
    "--org": _ORG,
    "--orgname": _ORG,
    "--remotesource": _SOURCE,
    "--remote-source": _SOURCE,
}


def candidates(app: App, words: Sequence[str]) -> list[str]:
    """What the last of *words*, which may be empty, may become; nothing when nobody knows."""
    *before, typed = words or [""]
    path, _, rest = app.parse_commands(list(before))
    command = app
    for word in path:
        command = command[word]
    if command.default_command is None:
        names = [] if rest else [name for name in command if name[0] not in "-_"]
        return _fitting(names, typed)
    options = _options(command)
    if typed.startswith("-") and "=" not in typed:
        return _fitting(sorted(options), typed)
    option, positional = _place(options, rest)
    if option:
        values = _values(options[option])
        kind = "" if values else _kind(options[option].names)
    else:
        values, kind = [], _positional_kind(command, len(positional))
    if not kind:
        return _fitting(values, typed)
    return _fitting(_asked(kind, _remote(options, rest), _project(options, rest, positional), typed), typed)


class _Option:
    """An option of a command."""

    def __init__(self, names: Sequence[str], hint: object, is_flag: bool) -> None:
        self.names = names
        self.hint = hint
        self.is_flag = is_flag


def _options(command: App) -> dict[str, _Option]:
    found: dict[str, _Option] = {}
    for argument in command.assemble_argument_collection():
        if argument.show and not argument.children:
            option = _Option(
                argument.names, argument.hint, argument.hint is bool or bool in get_args(argument.hint)
            )
            found |= {name: option for name in argument.names if name.startswith("-")}
    return found


def _place(options: dict[str, _Option], rest: Sequence[str]) -> tuple[str, list[str]]:
    """The option whose value comes next ("" when none does), and the words that belong to no option."""
    waiting, positional = "", list[str]()
    for word in rest:
        if waiting:
            waiting = ""
        elif word.startswith("-") and word != "-":
            option = options.get(word)
            waiting = word if option and not option.is_flag else ""
        else:
            positional.append(word)
    return waiting, positional


def _values(option: _Option) -> list[str]:
    """Those that a type names, also where it may be missing or be many."""
    if "--phase" in option.names:  # which is a list with commas too
        return ["setuperror", "queued", "cancelled", "running", "finished"]
    hints = [option.hint, *get_args(option.hint)]
    found = [value for hint in hints for value in (get_args(hint) or [hint])]
    return [value for value in found if isinstance(value, str)]


def _kind(names: Sequence[str]) -> str:
    return next((_KINDS[name] for name in names if name in _KINDS), "")


def _positional_kind(command: App, place: int) -> str:
    arguments = [each for each in command.assemble_argument_collection() if each.index is not None]
    found = [each for each in arguments if each.index == place]
    return _kind([*found[0].names, f"--{found[0].field_info.name}"]) if found else ""


def _given(options: dict[str, _Option], rest: Sequence[str], name: str) -> str:
    """The value that an option has on the line, by any of its names."""
    names = options[name].names if name in options else ()
    for index, word in enumerate(rest):
        option, equals, value = word.partition("=")
        if option in names:
            return value if equals else "".join(rest[index + 1 : index + 2])
    return ""


def _remote(options: dict[str, _Option], rest: Sequence[str]) -> Remote:
    url = _given(options, rest, "--gateway-url") or os.environ.get("TIDEMILL_GATEWAY_URL", "")
    token = _given(options, rest, "--token") or os.environ.get("TIDEMILL_TOKEN", "")
    return where(Remote(gateway_url=url, token=token))


def _project(options: dict[str, _Option], rest: Sequence[str], positional: Sequence[str]) -> str:
    user = _given(options, rest, "--user") or _given(options, rest, "--username")
    return _given(options, rest, "--project") or (f"user/{user}" if user else "".join(positional[:1]))


def _asked(kind: str, remote: Remote, project: str, typed: str) -> list[str]:
    """What the server says; nothing when it says nothing soon."""

    async def ask() -> list[str]:
        with anyio.move_on_after(_PATIENCE):
            async with client(remote.gateway_url, remote.token) as http:
                gateway = connect(Gateway, http, PREFIX, is_service=False)
                return await _known(gateway, kind, project, typed)
        return []

    try:
        return anyio.run(ask)
    except (Failure, BaseExceptionGroup, OSError):
        return []


async def _paths(gateway: Gateway, typed: str, *, projects: bool) -> list[str]:
    """Groups (which end with a slash) and projects in the group that is typed so far."""
    parent, slash, _ = typed.rpartition("/")
    if not slash or parent in ("user", "org"):
        return await _roots(gateway, projects=projects)
    groups = [
        f"{group.path}/" if projects else group.path
        for group in await gateway.project_group_subgroups(parent)
    ]
    found = [project.path for project in await gateway.project_group_projects(parent)] if projects else []
    return sorted([*groups, *found])


async def _roots(gateway: Gateway, *, projects: bool) -> list[str]:
    end = "/" if projects else ""
    found = [f"org/{org.name}{end}" for org in (await gateway.orgs()).items]
    try:
        user = (await gateway.current_user()).username
        found += [f"org/{org.organization.name}{end}" for org in (await gateway.user_orgs()).items]
        found.append(f"user/{user}{end}")
    except Failure:  # the administrator's token is nobody
        found += [f"user/{one.username}{end}" for one in (await gateway.users()).items]
    return sorted(set(found))


async def _users(gateway: Gateway) -> list[str]:
    try:
        return [user.username for user in (await gateway.users()).items]
    except Failure:  # for administrators
        return [(await gateway.current_user()).username]


async def _runs(gateway: Gateway, project: str) -> list[str]:
    user = re.fullmatch("user/([^/]+)", project)
    page = await (gateway.user_runs(user[1]) if user else gateway.project_runs(project))
    return [str(run.number) for run in page.items]


async def _orgs(gateway: Gateway) -> list[str]:
    return [org.name for org in (await gateway.orgs()).items]


async def _sources(gateway: Gateway) -> list[str]:
    return [source.name for source in (await gateway.remote_sources()).items]


async def _known(gateway: Gateway, kind: str, project: str, typed: str) -> list[str]:
    """What there is of a kind."""
    if kind in (_PROJECT, _GROUP):
        return await _paths(gateway, typed, projects=kind == _PROJECT)
    if kind == _RUN:
        return await _runs(gateway, project)
    return await {_USER: _users, _ORG: _orgs, _SOURCE: _sources}[kind](gateway)


def _fitting(names: Sequence[str], typed: str) -> list[str]:
    return [name for name in names if name.startswith(typed)][: None if typed.startswith("-") else _MOST]
