"""Artifacts through the whole system: pushed, kept, listed, downloaded, as one who may and one who may not."""

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import quote

import httpx2

from tests.system.server import Server, User, Work
from tests.system.test_files import peak

HOST = {"type": "host"}
LARGE = 150_000_000
MAKE = r"mkdir -p dist/sub; echo hello > dist/sub/a.txt; printf '\377\000' > dist/'b ü.bin'; ln -s /etc/passwd dist/l"


def configured(*steps: object) -> dict[str, str]:
    tasks = [{"name": "build it", "runtime": HOST, "steps": list(steps)}]
    return {".tidemill/config.yml": json.dumps({"runs": [{"name": "run", "tasks": tasks}]})}


def check_download(user: User, path: str, sha256: str) -> None:
    """It is saved under its name and never shown; parts of it, and whether it has changed, can be asked for."""

    def ask(verb: str = "GET", **headers: str) -> httpx2.Response:
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        given["Authorization"] = f"token {user.token}"
        return httpx2.request(verb, f"{user.server.url}/api/v1alpha{path}", headers=given, timeout=60)

    whole = ask()
    assert (whole.status_code, whole.headers["content-length"]) == (200, "2")
    tag = whole.headers["etag"]
    assert tag == f'"{sha256}"'
    assert whole.headers["content-disposition"] == (
        "attachment; filename=\"b _.bin\"; filename*=UTF-8''b%20%C3%BC.bin"
    )
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-security-policy"].startswith("sandbox;")
    head = ask("HEAD")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "2", b"")
    part = ask(Range="bytes=1-")
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"\x00", "bytes 1-1/2")
    assert ask(Range="bytes=1-", If_Range=tag).status_code == 206
    assert ask(Range="bytes=1-", If_Range='"another"').content == b"\xff\x00"
    past = ask(Range="bytes=2-")
    assert (past.status_code, past.headers["content-range"]) == (416, "bytes */2")
    assert past.json()[0]["code"] == "rangeNotSatisfiable"
    same = ask(If_None_Match=tag)
    assert (same.status_code, same.content) == (304, b"")
    assert user.request("GET", path, start=1).content == b"\x00"
    assert user.request("GET", path, start=3).status_code == 400


def test_artifacts_are_kept_with_the_run(work: Work, server: Server) -> None:
    """Listed with size, checksum and expiry; read one by one, as tar and as zip; by nobody who may not."""
    keep = {"artifacts": {"contents": [{"source_dir": "dist", "dest_dir": "out"}], "expire_after": "1h"}}
    work.commit(configured({"run": MAKE}, keep))
    work.push()
    run = work.project.finished(1)
    assert run["result"] == "success", work.project.log(1, "build it", 1)
    assert b"links are not kept" in work.project.log(1, "build it", 1)
    user, base = work.project.user, f"{work.project.ref}/runs/1"
    found = user.get(f"{base}/artifacts")
    assert [(one["task_name"], one["step"], one["path"], one["size"]) for one in found] == [
        ("build it", 1, "out/b ü.bin", 2),
        ("build it", 1, "out/sub/a.txt", 6),
    ]
    assert found[1]["sha256"] == hashlib.sha256(b"hello\n").hexdigest()
    assert found[1]["expire_time"] > found[1]["create_time"]
    files = f"{base}/tasks/{found[0]['task_id']}/artifacts"
    answer = user.request("GET", f"{files}/{quote('out/b ü.bin', safe='')}")
    assert (answer.status_code, answer.content) == (200, b"\xff\x00")
    assert answer.headers["content-type"] == "application/octet-stream"
    check_download(user, f"{files}/{quote('out/b ü.bin', safe='')}", found[0]["sha256"])
    with tarfile.open(fileobj=io.BytesIO(user.request("GET", f"{base}/artifacts.tar").content)) as tar:
        assert tar.getnames() == ["build it/out/b ü.bin", "build it/out/sub/a.txt"]
    with zipfile.ZipFile(io.BytesIO(user.request("GET", f"{base}/artifacts.zip").content)) as archive:
        assert archive.read("build it/out/sub/a.txt") == b"hello\n"
    for path in ("none", "a%00", "%FF", "x" * 3000):
        assert user.request("GET", f"{files}/{path}").status_code in (400, 404)
    for unclean in ("..%2Fx", "%2Fetc%2Fpasswd"):
        assert user.request("GET", f"{files}/{unclean}").status_code == 301  # to where there is nothing
    assert user.request("GET", f"{base}/artifacts.tar", taskid="none").status_code == 404
    assert user.request("GET", f"{base}/artifacts", cursor="x").status_code == 400
    stranger = server.user("mallory")
    for path in (f"{base}/artifacts", f"{base}/artifacts.tar", f"{files}/out%2Fsub%2Fa.txt"):
        assert stranger.request("GET", path).status_code in (403, 404)


def test_a_file_that_no_artifact_can_be_fails_its_step(work: Work) -> None:
    """The log says which."""
    work.commit(
        configured(
            {"run": r"printf x > 'a\nb'; touch \"$(printf 'c\001')\""}, {"artifacts": {"paths": ["*"]}}
        )
    )
    work.push()
    assert work.project.finished(1)["result"] == "failed"
    assert b"control characters" in work.project.log(1, "build it", 1)
    assert work.project.user.get(f"{work.project.ref}/runs/1/artifacts") == []


def test_large_artifacts_take_constant_memory(tmp_path: Path) -> None:
    """In and out."""
    server = Server(tmp_path / "data").start()
    try:
        work = Work(tmp_path / "work", server.user("alice").project("hello"))
        make = {"run": {"command": f"head -c {LARGE} /dev/urandom > big; sha256sum big", "tty": False}}
        work.commit(configured(make, {"artifacts": {"paths": ["big"]}}))
        work.push()
        assert work.project.finished(1)["result"] == "success"
        (found,) = work.project.user.get(f"{work.project.ref}/runs/1/artifacts")
        assert work.project.log(1, "build it", 0).decode().split()[0] == found["sha256"]
        data = work.project.user.request("GET", f"{work.project.ref}/runs/1/artifacts.tar").content
        assert len(data) > LARGE
        assert peak(server) < 250_000_000
    finally:
        server.stop()
