"""The house as a whole: its services on either kind of database, and what its tasks may not see."""

from pathlib import Path

from tests.conftest import DatabaseUrl
from tests.system.server import Server, Work, config
from tidemill.serve.house import WITH_DATABASE, House
from tidemill.settings import GitserverSettings, RunserviceSettings, Secret, Settings


def test_every_service_lives_where_its_setting_says(database_url: DatabaseUrl, tmp_path: Path) -> None:
    """With a `database` each, a push becomes a run on either engine, also after a restart, and no service
    keeps a file of its own beside it."""
    environment = {f"TIDEMILL_{name.upper()}_DATABASE": database_url(name) for name in WITH_DATABASE}
    server = Server(tmp_path / "data", environment=environment).start()
    try:
        work = Work(tmp_path / "work", server.user("alice").project("hello"))
        for number in (1, 2):
            work.commit(config("echo hello"), f"change {number}")
            assert f"run #{number} " in work.push()
            assert work.project.finished(number)["result"] == "success"
            server.kill()
            server.start()
        assert [path.name for path in server.data.glob("*.db")] == ["coordinator.db"]
    finally:
        server.stop()


def test_a_database_file_that_lies_elsewhere_is_hidden(tmp_path: Path) -> None:
    """No task sees a service's SQLite file, wherever the settings put it."""
    file = tmp_path / "elsewhere" / "git.db"
    settings = Settings(
        data_dir=tmp_path / "data", gitserver=GitserverSettings(database=Secret(f"sqlite:///{file}"))
    )
    hidden = House(settings, "http://127.0.0.1:1", None)._hidden()
    assert {file, file.with_name("git.db-wal")} <= set(hidden)


def test_a_folder_of_objects_that_lies_elsewhere_is_hidden(tmp_path: Path) -> None:
    """No task sees the logs of others, wherever the settings put them."""
    folder = tmp_path / "shared objects"
    settings = Settings(data_dir=tmp_path / "data", runservice=RunserviceSettings(objects=folder.as_uri()))
    assert folder in House(settings, "http://127.0.0.1:1", None)._hidden()
