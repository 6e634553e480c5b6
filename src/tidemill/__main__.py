"""The `tidemill` command; also `python -m tidemill`."""

import sys

from tidemill import __version__


def main() -> None:
    """Run the command line. `--version` is answered before anything else is imported."""
    if sys.argv[1:] == ["--version"]:
        print(f"tidemill {__version__}")  # noqa: T201 - the answer
        return
    try:
        from tidemill.cli.app import run  # noqa: PLC0415 - keeps --version instant
    except KeyboardInterrupt:  # Ctrl-C while the command is being loaded
        sys.exit(130)

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
