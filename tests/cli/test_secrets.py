"""`tidemill secret` and `tidemill variable` against a real server; values come from files and stdin only."""

import io
import json
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tidemill
from tests.system.server import Project, User, Work, config

VALUE = "hunter2-is-the-value"
NUMBERS = count(1)
Type = Callable[[bytes], None]


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Type:
    """Puts bytes into standard input."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put


@pytest.fixture
def project(as_alice: User) -> Project:
    """A project with a name of its own."""
    return as_alice.project(f"secretive{next(NUMBERS)}")


def good(tidemill: Tidemill, *words: str) -> Any:
    """What a command answers with `-o json`."""
    answer = tidemill(*words, "-o", "json")
    assert (answer.code, answer.err) == (0, "")
    return json.loads(answer.out)


def lengths(project: Project, folder: Path, **environment: str) -> list[str]:
    """How long the variables are that a step of the project sees."""
    number = len(project.runs()) + 1
    work = Work(folder / f"work{number}", project)
    sizes = " ".join(f"${{#{name}}}" for name in environment)
    values = {name: {"from_variable": variable} for name, variable in environment.items()}
    work.commit(config(f"echo {sizes}", environment=values), f"change {number}")
    work.git("push", "-q", "-f", "origin", "HEAD:refs/heads/main")
    assert project.finished(number)["result"] == "success"
    return project.log(number, "task", 0).decode().split()


def test_a_secret_from_files_reaches_a_step(
    project: Project, tidemill: Tidemill, type_in: Type, tmp_path: Path
) -> None:
    """From a YAML file, from a file for a key (without the newline of its one line), from stdin."""
    at = ("--project", project.path)
    (tmp_path / "data.yml").write_text(f"token: {VALUE}\n")
    (tmp_path / "line").write_text("12345\n")
    (tmp_path / "lines").write_text("one\ntwo\n")
    sources = (
        "--from",
        f"line={tmp_path / 'line'}",
        "--from",
        f"lines={tmp_path / 'lines'}",
        "--from",
        "in=-",
    )
    type_in(b"typed\r\n")
    made = good(tidemill, "secret", "create", "deploy", *at, "-f", str(tmp_path / "data.yml"), *sources)
    assert made["name"] == "deploy"
    (listed,) = good(tidemill, "secret", "list", *at)
    assert listed == made | {"parent_path": project.path}
    for key in ("token", "line", "lines", "in"):
        good(tidemill, "variable", "create", f"v-{key}", *at, "--from", f"deploy/{key}")
    names = {"TOKEN": "v-token", "LINE": "v-line", "LINES": "v-lines", "TYPED": "v-in"}
    assert lengths(project, tmp_path, **names) == [str(len(VALUE)), "5", "8", "5"]
    type_in(b'{"token": "new"}')
    good(tidemill, "secret", "update", "deploy", *at, "--file", "-", "--new-name", "other")
    assert [one["name"] for one in good(tidemill, "secret", "list", *at)] == ["other"]
    assert lengths(project, tmp_path, TOKEN="v-token") == ["0"]
    good(tidemill, "variable", "update", "v-token", *at, "--from", "other/token")
    assert lengths(project, tmp_path, TOKEN="v-token") == ["3"]
    assert tidemill("secret", "delete", "other", *at).code == 0
    assert "no secret 'other'" in tidemill("secret", "delete", "other", *at).complaint
    rows = [row.split() for row in tidemill("variable", "list", *at).out.splitlines()]
    assert ["v-token", "other/token", "(missing)", project.path] in [row[:4] for row in rows]


def test_a_group_s_secrets_are_inherited(project: Project, tidemill: Tidemill, type_in: Type) -> None:
    """They are listed beside the project's own if asked; what is nearer hides what is farther."""
    name = f"g{project.path.rpartition('/')[2]}"
    for at in (("--group", "user/alice"), ("--project", project.path)):
        type_in(b"k: v\n")
        good(tidemill, "secret", "create", name, *at, "-f", "-")
        good(tidemill, "variable", "create", name, *at, "--from", f"{name}/k")
    good(tidemill, "variable", "create", f"{name}x", "--group", "user/alice", "--from", f"{name}/k")
    own = good(tidemill, "secret", "list", "--project", project.path)
    assert [one["parent_path"] for one in own] == [project.path]
    everything = good(tidemill, "variable", "list", "--project", project.path, "--inherited")
    places = {one["name"]: one["parent_path"] for one in everything if one["name"].startswith(name)}
    assert places == {name: project.path, f"{name}x": "user/alice"}
    for word in ("variable", "secret"):
        assert tidemill(word, "delete", name, "--group", "user/alice").code == 0


