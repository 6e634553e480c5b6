"""`tidemill events` against a real server: for people, for programs, over connections that break."""

import json
import random
import re

import pytest

from tests.cli.conftest import Tidemill, completed
from tests.cli.scissors import Scissors
from tests.system.server import Project, User, Work, config

#: Of a run of one task: queued, running, the task running (unless it was too short) and over, finished.
FEWEST = 4


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, alice: User) -> Project:
    """A project of which two runs have ended, one well, one badly."""
    work = Work(tmp_path_factory.mktemp("told"), alice.project("told"))
    for command in ("true", "exit 3"):
        work.commit(config(command))
        work.push()
    work.project.finished(1)
    work.project.finished(2)
    return work.project


def ended(lines: list[str]) -> list[str]:
    return [line[10:] for line in lines if ": finished" in line]


def test_people_read_a_line_for_each_event(told: Project, as_alice: User, tidemill: Tidemill) -> None:
    """The time, the run, what became of it; its tasks between."""
    answer = tidemill("events", told.path, "--after", "oldest", "--count", str(2 * FEWEST), "-o", "table")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert len(lines) == 2 * FEWEST
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d  #[12] (run|task): .+", line) for line in lines), lines
    assert lines[0].endswith("#1 run: queued")
    assert ended(lines)[0] == "#1 run: finished success"
    assert any(line.endswith("#1 task: success") for line in lines)


def test_programs_read_json_with_ids(told: Project, as_alice: User, tidemill: Tidemill) -> None:
    """A line is an event; with its id another call goes on behind it."""
    lines = tidemill("events", told.path, "--after", "oldest", "--count", "3").out.splitlines()
    first, second, third = (json.loads(line) for line in lines)
    assert [first["kind"], second["kind"]] == ["run", "run"]
    assert [first["run"]["phase"], second["run"]["phase"]] == ["queued", "running"]
    (again,) = tidemill("events", told.path, "--after", second["id"], "--count", "1").out.splitlines()
    assert json.loads(again) == third


def test_what_cannot_be_followed(told: Project, as_alice: User, tidemill: Tidemill) -> None:
    """One sentence each."""
    assert tidemill("events").complaint == "you may not follow all runs; that is for administrators"
    assert tidemill("events", told.path, "--user", "alice").code == 2
    assert "is not the id of an event" in tidemill("events", told.path, "--after", "x").complaint
    assert (
        "an import or a backup has replaced it" in tidemill("events", told.path, "--after", "x-1").complaint
    )
    assert tidemill("events", "user/alice/none").complaint


@pytest.mark.usefixtures("as_administrator")
def test_the_administrator_follows_all(told: Project, tidemill: Tidemill) -> None:
    """With the project of each run."""
    (line,) = tidemill("events", "--after", "oldest", "--count", "1", "-o", "table").out.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d  \S{36} #1 .+: queued", line)


def test_events_are_followed_over_broken_connections(told: Project, alice: User) -> None:
    """No connection lasts, each event is printed once."""
    chance = random.Random(3)
    command = ("events", told.path, "--after", "oldest", "--count", str(2 * FEWEST))
    token = {"TIDEMILL_TOKEN": alice.token}
    whole = completed(*command, environment=token | {"TIDEMILL_GATEWAY_URL": alice.server.url})
    with Scissors(alice.server.url, bytes=lambda: chance.randrange(1, 1500)) as line:
        cut = completed(*command, environment=token | {"TIDEMILL_GATEWAY_URL": line.url})
    assert (cut.code, cut.err, cut.out) == (0, "", whole.out)
    assert line.cuts >= 2
