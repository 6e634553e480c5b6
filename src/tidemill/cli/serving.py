"""`tidemill serve` and `tidemill config show`: the commands of who runs the server."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from tidemill.settings import Settings
from tidemill.settings.loading import load, shown

config = App(name="config", help="The server's settings.")

ConfigFile = Annotated[Path | None, Parameter(help="YAML file of settings.", env_var="TIDEMILL_CONFIG")]
DataDir = Annotated[Path | None, Parameter(help="Where everything durable lives.")]
Listen = Annotated[str | None, Parameter(help="Address and port; port 0 takes a free one.")]
Components = Annotated[str | None, Parameter(help="Services of this process, separated by commas.")]


def settings_of(
    config: Path | None = None,
    data_dir: Path | None = None,
    listen: str | None = None,
    components: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The effective settings of a server started with these flags."""
    flags: dict[str, Any] = {
        "data_dir": data_dir,
        "web.listen": listen,
        "components": None
        if components is None
        else [part.strip() for part in components.split(",") if part.strip()],
    }
    return load(config, os.environ if environment is None else environment, flags)


def serve(
    *,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    listen: Listen = None,
    components: Components = None,
) -> int:
    """Run services until SIGTERM or Ctrl-C: all of them, or those named by --components.

    Without any settings everything runs in this one process: SQLite, local files, built-in git.
    """
    settings = settings_of(config, data_dir, listen, components)
    from tidemill.serve import main

    return main(settings, config)


@config.command
def show(
    *,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    listen: Listen = None,
    components: Components = None,
    output: Annotated[Literal["yaml", "json"], Parameter(name=["--output", "-o"])] = "yaml",
) -> None:
    """Print the effective settings, secrets hidden.

    For example: tidemill config show
    """
    from tidemill.cli.output import show as show_json

    plain = shown(settings_of(config, data_dir, listen, components))
    if output == "json":
        show_json(plain, "json")
        return
    import yaml

    print(yaml.safe_dump(plain, sort_keys=False), end="")
