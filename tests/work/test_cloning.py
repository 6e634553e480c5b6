"""The clone step's script, run by a real shell against real repositories."""

import base64
import contextlib
import os
import pty
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

import pytest

from tests.work.places import job
from tidemill.contracts.values import CLONE_TOKEN
from tidemill.core.plan import CloneStep
from tidemill.work.commands import command

GIT = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": os.environ["PATH"],
}
TOKEN = "tmclone_0123456789"
SHELLS = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]


def git(cwd: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=cwd,
        env=GIT,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.stdout.strip()


class Repository:
    """A repository with commits on two branches."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        git(path, "init", "-q", "-b", "main")
        for text in ("one", "two", "three"):
            self.commit("file.txt", text)
        git(path, "checkout", "-q", "-b", "side", "HEAD~1")
        self.commit("file.txt", "side")
        git(path, "checkout", "-q", "main")

    def commit(self, name: str, text: str) -> str:
        (self.path / name).write_text(text)
        git(self.path, "add", name)
        git(self.path, "commit", "-q", "-m", text)
        return git(self.path, "rev-parse", "HEAD")

    def sha(self, revision: str) -> str:
        return git(self.path, "rev-parse", revision)


class Clone:
    """Runs a clone step in an empty directory."""

    def __init__(self, root: Path) -> None:
        self.home, self.work = root / "home", root / "work"
        self.home.mkdir()
        self.work.mkdir()
        self.output = ""

    def run(
        self, url: str, ref: str, sha: str, step: CloneStep | None = None, *, shell: str = "sh", **extra: str
    ) -> int:
        environment = {"AGOLA_REPOSITORY_URL": url, "AGOLA_GIT_REF": ref, "AGOLA_GIT_COMMITSHA": sha, **extra}
        spec = job(step or CloneStep(), environment=environment, values=(CLONE_TOKEN,))
        step_command = command(spec, 0, {CLONE_TOKEN: TOKEN})
        script = self.home / "script"
        script.write_text(step_command.script or "")
        ours, theirs = pty.openpty()  # as steps have one, by default
        with os.fdopen(ours, "rb", buffering=0) as screen:
            step_process = subprocess.Popen(
                [shell, script],
                cwd=self.work,
                env=GIT | {"HOME": str(self.home)} | step_command.environment,
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
            )
            os.close(theirs)
            self.output = _everything(screen).decode()
        return step_process.wait(30)

    def text(self, name: str = "file.txt") -> str:
        return (self.work / name).read_text()


def _everything(screen: IO[bytes]) -> bytes:
    seen = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while block := screen.read(4096):
            seen += block
    return seen


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_commit_is_checked_out(repository: Repository, clone: Clone, shell: str) -> None:
    """Not the tip of the default branch, and the log says what was done."""
    sha = repository.sha("side")
    assert clone.run(str(repository.path), "refs/heads/side", sha, shell=shell) == 0, clone.output
    assert clone.text() == "side"
    assert git(clone.work, "rev-parse", "HEAD") == sha
    assert git(clone.work, "status", "--porcelain") == ""


def test_the_log_says_what_a_reader_wants(repository: Repository, clone: Clone) -> None:
    """What was cloned, which commit was checked out, and none of git's progress; also of a shallow clone,
    whose commit is fetched for itself."""
    sha = repository.sha("side~1")
    git(repository.path, "config", "uploadpack.allowAnySHA1InWant", "true")
    url = repository.path.as_uri()
    assert clone.run(url, "refs/heads/side", sha, CloneStep(depth=1)) == 0
    assert clone.output.splitlines() == [
        f"+ git clone --quiet --no-checkout --depth 1 -- {url} .",
        f"+ git -c advice.detachedHead=false checkout --no-progress {sha}",
        f"HEAD is now at {sha[:7]} two",
    ]


def test_without_a_commit_the_ref_is_checked_out(repository: Repository, clone: Clone) -> None:
    """As the reference says."""
    assert clone.run(str(repository.path), "refs/heads/side", "") == 0, clone.output
    assert clone.text() == "side"


def test_a_ref_that_no_clone_brings_is_fetched(repository: Repository, clone: Clone) -> None:
    """A pull request's commit is on no branch."""
    git(repository.path, "checkout", "-q", "-b", "topic")
    sha = repository.commit("file.txt", "proposed")
    git(repository.path, "update-ref", "refs/pull/1/head", sha)
    git(repository.path, "checkout", "-q", "main")
    git(repository.path, "branch", "-q", "-D", "topic")
    assert clone.run(str(repository.path), "refs/pull/1/head", sha) == 0, clone.output
    assert clone.text() == "proposed"


def test_a_shallow_clone_is_shallow(repository: Repository, clone: Clone) -> None:
    """Also where the commit is neither on the default branch nor the tip of its own."""
    sha = repository.sha("side~1")
    url = repository.path.as_uri()
    git(repository.path, "config", "uploadpack.allowAnySHA1InWant", "true")
    assert clone.run(url, "refs/heads/side", sha, CloneStep(depth=1)) == 0, clone.output
    assert clone.text() == "two"
    assert git(clone.work, "rev-list", "--count", "HEAD") == "1"


def test_a_branch_that_is_gone_does_not_matter(repository: Repository, clone: Clone) -> None:
    """The commit is what counts; a branch may have been deleted since the push."""
    sha = repository.sha("side")
    git(repository.path, "branch", "-q", "-D", "side")
    git(repository.path, "config", "uploadpack.allowAnySHA1InWant", "true")
    assert clone.run(repository.path.as_uri(), "refs/heads/side", sha) == 0, clone.output
    assert clone.text() == "side"


def test_a_commit_that_does_not_exist_fails(repository: Repository, clone: Clone) -> None:
    """With git's own words in the log."""
    assert clone.run(str(repository.path), "refs/heads/main", "12" * 20) != 0
    assert "12" * 20 in clone.output


def test_submodules_are_those_of_the_commit(tmp_path: Path, repository: Repository, clone: Clone) -> None:
    """They come with the clone when that is asked for."""
    library = Repository(tmp_path / "library")
    git(repository.path, "submodule", "add", "-q", str(library.path), "library")
    sha = repository.commit(".gitmodules", (repository.path / ".gitmodules").read_text() + "\n")
    allowed = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "protocol.file.allow",
        "GIT_CONFIG_VALUE_0": "always",
    }
    step = CloneStep(recurse_submodules=True)
    assert clone.run(str(repository.path), "refs/heads/main", sha, step, **allowed) == 0, clone.output
    assert clone.text("library/file.txt") == "three"