def test_values_are_read_as_agolas_client_reads_them(
    project: Project, tidemill: Tidemill, tmp_path: Path
) -> None:
    """Names, lists, `include` and `exclude`, regular expressions between slashes or hashes."""
    file = tmp_path / "values.yml"
    file.write_text("""
- secret_name: one
  secret_var: a
  when: {branch: main, tag: [v1, '#v[0-9]+#'], ref: {include: /^refs/, exclude: [x]}}
- {secret_name: two, secret_var: b}
""")
    at = ("--project", project.path)
    made = good(tidemill, "variable", "create", "v", *at, "-f", str(file))
    first, second = made["values"]
    simple, regexp = {"type": "simple"}, {"type": "regexp"}
    assert first["when"] == {
        "branch": {"include": [simple | {"match": "main"}]},
        "tag": {"include": [simple | {"match": "v1"}, regexp | {"match": "v[0-9]+"}]},
        "ref": {"include": [regexp | {"match": "^refs"}], "exclude": [simple | {"match": "x"}]},
    }
    assert (second["secret_name"], second["secret_var"], second["when"]) == ("two", "b", None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "must hold a list such as"),
        ("a: b", "must hold a list such as"),
        ("- [", "values.yml:1:"),
        ("- {secret_name: x}", "values.yml:1:3: a value needs `secret_var`"),
        ("- {secret_name: x, secret_var: y, wen: z}", "values.yml:1:"),
        ("- {secret_name: x, secret_var: y, when: main}", "values.yml:1:41: `when` must be a mapping"),
        ("- {secret_name: x, secret_var: y, when: {tag: /(/}}", "is not a pattern"),
        ("- 1", "a value must be a mapping"),
    ],
)
def test_wrong_values_are_told_with_their_place(
    project: Project, tidemill: Tidemill, tmp_path: Path, text: str, complaint: str
) -> None:
    """Before anything is asked of the server."""
    file = tmp_path / "values.yml"
    file.write_text(text)
    answer = tidemill("variable", "create", "v", "--project", project.path, "-f", str(file))
    assert answer.code == 1
    assert complaint in answer.complaint


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("secret", "create", "s", "-f", "x"), "exactly one of --project and --group"),
        (("secret", "list", "--project", "a", "--group", "b"), "exactly one of --project and --group"),
        (("secret", "create", "s", "--project", "a"), "--file FILE or --from KEY=FILE"),
        (("secret", "create", "s", "--project", "a", "--from", "token"), "--from KEY=FILE"),
        (("variable", "create", "v", "--project", "a"), "--from SECRET/KEY or --file FILE"),
        (("variable", "create", "v", "--project", "a", "--from", "x"), "write --from SECRET/KEY"),
    ],
)
def test_a_command_line_that_makes_no_sense(
    tidemill: Tidemill, words: tuple[str, ...], complaint: str
) -> None:
    """Is told so, with exit code 2."""
    answer = tidemill(*words)
    assert answer.code == 2
    assert complaint in answer.complaint


def test_a_file_that_is_no_text_is_refused(project: Project, tidemill: Tidemill, tmp_path: Path) -> None:
    """Missing, or not UTF-8: the environment of a process could not hold it anyway."""
    at = ("--project", project.path)
    missing = tidemill("secret", "create", "s", *at, "--from", f"k={tmp_path / 'none'}")
    assert "none cannot be read: No such file or directory" in missing.complaint
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    assert "base64" in tidemill("secret", "create", "s", *at, "--from", f"k={tmp_path / 'binary'}").complaint
