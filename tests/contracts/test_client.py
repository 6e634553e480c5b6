"""The exported client against servers, and what is in between, that do not say what they should."""

from collections.abc import AsyncIterator, Callable

import anyio
import pytest

from tests.contracts.scripted import answer, scripted, stream
from tidemill import errors
from tidemill.contracts.client import (
    connect_configstore,
    connect_gateway,
    connect_notification,
    each,
    messages,
    records,
    sync,
)
from tidemill.contracts.gateway.users import VersionResponse

pytestmark = pytest.mark.anyio

PAGE = "<html><body>Bad Gateway</body></html>"
HTML = "Content-Type: text/html"


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        (answer(401), errors.Unauthorized, "unauthorized"),
        (answer(401, '[{"code":"tokenExpired","message":"m"}]'), errors.Unauthorized, "tokenExpired"),
        (answer(403, "[]"), errors.Forbidden, "forbidden"),
        (answer(404, PAGE, HTML), errors.Unavailable, "unavailable"),
        (answer(404, '[{"code":"userDoesNotExist"}]'), errors.NotFound, "userDoesNotExist"),
        (answer(409, '[{"code":"c","message":"m","details":{"a":1}}]'), errors.Conflict, "c"),
        (answer(502, PAGE, HTML), errors.Unavailable, "unavailable"),
        (answer(503), errors.Unavailable, "unavailable"),
        (answer(500, '{"error": "other"}'), errors.Internal, "internal"),
        (answer(302, "", "Location: /login"), errors.Internal, "internal"),
        (answer(200, PAGE, HTML), errors.Internal, "internal"),
        (answer(200, '{"id": 5}'), errors.Internal, "internal"),
        (answer(200, '{"id": "a", "username": "b"}')[:-3], errors.Unavailable, "unavailable"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_whatever_is_answered_becomes_an_error_of_its_class(
    said: bytes, kind: type[errors.Failure], code: str
) -> None:
    """With the code where there is one, from pages of proxies, empty bodies and cut ones too."""
    async with scripted(said) as server, connect_gateway(server.url, token="t", patience=0) as tidemill:
        with pytest.raises(kind) as caught:
            await tidemill.users.user("alice")
        assert (type(caught.value), caught.value.code) == (kind, code)
        assert caught.value.message


async def test_details_come_back() -> None:
    """What the server adds for programs is plain data."""
    said = answer(410, '[{"code":"eventsPurged","message":"m","details":{"oldest":"e-4"}}]')
    async with scripted(said) as server, connect_gateway(server.url) as tidemill:
        with pytest.raises(errors.Gone) as caught:
            await tidemill.events.events("e-1")
        assert caught.value.details == {"oldest": "e-4"}


@pytest.mark.parametrize("connected", [connect_gateway, sync.connect_gateway])
async def test_what_only_reads_is_asked_again(connected: Callable[..., object]) -> None:
    """A server that is away for a moment, or says "later", is not worth an error."""
    later = answer(503, "[]", "Retry-After: 0")
    version = answer(200, '{"service": "gateway", "version": "1"}')
    async with scripted(b"", later, version) as server:
        assert await _version(connected, server.url) == VersionResponse(service="gateway", version="1")
        assert server.asked == ["GET /api/v1alpha/version"] * 3


async def test_what_changes_something_is_sent_once() -> None:
    """Nobody knows whether it was done."""
    for said in (b"", answer(503, "[]", "Retry-After: 0")):
        async with scripted(said) as server, connect_gateway(server.url) as tidemill:
            with pytest.raises(errors.Unavailable):
                await tidemill.users.delete_user("alice")
            assert len(server.asked) == 1


async def test_a_stream_says_that_it_was_cut() -> None:
    """What has come is handed out; then the cut is an error, also where nobody can tell that there was one."""
    for said in (stream("one ", "two", is_whole=False), stream("one ", "two", framed=False)):
        async with scripted(said) as server, connect_gateway(server.url) as tidemill:
            chunks = await tidemill.logs.project_run_log("p", "1", "t", step="0")
            read: list[bytes] = []
            with pytest.raises(errors.Unavailable, match="cut"):
                await _read_all(chunks, read)
            assert b"".join(read) == b"one two"


async def test_a_whole_stream_ends() -> None:
    """Without an error."""
    async with scripted(stream("one ", "two")) as server, connect_gateway(server.url) as tidemill:
        chunks = await tidemill.logs.project_run_log("p", "1", "t", step="0")
        assert b"".join([chunk async for chunk in chunks]) == b"one two"


async def test_a_page_is_no_log() -> None:
    """A proxy that asks for a password does it with a page and status 200."""
    async with scripted(answer(200, PAGE, HTML)) as server, connect_gateway(server.url) as tidemill:
        with pytest.raises(errors.Internal, match="proxy"):
            await tidemill.logs.project_run_log("p", "1", "t", step="0")


async def test_a_list_is_gone_through_page_by_page() -> None:
    """The cursor brings the filters; the size of pages is said again."""
    user = '{"id": "%s", "username": "%s", "tokens": [], "linked_accounts": []}'
    first = answer(200, f"[{user % ('1', 'a')}, {user % ('2', 'b')}]", "X-Agola-Cursor: x=")
    last = answer(200, f"[{user % ('3', 'c')}]", "X-Agola-Cursor:")
    async with scripted(first, last) as server, connect_gateway(server.url) as tidemill:
        found = [u.username async for u in each(tidemill.users.users, limit="2", sortdirection="desc")]
        assert found == ["a", "b", "c"]
        assert server.asked == [
            "GET /api/v1alpha/users?limit=2&sortdirection=desc",
            "GET /api/v1alpha/users?cursor=x%3D&limit=2",
        ]
    with pytest.raises(TypeError, match="Page"):
        each(tidemill.users.user, "alice")  # type: ignore[call-overload]  # what mypy says too


async def test_an_internal_service_knows_who_is_no_service() -> None:
    """A wrong service token is told as such; the right one travels as a Bearer token."""
    said = answer(401, '[{"code":"wrongServiceToken","message":"m"}]')
    async with scripted(said) as server, connect_configstore(server.url, service_token="s3") as configstore:
        with pytest.raises(errors.Unauthorized):
            await configstore.user("alice")
        assert "Authorization: Bearer s3\r\n" in server.heads[0].replace("authorization", "Authorization")
        assert server.asked == ["GET /internal/configstore/users/alice"]


async def test_deliveries_are_asked_of_the_notification_service() -> None:
    """With and without `await`."""
    said = answer(200, "[]")
    async with scripted(said, said) as server:
        async with connect_notification(server.url, service_token="s3") as notification:
            assert [one async for one in each(notification.run_webhook_deliveries, "p")] == []

        def in_turn() -> list[object]:
            with sync.connect_notification(server.url, service_token="s3") as notification:
                return list(each(notification.run_webhook_deliveries, "p"))

        assert await anyio.to_thread.run_sync(in_turn) == []
        assert {line.partition("?")[0] for line in server.asked} == {
            "GET /internal/notification/projects/p/run-webhook-deliveries"
        }


@pytest.mark.parametrize("url", ["", "ci.example", "ftp://ci.example", "http://", "http://a b", "http://a:b"])
async def test_what_is_no_address_is_refused(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(errors.BadRequest, match="address"):
        async with connect_gateway(url):
            pass


async def test_what_is_no_token_is_refused() -> None:
    """A token with a line break would be another header."""
    with (
        pytest.raises(errors.BadRequest, match="token"),
        sync.connect_gateway("http://localhost", token="a\nb"),
    ):
        pass


async def test_lines_and_messages_are_told_one_by_one() -> None:
    """However they are cut; what is not what was expected is an error."""

    async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    lines = chunks(b'{"service":"a","ver', b'sion":"1"}\n\n{"service":"b","version":"2"}\n')
    assert [v.service async for v in records(lines, VersionResponse)] == ["a", "b"]
    parts = [b"id: e-1\n\nid: e-2\nevent: run\nda", b"ta: {}\n\n"]
    assert [(m.id, m.event, m.data) async for m in messages(chunks(*parts))] == [("e-2", "run", "{}")]
    assert [m.id for m in messages(iter(parts))] == ["e-2"]
    assert [v.version for v in records(iter([b'{"service":"a","version":"1"}\n']), VersionResponse)] == ["1"]
    with pytest.raises(errors.Internal):
        list(records(iter([b"{}\n"]), VersionResponse))


async def _read_all(chunks: AsyncIterator[bytes], into: list[bytes]) -> None:
    async for chunk in chunks:
        into.append(chunk)  # noqa: PERF401 - what has come before it breaks is wanted


async def _version(connected: Callable[..., object], url: str) -> VersionResponse:
    if connected is connect_gateway:
        async with connect_gateway(url) as tidemill:
            return await tidemill.users.version()

    def ask() -> VersionResponse:
        with sync.connect_gateway(url) as tidemill:
            return tidemill.users.version()

    return await anyio.to_thread.run_sync(ask)