class Hosting(BaseHTTPRequestHandler):
    """`git http-backend` for whoever presents the token."""

    root: Path
    authorizations: list[str]

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _serve(self, body: bytes) -> None:
        given = self.headers.get("Authorization", "")
        self.authorizations.append(given)
        if given != "Basic " + base64.b64encode(f"tidemill:{TOKEN}".encode()).decode():
            self.send_error(401)
            return
        path, _, query = self.path.partition("?")
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            env=GIT
            | {
                "GIT_PROJECT_ROOT": str(self.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            },
            stdout=subprocess.PIPE,
            timeout=30,
            check=True,
        )
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        self.send_response(200)
        for line in head.decode().splitlines():
            self.send_header(*line.split(": ", 1))
        self.end_headers()
        self.wfile.write(rest)


@pytest.fixture
def hosting(tmp_path: Path) -> Iterator[str]:
    Hosting.root, Hosting.authorizations = tmp_path, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hosting)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_token_opens_a_private_repository(repository: Repository, clone: Clone, hosting: str) -> None:
    """It is presented by http, and stands neither in the log nor in the clone's configuration."""
    sha = repository.sha("main")
    assert clone.run(f"{hosting}/repository/.git", "refs/heads/main", sha) == 0, clone.output
    assert clone.text() == "three"
    assert all(Hosting.authorizations)
    presented = Hosting.authorizations[0].split()[-1]
    for text in (clone.output, (clone.work / ".git" / "config").read_text()):
        assert TOKEN not in text
        assert presented not in text


def test_the_token_is_for_this_repository_alone(repository: Repository, clone: Clone, hosting: str) -> None:
    """Another repository of the same server is not shown it, and nobody is asked for a password."""
    other = {"GIT_CONFIG_COUNT": "0", "AGOLA_REPOSITORY_URL": f"{hosting}/repository/.git"}
    spec = job(CloneStep(), environment=other, values=(CLONE_TOKEN,))
    environment = GIT | {"HOME": str(clone.home)} | command(spec, 0, {CLONE_TOKEN: TOKEN}).environment
    done = subprocess.run(
        ["git", "ls-remote", f"{hosting}/other.git"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert Hosting.authorizations == [""]


def test_ssh_finds_its_key(clone: Clone, tmp_path: Path) -> None:
    """Key, host key and host settings are where ssh looks, for nobody else to read, whatever was there before."""
    (clone.home / ".ssh").mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "git").write_text("#!/bin/sh\nexit 0\n")
    (programs / "git").chmod(0o755)
    code = clone.run(
        "ssh://git@git.example:2222/hello.git",
        "refs/heads/main",
        "",
        AGOLA_SSHPRIVKEY="a private key",
        AGOLA_SSHHOSTKEY="git.example ssh-rsa AAAA",
        AGOLA_GIT_HOST="git.example",
        AGOLA_GIT_PORT="2222",
        PATH=f"{programs}:{os.environ['PATH']}",
    )
    assert code == 0, clone.output
    ssh = clone.home / ".ssh"
    assert (ssh / "id_rsa").read_text() == "a private key\n"
    assert (ssh / "id_rsa").stat().st_mode & 0o777 == 0o600
    assert (ssh / "known_hosts").read_text() == "git.example ssh-rsa AAAA\n"
    config = (ssh / "config").read_text().splitlines()
    assert config[:4] == [
        "Host git.example",
        "  HostName git.example",
        "  Port 2222",
        "  StrictHostKeyChecking yes",
    ]
    assert "a private key" not in clone.output
