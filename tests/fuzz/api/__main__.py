"""`make test-deep`: many cases against the public API, and what became of them."""

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.api.asking import Report, ask
from tests.fuzz.api.rows import Rows
from tests.system.server import Server

ENVIRONMENT = {
    "TIDEMILL_EXECUTOR_DRIVER": "null",
    "TIDEMILL_GATEWAY_UNSECURE_COOKIES": "true",
    "TIDEMILL_LOG_LEVEL": "warning",
}


def run(place: Path, number: int, count: int, *, only: str = "") -> Report:
    """Start a server with rows below *place*, ask it, stop it; bugs in its log are complaints too."""
    server = Server(place / "data", environment=ENVIRONMENT).start()
    try:
        return ask(server, Rows(server, place), number, count, only=only)
    finally:
        server.stop()
        server.clear_away()


def main() -> int:
    """Ask as the command line says; 1 when an answer was not as it may be."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.api", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many cases")
    parser.add_argument("--seed", type=int, default=None, help="of all cases; a new one when it is left out")
    parser.add_argument("--only", default="", help="the operationId of the only operation to try")
    asked = parser.parse_args()
    number = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    print(f"seed {number}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tidemill-api-") as place:
        report = run(Path(place), number, asked.count, only=asked.only)
    print(*report.lines(), sep="\n")
    print(f"{time.monotonic() - began:.0f} s")
    print(*report.complaints.values(), sep="\n")
    return 1 if report.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
