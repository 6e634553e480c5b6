"""Settings come from four places, and whatever is wrong is said with its place."""

from pathlib import Path

import pytest

from tidemill.errors import BadRequest
from tidemill.settings import Secret
from tidemill.settings.loading import load, names, shown


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tidemill.yml"
    path.write_text(text)
    return path


def test_later_places_win(tmp_path: Path) -> None:
    """The file overrides defaults, the environment the file, flags the environment."""
    path = write(tmp_path, "executor: {slots: 2, name: a}\nweb: {listen: '127.0.0.1:1'}\n")
    environment = {"TIDEMILL_EXECUTOR_SLOTS": "3", "TIDEMILL_WEB_LISTEN": "127.0.0.1:2", "HOME": "/"}
    settings = load(path, environment, {"web.listen": "127.0.0.1:3"})
    assert (settings.executor.name, settings.executor.slots) == ("a", 3)
    assert settings.web.listen == "127.0.0.1:3"
    assert settings.log.level == "info"


def test_lists_and_mappings_come_from_the_environment() -> None:
    """Commas separate lists and mappings."""
    environment = {
        "TIDEMILL_COMPONENTS": "gateway, runservice",
        "TIDEMILL_EXECUTOR_LABELS": "gpu=yes,disk=ssd",
    }
    settings = load(None, environment, {})
    assert settings.components == ("gateway", "runservice")
    assert settings.executor.labels == {"gpu": "yes", "disk": "ssd"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "executor:\n  slot: 2\n",
            "tidemill.yml:2:3: no such setting 'executor.slot'; did you mean 'slots'?",
        ),
        ("exekutor: {}\n", "tidemill.yml:1:1: no such setting 'exekutor'; did you mean 'executor'?"),
        ("executor: 5\n", "tidemill.yml:1:11: executor must be a mapping of settings"),
        ("executor: {slots: many}\n", "tidemill.yml:1:19: executor.slots: Expected `int`, got `str`"),
        ("executor: {slots: 0}\n", "tidemill.yml:1:19: executor.slots: Expected `int` >= 1"),
        ("executor:\n  slots:\n", "tidemill.yml:2:9: executor.slots: Expected `int`, got `null`"),
        ("log: {level: loud}\n", "tidemill.yml:1:14: log.level: Invalid enum value 'loud'; known are debug,"),
        ("runservice: {executor_lease: -3}\n", "executor_lease: Expected `float` > 0.0"),
        ("web: {listen: a, listen: b}\n", "tidemill.yml:1:18: web.listen is there twice"),
        ("web: {}\nweb: {}\n", "tidemill.yml:2:1: web is there twice"),
        ("- a\n", "tidemill.yml:1:1: the file must be a mapping of settings"),
        ("web: text\n", "tidemill.yml:1:6: web must be a mapping of settings"),
        ("? [a]\n: 2\n", "tidemill.yml:1:3: no such setting"),
        ("1: 2\n", "tidemill.yml:1:1: no such setting '1'"),
        ("data_dir: !!python/name:os.system\n", "tidemill.yml:1:11: not valid YAML: could not determine"),
        ("web: !!python/name:os.system\n", "tidemill.yml:1:6: web must be a mapping"),
        (
            "gateway: {admin_token: 123}\n",
            "tidemill.yml:1:24: gateway.admin_token: Expected a text; write it in",
        ),
        ("data_dir: 5\n", "tidemill.yml:1:11: data_dir: Expected a text"),
        ("a: [\n", "tidemill.yml:2:1: not valid YAML: "),
        ("a: 1\n---\nb: 2\n", "tidemill.yml:2:1: not valid YAML: "),
        ("a: \x07\n", "tidemill.yml: not valid YAML: "),
        ("a: *nowhere\n", "tidemill.yml:1:4: not valid YAML: "),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    """Unknown keys name file, line and the nearest match; wrong values name the key."""
    with pytest.raises(BadRequest) as caught:
        load(write(tmp_path, text), {}, {})
    assert message in caught.value.message


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are told of with the file's name."""
    (tmp_path / "tidemill.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadRequest, match=r"tidemill\.yml: not valid YAML: the file is not UTF-8"):
        load(tmp_path / "tidemill.yml", {}, {})


@pytest.mark.parametrize("text", ["", "# nothing\n", "web:\nexecutor: ~\n", "null\n"])
def test_empty_places_give_nothing(tmp_path: Path, text: str) -> None:
    """An empty file and an empty section leave the defaults, and what the environment says."""
    settings = load(write(tmp_path, text), {"TIDEMILL_EXECUTOR_SLOTS": "3"}, {})
    assert (settings.web.listen, settings.executor.slots) == ("127.0.0.1:8000", 3)


def test_anchors_may_be_used(tmp_path: Path) -> None:
    """What YAML itself offers for repeating a value works."""
    text = "configstore: {database: &db 'postgresql://h/x'}\nrunservice: {database: *db}\n"
    assert load(write(tmp_path, text), {}, {}).runservice.database == "postgresql://h/x"


def test_a_wrong_variable_is_named() -> None:
    """A value of the environment that does not fit is told with the variable's name."""
    with pytest.raises(
        BadRequest, match=r"TIDEMILL_EXECUTOR_SLOTS: executor\.slots: Expected `int`, got `str`"
    ):
        load(None, {"TIDEMILL_EXECUTOR_SLOTS": "many"}, {})


def test_a_misspelt_variable_is_refused() -> None:
    """A variable that begins like a section of ours must be a setting."""
    with pytest.raises(BadRequest, match="TIDEMILL_EXECUTOR_SLOT: no such setting; did you mean"):
        load(None, {"TIDEMILL_EXECUTOR_SLOT": "1"}, {})


def test_variables_of_a_run_are_not_settings() -> None:
    """A server started inside a task sees that task's variables and ignores them."""
    load(None, {"TIDEMILL_GIT_REF": "refs/heads/x", "TIDEMILL_RUN_COUNTER": "1", "TIDEMILL_TOKEN": "t"}, {})


def test_secrets_are_hidden() -> None:
    """Neither the listing nor the representation of settings shows a secret."""
    settings = load(None, {"TIDEMILL_GATEWAY_ADMIN_TOKEN": "hunter2"}, {})
    assert settings.gateway.admin_token == Secret("hunter2")
    assert "hunter2" not in repr(settings)
    assert shown(settings)["gateway"]["admin_token"] == "***"


def test_every_setting_has_a_name() -> None:
    """The dotted names cover nested and plain settings."""
    assert {"data_dir", "web.listen", "runservice.executor_lease"} <= set(names())
