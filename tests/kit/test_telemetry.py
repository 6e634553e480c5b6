"""What the server logs: lines for people or programs, with the request's id, without secrets."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from tidemill.errors import BadRequest
from tidemill.kit.contract import Call, calling
from tidemill.kit.telemetry import configure_logging


class Hidden(str):
    """Shows itself only as stars."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Other tests log as they did before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_json_lines_carry_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is one object with time, level, event and the id of the request being served."""
    configure_logging("info", "json")
    log = structlog.get_logger("test")
    with calling(Call(request_id="req-1")):
        log.info("started", run="r1")
    log.debug("not shown")
    (line,) = logged(capsys)
    assert line.pop("timestamp")
    assert line == {"event": "started", "level": "info", "run": "r1", "request": "req-1"}


def test_secrets_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    """What is named like a secret or has a secret's type is not shown, also inside of mappings."""
    configure_logging("info", "json")
    structlog.get_logger().info(
        "settings",
        admin_token="hush",
        Authorization="hush",
        database=Hidden("hush"),
        nested={"password": "hush", "user": "alice", "more": [{"client_secret": "hush"}]},
        token_names=("a",),
        name="alice",
    )
    (line,) = logged(capsys)
    assert "hush" not in json.dumps(line)
    assert line["name"] == "alice"
    assert "alice" in json.dumps(line["nested"])
    assert line["token_names"] == ["a"]


def fail(password: str) -> None:
    """Fail for a reason, with a secret among the local variables."""
    try:
        [0][len(password)]
    except IndexError as error:
        raise RuntimeError("outer") from error


def test_exceptions_are_whole_and_show_no_locals(capsys: pytest.CaptureFixture[str]) -> None:
    """The log has the chain of causes, not the values of variables."""
    configure_logging("info", "json")
    try:
        fail("HUSH".lower())
    except RuntimeError:
        structlog.get_logger().exception("failed")
    (line,) = logged(capsys)
    assert "IndexError" in str(line["exception"])
    assert "RuntimeError: outer" in str(line["exception"])
    assert "hush" not in str(line)


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Text lines have no colours where no terminal is, exceptions show no locals either."""
    configure_logging("warning", "auto")
    structlog.get_logger().info("not shown")
    configure_logging("warning", "text")
    try:
        fail("HUSH".lower())
    except RuntimeError:
        structlog.get_logger().exception("failed", run="r1")
    out, err = capsys.readouterr()
    assert out == ""
    assert "failed" in err
    assert "run=r1" in err
    assert "IndexError" in err
    assert "\x1b" not in err
    assert "hush" not in err


def test_libraries_log_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings of libraries become lines like ours, their chatter does not."""
    configure_logging("debug", "json")
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("careful with %s", "that")
    (line,) = logged(capsys)
    assert (line["event"], line["level"]) == ("careful with that", "warning")


@pytest.mark.parametrize(("level", "format"), [("loud", "json"), ("info", "xml")])
def test_wrong_settings_are_refused(level: str, format: str) -> None:
    """The error names what may be chosen."""
    with pytest.raises(BadRequest, match="none of"):
        configure_logging(level, format)
