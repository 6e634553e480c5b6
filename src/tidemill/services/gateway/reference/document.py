"""What the description of the public API says beyond its contracts."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.routing import BaseRoute, Route

from tidemill import __version__
from tidemill.kit.contract import Endpoint
from tidemill.kit.http.openapi import About, Json, describe
from tidemill.kit.http.serving import Served
from tidemill.services.gateway.rights import OPEN_TO_NOBODY

_DESCRIPTION = """\
Paths, bodies, statuses and codes are those of Agola v0.10; what is called an extension is Tidemill's own.

A project is named by its id, or by its path as one escaped segment: `user%2Falice%2Fhello`.

Lists come in pages of at most 30: the header `X-Agola-Cursor` of an answer is the parameter `cursor` of the
next request, and empty on the last page.

Every failure has a body: an array of `{code, message, details}`. A request without an `Accept` header, as
Agola's client sends them, gets Agola's bodies to the letter: codes without messages, or `[]`; a body that is
too large is 417 then.

Bodies are read as Agola reads them: names in any case, unknown names and null are as if they were left out.
"""

_SCHEMES: dict[str, Json] = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`token ` and a user's token, or the administrator's.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-session",
        "description": "Of a login, with the cookie `secondarysession` beside it; what changes something "
        "also shows the last `X-Csrf-Token`. Where cookies are not secure it is called `session`.",
    },
}

#: What parameters mean that many routes have.
PARAMETERS = {
    "after": "The id of the event behind which the stream begins; `oldest` is from the oldest that is kept.",
    "branch": "The name of a branch.",
    "cacheid": "The id of a cache.",
    "code": "What the git host hands out for the login.",
    "commitstatusdeliveryid": "The id of a delivery of a commit status.",
    "cursor": "Where the page begins: the header `X-Agola-Cursor` of the page before.",
    "executorref": "The id of an executor, or its name where only one has it.",
    "laid": "The id of a linked account.",
    "limit": "How many are wanted at most, from 0.",
    "orgref": "The id or the name of an organization.",
    "path": "The path of a file.",
    "projectgroupref": "The id of a project group, or its path such as `user/alice/group`.",
    "projectref": "The id of a project, or its path such as `user/alice/hello`.",
    "pushid": "The id of a push.",
    "remoteuserid": "The id of a user on the git host.",
    "remotesourceref": "The id or the name of a git host.",
    "runnumber": "The number of a run, from 1.",
    "runwebhookdeliveryid": "The id of a delivery of a webhook.",
    "secretname": "The name of a secret.",
    "sessionid": "The id of a session.",
    "start": "From this byte on.",
    "state": "What the login was begun with.",
    "taskid": "The id of a task of the run.",
    "tokenname": "The name of a token.",
    "userref": "The id or the name of a user.",
    "variablename": "The name of a variable.",
}

#: Where something is described once for all whom it may belong to.
_TWINS = ("/projects/{projectref}", "/projectgroups/{projectgroupref}", "/users/{userref}")


def document(routes: Iterable[BaseRoute]) -> Json:
    """The OpenAPI document of the public API's *routes*."""
    routes = list(routes)
    about = About(
        title="Tidemill",
        version=__version__,
        description=_DESCRIPTION,
        schemes=_SCHEMES,
        optional=OPEN_TO_NOBODY,
        parameters=PARAMETERS,
        doc=_docs(routes),
        responses=_responses,
        plain={403},
    )
    return describe(routes, about)


def _docs(routes: Iterable[BaseRoute]) -> Callable[[Endpoint], str]:
    """What is said of each endpoint: "as for projects" is followed by what is said there."""
    served = [r.endpoint.endpoint for r in routes if isinstance(r, Route) and isinstance(r.endpoint, Served)]
    by_route = {(one.verb, one.path): one for one in served}

    def doc(endpoint: Endpoint) -> str:
        twin = _twin(endpoint, by_route)
        if twin is None:
            return endpoint.doc
        told = doc(twin)
        return (
            told if told.startswith("Extension:") or "xtension" not in endpoint.doc else f"Extension: {told}"
        )

    return doc


def _twin(endpoint: Endpoint, by_route: Mapping[tuple[str, str], Endpoint]) -> Endpoint | None:
    """The endpoint that is described instead of *endpoint*, where its own docstring refers to it."""
    if not endpoint.doc.lower().removeprefix("extension: ").startswith("as for "):
        return None
    for prefix in _TWINS:
        if endpoint.path.startswith(prefix):
            paths = [other + endpoint.path.removeprefix(prefix) for other in _TWINS if other != prefix]
            return next(
                (by_route[endpoint.verb, path] for path in paths if (endpoint.verb, path) in by_route), None
            )
    return None


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    """What Agola's own clients get for a body that is too large."""
    if endpoint.body is None or endpoint.body.kind == "stream":
        return {}
    too_large = "As 413, for a request without an Accept header."
    return {"417": {"description": too_large, "content": {"text/plain": {"schema": {"type": "string"}}}}}
