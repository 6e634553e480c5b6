"""A secret on its whole way: into the store, into the step that names it, and into no log and no file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.system.server import Project, Server, Work, config
from tidemill.cli.app import run

VALUE = "correct-horse/battery+staple"
MULTILINE = "-----BEGIN KEY-----\nfirst line of it\nsecond line of it\n-----END KEY-----\n"


def give(project: Project, name: str, value: str, when: Any = None) -> None:
    """A variable of the project, and the secret behind it."""
    project.user.post(f"{project.ref}/secrets", {"name": name, "type": "internal", "data": {"k": value}})
    values = [{"secret_name": name, "secret_var": "k", "when": when}]
    project.user.post(f"{project.ref}/variables", {"name": name, "values": values})


def from_variables(*names: str) -> dict[str, dict[str, str]]:
    """An environment that takes a variable for each."""
    return {name.upper(): {"from_variable": name} for name in names}


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_a_step_gets_the_secret_and_its_log_does_not(work: Work, server: Server) -> None:
    """The environment holds all of it, the log stars; no file that the server keeps holds it in clear."""
    give(work.project, "token", VALUE)
    give(work.project, "key", MULTILINE)
    command = 'echo "it is $TOKEN"; echo "$TOKEN" | base64; echo "$KEY"; echo ${#TOKEN} ${#KEY} "[$NONE]"'
    work.commit(config(command, environment=from_variables("token", "key", "none")))
    work.push()
    assert work.project.finished(1)["result"] == "success"
    log = work.project.log(1, "task", 0).decode()
    assert log.startswith("it is ***\r\n")
    assert log.endswith(f"{len(VALUE)} {len(MULTILINE)} []\r\n")
    assert "***" in log.splitlines()[1]
    assert "line of it" not in log
    kept = b"".join(path.read_bytes() for path in files(server.data)) + server.log.read_bytes()
    for text in (VALUE, "second line of it"):
        assert text.encode() not in kept
    assert b"are given to a job" in server.log.read_bytes()


def test_a_restart_of_the_server_and_of_the_run_sees_todays_value(work: Work, server: Server) -> None:
    """The key is kept, the secret is read again for every run; the same definition, another length."""
    give(work.project, "token", "a" * 20)
    work.commit(config("echo ${#TOKEN}", environment=from_variables("token")))
    work.push()
    assert work.project.finished(1)["result"] == "success"
    changed = {"name": "token", "type": "internal", "data": {"k": "b" * 30}}
    assert work.project.user.put(f"{work.project.ref}/secrets/token", changed).status_code == 200
    server.kill()
    server.start()
    again = {"action_type": "restart", "from_start": True}
    assert work.project.user.put(f"{work.project.ref}/runs/1/actions", again).status_code == 200
    assert work.project.finished(2)["result"] == "success"
    assert [work.project.log(number, "task", 0) for number in (1, 2)] == [b"20\r\n", b"30\r\n"]


def test_a_new_key_takes_over_from_the_old_one(
    work: Work, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the commands that the manual names; afterwards the old key is not needed any more."""
    monkeypatch.setenv("TIDEMILL_GATEWAY_URL", server.url)
    monkeypatch.setenv("TIDEMILL_TOKEN", server.admin_token)
    give(work.project, "token", VALUE)
    keys = server.data / "secret-key"
    old = keys.read_text()
    assert run(["sealing-key", "new", "--data-dir", str(server.data)]) == 0
    server.kill()
    server.start()
    monkeypatch.setenv("TIDEMILL_GATEWAY_URL", server.url)
    assert b"sealed under an older key" in server.log.read_bytes()
    assert run(["sealing-key", "reseal"]) == 0
    assert "encrypted anew; what is left under older keys: 0 secrets" in capsys.readouterr().out
    keys.write_text(keys.read_text().replace(old, ""))
    server.kill()
    server.start()
    work.commit(config("echo ${#TOKEN}", environment=from_variables("token")))
    work.push()
    assert work.project.finished(1)["result"] == "success"
    assert work.project.log(1, "task", 0) == f"{len(VALUE)}\r\n".encode()


def test_a_value_is_for_its_branch(work: Work) -> None:
    """On a branch that its `when` does not name the variable is undefined, which is the empty text."""
    give(work.project, "token", VALUE, {"branch": {"include": [{"type": "regexp", "match": "^rel"}]}})
    work.commit(config("echo ${#TOKEN}", environment=from_variables("token")))
    work.push("main")
    work.push("release")
    results = [work.project.finished(number)["result"] for number in (1, 2)]
    assert results == ["success", "success"]
    assert work.project.log(1, "task", 0) == b"0\r\n"
    assert work.project.log(2, "task", 0) == f"{len(VALUE)}\r\n".encode()


def test_a_secret_that_was_deleted_is_gone(work: Work, server: Server) -> None:
    """Its row too."""
    give(work.project, "token", VALUE)
    with closing(sqlite3.connect(f"file:{server.data / 'configstore.db'}?mode=ro", uri=True)) as rows:
        before = rows.execute("SELECT count(*) FROM secrets").fetchone()[0]
        assert work.project.user.request("DELETE", f"{work.project.ref}/secrets/token").status_code == 204
        assert rows.execute("SELECT count(*) FROM secrets").fetchone()[0] == before - 1
    work.commit(config('echo "[$TOKEN]"', environment=from_variables("token")))
    work.push()
    assert work.project.finished(1)["result"] == "success"
    assert work.project.log(1, "task", 0) == b"[]\r\n"
