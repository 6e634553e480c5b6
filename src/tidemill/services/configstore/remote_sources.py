"""Remote sources: git hosts, what is asked of them, and their secret, which is sealed for its row."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import asdict

from tidemill.contracts.remote_sources import (
    BUILTIN,
    NewRemoteSource,
    RemoteSource,
    RemoteSources,
    RemoteSourceUpdate,
)
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.errors import BadRequest, Failure
from tidemill.kit.contract import Page
from tidemill.kit.crypto import Keyring
from tidemill.kit.db import AnyRow, Database, Transaction
from tidemill.services.configstore import finding, showing
from tidemill.services.configstore.noting import a_source, note
from tidemill.services.configstore.paging import beyond, page
from tidemill.services.configstore.store import sources

#: How users prove who they are to each type of host.
AUTH_TYPES = {"gitea": ("oauth2", "password"), "github": ("oauth2",), "gitlab": ("oauth2",)}

#: Longer than any address or key that a host has.
_LONGEST_TEXT = 16_384

_SECRET = "oauth2_client_secret"  # noqa: S105 - a name


class SourceKeeper(RemoteSources):
    """Keeps remote sources; knows the keys."""

    def __init__(
        self, db: Database, keys: Keyring, *, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._new_id = new_id

    async def remote_source(self, ref: str) -> RemoteSource:
        return showing.source(await self._db.read(lambda tx: finding.remote_source(tx, ref)))

    async def remote_sources(
        self, after: str = "", limit: int = 30, ascending: bool = True
    ) -> Page[RemoteSource]:
        rows = await self._db.read(
            lambda tx: sources.listed(tx, after=after, limit=beyond(limit), ascending=ascending)
        )
        return page(rows, limit, showing.source, lambda source: source.name)

    async def create_remote_source(self, request: NewRemoteSource) -> RemoteSource:
        given = asdict(request)
        _check(given)
        if request.type not in AUTH_TYPES:
            raise BadRequest(
                f"the type of a remote source is one of {', '.join(AUTH_TYPES)}, not {request.type!r}",
                code="invalidRemoteSourceType",
            )
        if request.auth_type not in AUTH_TYPES[request.type]:
            raise BadRequest(
                f"users of a {request.type} log in by {' or '.join(AUTH_TYPES[request.type])},"
                f" not by {request.auth_type!r}",
                code="invalidRemoteSourceAuthType",
            )
        _check_oauth2(given, request.auth_type)
        new_id, now = self._new_id(), self._clock()

        async def add(tx: Transaction) -> AnyRow:
            if not await sources.add(tx, {"id": new_id} | self._columns(given, new_id)):
                raise _is_taken(request.name)
            made = await finding.remote_source(tx, new_id)
            await note(tx, now, "remotesource.create", a_source(made))
            return made

        return showing.source(await self._db.do(add))

    async def update_remote_source(self, ref: str, request: RemoteSourceUpdate) -> RemoteSource:
        given = {key: value for key, value in asdict(request).items() if value is not None}
        now = self._clock()

        async def change(tx: Transaction) -> AnyRow:
            row = await _held(tx, ref)
            _check(given)
            _check_oauth2(given, row.auth_type)
            if request.name not in (None, row.name) and await sources.by_name(tx, str(request.name)):
                raise _is_taken(str(request.name))
            if given:
                await sources.change(tx, row.id, self._columns(given, row.id))
                await note(tx, now, "remotesource.update", a_source(row), given)
            return await finding.remote_source(tx, row.id)

        return showing.source(await self._db.do(change))

    async def delete_remote_source(self, ref: str) -> None:
        now = self._clock()

        async def remove(tx: Transaction) -> None:
            row = await _held(tx, ref)
            if await sources.is_used(tx, row.id):
                raise BadRequest(
                    f"projects are on the remote source {row.name!r}; delete them first",
                    code="remoteSourceInUse",
                )
            await sources.remove(tx, row.id)
            await note(tx, now, "remotesource.delete", a_source(row))

        await self._db.do(remove)

    def _columns(self, given: dict[str, Any], id: str) -> dict[str, Any]:
        """What is given as it is stored: the secret sealed."""
        plain = {key: value for key, value in given.items() if key != _SECRET}
        if _SECRET not in given:
            return plain
        return plain | asdict(self._keys.seal(given[_SECRET].encode(), place(id)))


def place(id: str) -> bytes:
    """What a remote source's secret is bound to."""
    return f"client secret of remote source {id}".encode()


async def _held(tx: Transaction, ref: str) -> AnyRow:
    """A remote source that may be changed; until the commit no project is put on it."""
    row = await finding.remote_source(tx, ref)
    if row.type == BUILTIN:
        raise BadRequest(
            f"{row.name!r} is this installation's own git hosting; it cannot be changed or deleted",
            code="remoteSourceIsBuiltin",
        )
    await sources.lock(tx, row.id)
    return await finding.remote_source(tx, row.id)


def _check(given: dict[str, Any]) -> None:
    """Names and addresses, and that every text can be stored."""
    if "name" in given and not is_valid_name(given["name"]):
        raise BadRequest(
            f"{given['name']!r} cannot be a remote source's name: {NAME_RULE}", code="invalidRemoteSourceName"
        )
    if "api_url" in given and not _is_text(given["api_url"], least=1):
        raise BadRequest(
            "apiurl is the address of the host's API, such as https://gitea.example.com",
            code="invalidRemoteSourceAPIURL",
        )
    if not _is_text(given.get("ssh_host_key", "")):
        raise BadRequest("ssh_host_key is not a key that can be stored")


def _check_oauth2(given: dict[str, Any], auth_type: str) -> None:
    least = 1 if auth_type == "oauth2" else 0
    for key, code in (("oauth2_client_id", "invalidOauth2ClientID"), (_SECRET, "invalidOauth2ClientSecret")):
        if key in given and not _is_text(given[key], least=least):
            raise BadRequest(f"{key} is what the host gave when this server was registered there", code=code)


def _is_text(text: str, *, least: int = 0) -> bool:
    return least <= len(text) <= _LONGEST_TEXT and "\0" not in text


def _is_taken(name: str) -> Failure:
    return BadRequest(f"there is a remote source {name!r} already", code="remoteSourceAlreadyExists")
