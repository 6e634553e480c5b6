"""`tidemill config show` and what the server's flags become."""

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Tidemill
from tidemill.cli.serving import settings_of


def test_the_effective_settings_are_shown(tidemill: Tidemill, tmp_path: Path) -> None:
    """File, environment and flags are one result, as YAML and as JSON."""
    file = tmp_path / "settings.yml"
    file.write_text("web: {listen: '127.0.0.1:1111'}\nexecutor: {slots: 9}\n")
    line = ["config", "show", "--config", str(file), "--listen", "127.0.0.1:2222"]
    shown = yaml.safe_load(tidemill(*line).out)
    assert shown["web"]["listen"] == "127.0.0.1:2222"
    assert shown["executor"]["slots"] == 9
    assert json.loads(tidemill(*line, "-o", "json").out) == shown


@pytest.mark.parametrize("format", ["yaml", "json"])
def test_secrets_are_hidden(tidemill: Tidemill, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    """Tokens and database addresses are stars; what is not set is empty."""
    monkeypatch.setenv("TIDEMILL_SERVICE_TOKEN", "hunter2-service")
    monkeypatch.setenv("TIDEMILL_GATEWAY_ADMIN_TOKEN", "hunter2-admin")
    monkeypatch.setenv("TIDEMILL_RUNSERVICE_DATABASE", "postgresql://u:hunter2@db/x")
    answer = tidemill("config", "show", "-o", format)
    assert answer.code == 0
    assert "hunter2" not in answer.out
    shown = yaml.safe_load(answer.out)
    assert (shown["service_token"], shown["configstore"]["database"]) == ("***", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [("web: {listne: x}", ":1:7: no such setting 'web.listne'; did you mean 'listen'?"), ("web: [", "YAML")],
)
def test_a_wrong_file_is_one_line(tidemill: Tidemill, tmp_path: Path, text: str, said: str) -> None:
    """A mistake in the file of settings is told with its place."""
    file = tmp_path / "settings.yml"
    file.write_text(text)
    answer = tidemill("config", "show", "--config", str(file))
    assert answer.code == 1
    assert str(file) in answer.complaint
    assert said in answer.complaint


def test_a_missing_file_is_one_line(tidemill: Tidemill, tmp_path: Path) -> None:
    """A file of settings that is not there is named."""
    answer = tidemill("config", "show", "--config", str(tmp_path / "none.yml"))
    assert answer.code == 1
    assert "none.yml" in answer.complaint


def test_components_are_separated_by_commas() -> None:
    """Blanks around a component's name do not matter."""
    settings = settings_of(components="gateway, executor", environment={})
    assert settings.components == ("gateway", "executor")
    assert settings_of(components="", environment={}).components == ()
