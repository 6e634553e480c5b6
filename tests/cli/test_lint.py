"""`tidemill lint`, called as a user calls it."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.cli.conftest import Answer, Tidemill, completed

RIGHT = "runs:\n  - name: ci\n    tasks:\n      - name: a\n        runtime: {type: host}\n        steps:\n"
WRONG = RIGHT + "          - rnu: make\n          - run: 5\n"
ODD = RIGHT + "          - run: make\n            colour: red\n"

#: What takes from root the right to read everything.
UNPRIVILEGED = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of the test's own, which the command is called in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, path: str = ".tidemill/config.yml") -> None:
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def test_a_right_configuration_is_said_to_be_right(tidemill: Tidemill) -> None:
    """In one line, with exit code 0."""
    write(RIGHT + "          - run: make\n")
    assert tidemill("lint") == Answer(0, "1 file checked, nothing wrong\n", "")


def test_every_error_is_shown_with_its_line(tidemill: Tidemill) -> None:
    """The place, what was expected, what may have been meant, the line with a caret; the exit code is 1."""
    write(WRONG)
    answer = tidemill("lint")
    assert (answer.code, answer.err) == (1, "")
    lines = answer.out.splitlines()
    assert lines[0] == ".tidemill/config.yml:7:13: error: unknown step type `rnu`: did you mean `run`?"
    assert lines[1] == "  7 |           - rnu: make"
    assert lines[2] == "    |             ^"
    assert lines[4].startswith(".tidemill/config.yml:8:18: error: ")
    assert lines[-1] == "2 errors in 1 file"


def test_warnings_are_errors_when_asked_for(tidemill: Tidemill) -> None:
    """Without --strict they do not change the exit code."""
    write(ODD)
    answer = tidemill("lint")
    assert answer.code == 0
    assert ": warning: " in answer.out
    assert answer.out.endswith("1 warning in 1 file\n")
    answer = tidemill("lint", "--strict")
    assert answer.code == 1
    assert answer.out.endswith("1 error in 1 file\n")


def test_programs_get_a_list(tidemill: Tidemill) -> None:
    """Of objects, empty when nothing is wrong."""
    write(WRONG)
    answer = tidemill("lint", "-o", "json")
    assert answer.code == 1
    first, _ = json.loads(answer.out)
    assert first == {
        "path": ".tidemill/config.yml",
        "line": 7,
        "column": 13,
        "message": "unknown step type `rnu`: did you mean `run`?",
        "severity": "error",
        "where": "runs[0].tasks[0].steps[0].rnu",
        "source": "          - rnu: make",
    }
    write(RIGHT)
    assert tidemill("lint", "-o", "json") == Answer(0, "[]\n", "")


def test_github_gets_annotations(tidemill: Tidemill) -> None:
    """One workflow command for each problem, and nothing else."""
    write(WRONG)
    first, second = tidemill("lint", "-o", "github").out.splitlines()
    place = "file=.tidemill/config.yml,line=7,col=13"
    assert first == f"::error {place}::unknown step type `rnu`: did you mean `run`?"
    assert second.startswith("::error file=.tidemill/config.yml,line=8,col=18::")


def test_several_paths_are_checked(tidemill: Tidemill) -> None:
    """Files and directories; what cannot be read keeps the others from nothing."""
    write(WRONG, "one/.tidemill/config.yml")
    write(ODD, "two/.agola/config.yml")
    answer = tidemill("lint", "one", "nowhere", "two/.agola/config.yml", "-o", "json")
    assert answer.code == 1
    found = [(each["path"], each["severity"]) for each in json.loads(answer.out)]
    assert found[:3] == [
        ("one/.tidemill/config.yml", "error"),
        ("one/.tidemill/config.yml", "error"),
        ("nowhere", "error"),
    ]
    assert "no such file or directory" in answer.out
    assert {path for path, _ in found[3:]} == {"two/.agola/config.yml"}


def test_the_folder_of_a_file_says_whose_rules_it_follows(tidemill: Tidemill) -> None:
    """A file in `.agola/` is Agola's, wherever the command is called."""
    text = RIGHT + "          - run: make\n    concurrency: x\n"
    write(text, ".agola/config.yml")
    assert "warning" in tidemill("lint", ".agola/config.yml").out
    write(text)
    os.chdir(".tidemill")
    assert tidemill("lint", "config.yml").code == 0


def test_a_directory_below_means_its_repository(tidemill: Tidemill, here: Path) -> None:
    """The configuration of the nearest directory above is checked, and named as from there."""
    write(WRONG)
    (here / "src/deep").mkdir(parents=True)
    os.chdir("src/deep")
    assert f"{here}/.tidemill/config.yml:7:13: error" in tidemill("lint").out


def test_a_directory_without_a_configuration_is_an_error(tidemill: Tidemill, here: Path) -> None:
    """It says what to write."""
    (here / ".git").mkdir()
    answer = tidemill("lint")
    assert answer.code == 1
    assert "no configuration: write .tidemill/config.yml" in answer.out


