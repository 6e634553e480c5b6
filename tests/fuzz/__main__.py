"""`make test-deep`: many cases, a report of what became of them, and the files of those that should not have."""

import argparse
import os
import secrets
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import anyio

from tests.fuzz.cases import Case, cases
from tests.fuzz.running import Report, run

_PORTION = 2000


def main() -> int:
    """Run the cases that the command line asks for; 1 when one of them ended as none may."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many cases")
    parser.add_argument("--seed", type=int, default=None, help="of all cases; a new one when it is left out")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="children at once")
    asked = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    report, began = Report(), time.monotonic()
    for first in range(asked.first, asked.first + asked.count, _PORTION):
        portion = cases(seed, min(_PORTION, asked.first + asked.count - first), first)
        report.add(anyio.run(partial(run, portion, planners=asked.jobs)))
        print(f"{report.count} cases in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print("\n".join(report.lines()))
    for case, complaint in report.complaints:
        print(f"\ncase {case.number} ({case.kind}): {complaint}\n  again with: {_again(seed, case)}")
    return 1 if report.complaints else 0


def _again(seed: int, case: Case) -> str:
    """How to repeat a case; its files are written down."""
    place = Path(tempfile.mkdtemp(prefix="tidemill-fuzz-"))
    for path, raw in case.files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(raw)
    return f"tidemill lint {place}, or --seed {seed} --first {case.number} --count 1"


if __name__ == "__main__":
    sys.exit(main())
