"""What no task may see of this machine: data, settings, keys, and databases that lie elsewhere."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tidemill.serve.coordination import secret_files
from tidemill.settings import Settings


def hidden(settings: Settings, data_dir: Path, config: Path | None, databases: Iterable[str]) -> list[Path]:
    """Files and folders to be kept from every pod; *databases* are addresses."""
    files = [Path(url.removeprefix("sqlite:///")) for url in databases if url.startswith("sqlite:///")]
    beside = [file.with_name(file.name + end) for file in files for end in ("", "-wal", "-shm")]
    own = [config.absolute()] if config else []
    named = [settings.configstore.secret_key_file, settings.web.tls_key]
    keys = [*(Path(key).absolute() for key in named if key), *secret_files(settings.coordinator)]
    return [data_dir, *beside, *own, *keys, *_local_objects(settings.runservice.objects)]


def _local_objects(url: str) -> list[Path]:
    parts = urlsplit(url)
    return [Path(unquote(parts.path))] if parts.scheme == "file" else []