def test_a_file_that_no_server_would_read_is_told(tidemill: Tidemill) -> None:
    """Two configurations in one folder are most likely an accident."""
    write(RIGHT)
    write('{"runs": [{"name": "ci"}]}', ".tidemill/config.json")
    answer = tidemill("lint")
    assert answer.code == 0
    assert (
        ".tidemill/config.yml: warning: this file is not read: .tidemill/config.json comes before"
        in answer.out
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda place: place.write_bytes(b"a: [" + b"x" * (2 << 20)), "1048576 bytes"),
        (lambda place: place.write_bytes(b"\xff\xfer\0u\0"), "save it as UTF-8"),
        (lambda place: place.write_bytes(b""), "no runs defined"),
        (lambda place: place.write_bytes(b"a: b: c"), "not valid YAML"),
        (lambda place: place.mkdir(), "no configuration"),
        (lambda place: place.symlink_to("/etc/passwd"), "no configuration"),
        (lambda place: place.symlink_to("nowhere"), "no configuration"),
        (lambda place: place.symlink_to("config.yml"), "no configuration"),
        (os.mkfifo, "no configuration"),
    ],
    ids=["2 MiB", "UTF-16", "empty", "syntax", "directory", "link out", "dead link", "circle", "pipe"],
)
def test_what_is_no_configuration_is_one_error(tidemill: Tidemill, make: object, message: str) -> None:
    """Never a traceback, never a wait."""
    Path(".git").mkdir()
    Path(".tidemill").mkdir()
    make(Path(".tidemill/config.yml"))  # type: ignore[operator]
    answer = tidemill("lint")
    assert (answer.code, answer.err) == (1, "")
    assert message in answer.out
    assert answer.out.endswith("1 error in 1 file\n")


@pytest.mark.parametrize("locked", [".tidemill/config.yml", ".tidemill", "."])
def test_what_cannot_be_read_is_not_absent(locked: str, tmp_path: Path) -> None:
    """The reason is told, in one error, also by `plan`."""
    write(RIGHT, "it/.tidemill/config.yml")
    (tmp_path / "it" / locked).chmod(0)
    for words in (["lint", "it", "-o", "github"], ["plan", "it", "--branch", "x"]):
        done = subprocess.run(
            [*UNPRIVILEGED, sys.executable, "-m", "tidemill", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        (line,) = (done.stdout + done.stderr).splitlines()
        assert "permission denied" in line.lower()
    (tmp_path / "it" / locked).chmod(0o755)


def test_a_file_outside_of_the_folders_is_checked(tidemill: Tidemill) -> None:
    """As one of the repository that it lies in."""
    write(WRONG, "ci/other.yml")
    assert tidemill("lint", "ci/other.yml").out.startswith("ci/other.yml:7:13: error")
    Path("link").symlink_to("ci")
    assert tidemill("lint", "link/other.yml").out.startswith("ci/other.yml:7:13: error")


def test_conditions_do_not_keep_anything_from_being_checked(tidemill: Tidemill) -> None:
    """Runs for other refs have their errors shown too."""
    write("runs:\n  - name: release\n    when: {tag: /v/}\n    tasks: [{name: a}]\n")
    answer = tidemill("lint")
    assert answer.code == 1
    assert "runs[0].tasks[0]" in answer.out


def test_programs_are_evaluated_for_the_current_branch(tidemill: Tidemill) -> None:
    """As a push of it would be."""
    subprocess.run(["git", "init", "-q", "-b", "dev"], check=True)
    write(
        'function(ctx) assert ctx.branch != "dev" : "on " + ctx.branch; {runs: []}',
        ".tidemill/config.jsonnet",
    )
    answer = tidemill("lint")
    assert answer.code == 1
    assert "on dev" in answer.out


def test_included_files_are_named(tidemill: Tidemill) -> None:
    """A problem is shown where it is written."""
    write("include: [ci/more.yml]\nruns: [{name: a}]\n")
    write("runs:\n  - nmae: b\n", "ci/more.yml")
    out = tidemill("lint").out
    assert "ci/more.yml:2:" in out


def test_the_schema_is_one() -> None:
    """It is valid JSON Schema, accepts what is right and refuses what is wrong."""
    answer = completed("lint", "--schema")
    assert answer.code == 0
    schema = json.loads(answer.out)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    task = {"name": "a", "runtime": {"type": "host"}, "steps": [{"run": "make"}]}
    assert validator.is_valid({"runs": [{"name": "a", "tasks": [task]}]})
    assert not validator.is_valid({"runs": [{"name": "a", "tasks": [task | {"runtime": "host"}]}]})


def test_a_real_process_does_the_same() -> None:
    """With its child, on pipes."""
    write(WRONG)
    answer = completed("lint", "--strict")
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.endswith("2 errors in 1 file\n")


def test_a_terminal_gets_colours_and_no_more_than_its_width() -> None:
    """Messages are wrapped, the line of the file is cut around the place."""
    write("runs: [" + " " * 300 + "{nmae: x}]\n")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tidemill", "lint"],
        stdout=follower,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "40", "LINES": "20"},
    )
    os.close(follower)
    out = b""
    try:
        while chunk := os.read(leader, 4096):
            out += chunk
    except OSError:  # how a terminal ends
        pass
    assert process.wait(30) == 1
    os.close(leader)
    text = out.decode()
    assert "\x1b[" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(len(line) for line in plain.splitlines()) <= 40
    assert "nmae" in plain
