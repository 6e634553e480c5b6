"""Badges: the newest run of a branch as one of five pictures, which are made here and ask no other server."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.badges import BadgeRoutes
from tidemill.contracts.runservice import RunQuery, Runservice
from tidemill.core.refs import branch as branch_named
from tidemill.core.refs import project_group
from tidemill.core.run import Phase, Result, Run
from tidemill.kit.contract import Download, current_call

_NAME = "run"
_NAME_WIDTH = 29


class _Look(NamedTuple):
    text: str
    color: str
    width: int


_UNKNOWN = _Look("unknown", "#9f9f9f", 90)
_SUCCESS = _Look("success", "#4c1", 82)
_FAILED = _Look("failed", "#e05d44", 68)
_IN_PROGRESS = _Look("inprogress", "#007ec6", 96)
_ERROR = _Look("error", "#dfb317", 66)

_BY_RESULT = {Result.SUCCESS: _SUCCESS, Result.FAILED: _FAILED, Result.STOPPED: _FAILED}
_BY_PHASE = {Phase.SETUP_ERROR: _ERROR, Phase.CANCELLED: _FAILED}


class Badges(BadgeRoutes):
    """Shows the newest run, whoever asks."""

    def __init__(self, configstore: Configstore, runservice: Runservice) -> None:
        self._configstore = configstore
        self._runservice = runservice

    async def badge(self, projectref: str, branch: str = "") -> AsyncIterator[bytes]:
        project = (await self._configstore.project(projectref)).id
        group = branch_named(branch).group(project) if branch else f"{project_group(project)}/branch"
        newest = (await self._runservice.runs(RunQuery(group=group, limit=1))).items
        picture = _PICTURES[_look(newest[0]) if newest else _UNKNOWN]
        headers = {
            "cache-control": "no-cache",
            "content-length": str(len(picture)),
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
            "x-content-type-options": "nosniff",
        }
        is_wanted = current_call().verb != "HEAD"
        return Download(_only(picture if is_wanted else b""), headers=headers)


def _look(run: Run) -> _Look:
    return _BY_RESULT.get(run.result) or _BY_PHASE.get(run.phase) or _IN_PROGRESS


def _drawn(look: _Look) -> bytes:
    """In the manner of shields.io: the name on grey, the state on its colour; *width* is that of both."""
    whole, right = look.width, look.width - _NAME_WIDTH
    left_middle, right_middle = _NAME_WIDTH * 5, (_NAME_WIDTH + right / 2) * 10
    words = "".join(
        f'<text x="{x:g}" y="{y}" transform="scale(.1)" textLength="{(width - 10) * 10}"{how}>{text}</text>'
        for x, width, text in ((left_middle, _NAME_WIDTH, _NAME), (right_middle, right, look.text))
        for y, how in ((150, ' fill="#010101" fill-opacity=".3"'), (140, ""))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img"'
        f' aria-label="{_NAME}: {look.text}"><title>{_NAME}: {look.text}</title>'
        '<linearGradient id="s" x2="0" y2="100%"><stop offset="0" stop-color="#bbb" stop-opacity=".1"/>'
        '<stop offset="1" stop-opacity=".1"/></linearGradient>'
        f'<clipPath id="r"><rect width="{whole}" height="20" rx="3" fill="#fff"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{_NAME_WIDTH}" height="20" fill="#555"/>'
        f'<rect x="{_NAME_WIDTH}" width="{right}" height="20" fill="{look.color}"/>'
        f'<rect width="{whole}" height="20" fill="url(#s)"/></g>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif"'
        f' text-rendering="geometricPrecision" font-size="110">{words}</g></svg>'
    ).encode()


_PICTURES = {look: _drawn(look) for look in (_UNKNOWN, _SUCCESS, _FAILED, _IN_PROGRESS, _ERROR)}


async def _only(data: bytes) -> AsyncIterator[bytes]:
    yield data
