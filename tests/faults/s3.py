"""A stand-in for S3 in this process: as much of its protocol as an object store needs, and ways to fail."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

_PAGE = '<?xml version="1.0" encoding="UTF-8"?>'


class Store:
    """Objects in memory, reached over HTTP. While it is *broken* every request fails in that way."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.broken = ""
        """`error` answers 500, `silent` answers nothing, "" works."""
        self.refused = 0
        self.mended = threading.Event()
        self.mended.set()
        store = self

        class Handler(_Handler):
            of = store

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """What leads there whoever opens `s3://bucket`."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    def break_(self, how: str) -> None:
        self.broken = how
        self.mended.clear()

    def mend(self) -> None:
        self.broken = ""
        self.mended.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.mend()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request, by its verb."""

    of: Store
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_PUT(self) -> None:
        body = self._body()
        if not self._is_working():
            return
        if "uploadId" in self._query:
            self.of.parts[self._query["uploadId"]][int(self._query["partNumber"])] = body
        elif self.headers.get("If-None-Match") == "*" and self._name in self.of.objects:
            self._answer(412)
            return
        else:
            self.of.objects[self._name] = body
        self._answer(200)

    def do_POST(self) -> None:
        body = self._body()
        if not self._is_working():
            return
        if "delete" in self._query:
            keys = [one.text for one in ET.fromstring(body).iter() if one.tag.endswith("Key")]
            for key in keys:
                self.of.objects.pop(f"bucket/{key}", None)
            told = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            self._answer(200, f"{_PAGE}<DeleteResult>{told}</DeleteResult>".encode())
        elif "uploads" in self._query:
            upload = f"upload{len(self.of.parts)}"
            self.of.parts[upload] = {}
            told = f"<Bucket>bucket</Bucket><Key>{self._name}</Key><UploadId>{upload}</UploadId>"
            self._answer(
                200, f"{_PAGE}<InitiateMultipartUploadResult>{told}</InitiateMultipartUploadResult>".encode()
            )
        else:
            parts = self.of.parts.pop(self._query["uploadId"])
            self.of.objects[self._name] = b"".join(parts[number] for number in sorted(parts))
            told = '<ETag>"whole"</ETag>'
            self._answer(
                200, f"{_PAGE}<CompleteMultipartUploadResult>{told}</CompleteMultipartUploadResult>".encode()
            )

    def do_GET(self) -> None:
        if not self._is_working():
            return
        if "list-type" in self._query:
            self._answer(200, "".join(self._listing()).encode())
        elif self._name not in self.of.objects:
            self._answer(404, f"{_PAGE}<Error><Code>NoSuchKey</Code></Error>".encode())
        else:
            self._send(self.of.objects[self._name])

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        if self._is_working():
            self.of.objects.pop(self._name, None)
            self._answer(204)

    def _send(self, data: bytes) -> None:
        wanted = self.headers.get("Range", "")
        if not wanted:
            self._answer(200, data)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(data)) + 1, len(data))
        self._answer(206, data[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"})

    def _listing(self) -> Iterator[str]:
        prefix = f"bucket/{self._query.get('prefix', '')}"
        yield f"{_PAGE}<ListBucketResult><IsTruncated>false</IsTruncated>"
        for name, data in sorted(self.of.objects.items()):
            if name.startswith(prefix):
                key = name.removeprefix("bucket/")
                yield f"<Contents><Key>{key}</Key><Size>{len(data)}</Size>"
                yield "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
        yield "</ListBucketResult>"

    @property
    def _name(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/")

    @property
    def _query(self) -> dict[str, str]:
        found = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name: values[0] for name, values in found.items()}

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _is_working(self) -> bool:
        """Whether this request may be served; if not it has had its answer, or never gets one."""
        if not self.of.broken:
            return True
        self.of.refused += 1
        if self.of.broken == "silent":
            self.of.mended.wait(60)
            self.close_connection = True
        else:
            self._answer(500)
        return False

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        tag = hashlib.sha256(body).hexdigest()
        told = {"Content-Length": str(len(body)), "ETag": f'"{tag}"'}
        told |= {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"} | (headers or {})
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
